package provider

import (
	"context"
	"errors"
	"net/url"

	"github.com/loam-baas/loam/internal/parse"
)

// newWeibo makes the provider "weibo": options and authData are those of
// [exchanger], and redirect_uri is needed. Weibo tells which app a token was made
// for; it must be this one, in every case in which clientId is set.
func newWeibo(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "Weibo",
		tokenURL: "https://api.weibo.com/oauth2/access_token",
		redirect: true,
		identify: func(ctx context.Context, x *exchanger, a answer, _ *parse.Object) (string, error) {
			form := url.Values{"access_token": {a.text("access_token")}}
			info, err := post(ctx, x.http, "https://api.weibo.com/oauth2/get_token_info", nil, form)
			if err == nil && x.clientID != "" && info.text("appkey") != x.clientID {
				err = errors.New("the token was made for another app")
			}
			return info.text("uid"), err
		},
	}, o, env)
}
