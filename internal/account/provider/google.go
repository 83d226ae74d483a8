package provider

import "time"

// newGoogle makes the provider "google":
//
//	options   clientId: the app's id, or a list of them; cacheMaxAge: milliseconds
//	authData  {id, id_token, nonce?}
func newGoogle(_ string, o *Options, env Env) Provider {
	o.Require("clientId")
	t := &tokens{
		label: "Google", what: "id token", now: env.Now,
		keys:       newKeySet(env, keysOptions(o), fixed("https://www.googleapis.com/oauth2/v3/certs")),
		algorithms: []string{"RS256", "ES256"},
		issuers:    []string{"https://accounts.google.com", "accounts.google.com"},
		audiences:  o.TextOrTexts("clientId"),
	}
	return t.identity("id_token")
}

// keysOptions reads what Parse Server's providers of tokens have in common: how
// long keys are kept, in milliseconds. All of a set's keys are; their number is no option.
func keysOptions(o *Options) time.Duration {
	o.Int("cacheMaxEntries", 0, 0, 1<<31)
	return time.Duration(o.Int("cacheMaxAge", keysAge.Milliseconds(), 1, keysStale.Milliseconds())) * time.Millisecond
}
