package provider

// newGitHub makes the provider "github": options and authData are those of
// [exchanger]. GitHub's ids are numbers; they are kept as text.
func newGitHub(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "GitHub",
		tokenURL: "https://github.com/login/oauth/access_token",
		send:     sendJSON,
		identify: idAt("https://api.github.com/user", "id"),
	}, o, env)
}
