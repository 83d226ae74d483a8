package provider

import (
	"context"

	"github.com/loam-baas/loam/internal/parse"
)

// newLinkedIn makes the provider "linkedin": options and authData are those of
// [exchanger]; redirect_uri is needed, and is_mobile_sdk: true tells that the
// token is one of the mobile SDK.
func newLinkedIn(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "LinkedIn",
		tokenURL: "https://www.linkedin.com/oauth/v2/accessToken",
		redirect: true,
		identify: func(ctx context.Context, x *exchanger, a answer, data *parse.Object) (string, error) {
			header := bearer(a.text("access_token"))
			header.Set("X-Li-Format", "json")
			if mobile, _ := data.Get("is_mobile_sdk"); mobile == parse.Bool(true) {
				header.Set("X-Li-Src", "msdk")
			}
			user, err := get(ctx, x.http, "https://api.linkedin.com/v2/me", header)
			return user.text("id"), err
		},
	}, o, env)
}
