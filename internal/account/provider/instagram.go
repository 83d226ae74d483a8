package provider

import (
	"context"
	"net/url"

	"github.com/loam-baas/loam/internal/parse"
)

// newInstagram makes the provider "instagram": options and authData are those of
// [exchanger], and redirect_uri is needed. An apiURL in authData is not looked at
// (advisory D05).
func newInstagram(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "Instagram",
		tokenURL: "https://api.instagram.com/oauth/access_token",
		redirect: true,
		identify: func(ctx context.Context, x *exchanger, a answer, _ *parse.Object) (string, error) {
			query := url.Values{"fields": {"id"}, "access_token": {a.text("access_token")}}
			user, err := get(ctx, x.http, "https://graph.instagram.com/me?"+query.Encode(), nil)
			return user.text("id"), err
		},
	}, o, env)
}
