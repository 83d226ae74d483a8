package provider

// newMicrosoft makes the provider "microsoft": options and authData are those of
// [exchanger], and redirect_uri is needed. The id is the one that Microsoft Graph
// gives.
func newMicrosoft(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "Microsoft",
		tokenURL: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
		redirect: true,
		identify: idAt("https://graph.microsoft.com/v1.0/me", "id"),
	}, o, env)
}
