package provider

// newSpotify makes the provider "spotify": options and authData are those of
// [exchanger], and redirect_uri is needed. The secret is not: without it,
// code_verifier is.
func newSpotify(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "spotify",
		tokenURL: "https://accounts.spotify.com/api/token",
		public:   true,
		redirect: true,
		identify: idAt("https://api.spotify.com/v1/me", "id"),
	}, o, env)
}
