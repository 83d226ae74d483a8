package provider

// newApple makes the provider "apple":
//
//	options   clientId: the app's id, or a list of them
//	authData  {id, token, nonce?}, with Apple's identity token
func newApple(_ string, o *Options, env Env) Provider {
	o.Require("clientId")
	t := &tokens{
		label: "Apple", what: "id token", now: env.Now,
		keys:       newKeySet(env, keysOptions(o), fixed("https://appleid.apple.com/auth/keys")),
		algorithms: []string{"RS256", "ES256"},
		issuers:    []string{"https://appleid.apple.com"},
		audiences:  o.TextOrTexts("clientId"),
	}
	return t.identity("token")
}
