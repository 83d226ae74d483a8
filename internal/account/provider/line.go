package provider

// newLine makes the provider "line": options and authData are those of
// [exchanger], and redirect_uri is needed.
func newLine(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "Line",
		tokenURL: "https://api.line.me/oauth2/v2.1/token",
		redirect: true,
		identify: idAt("https://api.line.me/v2/profile", "userId"),
	}, o, env)
}
