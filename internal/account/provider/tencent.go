package provider

import (
	"context"
	"errors"
	"net/url"

	"github.com/loam-baas/loam/internal/parse"
)

// newQQ makes the provider "qq": options and authData are those of [exchanger],
// and redirect_uri is needed. QQ tells which app a token was made for; it must be
// this one, in every case in which clientId is set.
func newQQ(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "qq",
		tokenURL: "https://graph.qq.com/oauth2.0/token",
		send:     sendQuery,
		redirect: true,
		identify: func(ctx context.Context, x *exchanger, a answer, _ *parse.Object) (string, error) {
			query := url.Values{"access_token": {a.text("access_token")}, "fmt": {"json"}}
			user, err := get(ctx, x.http, "https://graph.qq.com/oauth2.0/me?"+query.Encode(), nil)
			if err == nil && x.clientID != "" && user.text("client_id") != x.clientID {
				err = errors.New("the token was made for another app")
			}
			return user.text("openid"), err
		},
	}, o, env)
}

// newWeChat makes the provider "wechat": options and authData are those of
// [exchanger]. The id is the openid, which is the app's own name for its user.
func newWeChat(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "WeChat",
		tokenURL: "https://api.weixin.qq.com/sns/oauth2/access_token",
		send:     sendQuery,
		renamed:  map[string]string{"client_id": "appid", "client_secret": "secret"},
		identify: func(ctx context.Context, x *exchanger, a answer, data *parse.Object) (string, error) {
			if id := a.text("openid"); id != "" {
				return id, nil // the exchange tells whose token it is
			}
			id := text(data, "id")
			query := url.Values{"access_token": {a.text("access_token")}, "openid": {id}}
			verdict, err := get(ctx, x.http, "https://api.weixin.qq.com/sns/auth?"+query.Encode(), nil)
			if err == nil && verdict.text("errcode") != "0" {
				err = errors.New("the token is not the user's")
			}
			return id, err
		},
	}, o, env)
}
