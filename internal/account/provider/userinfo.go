package provider

import (
	"context"
	"errors"
	"net/url"

	"github.com/loam-baas/loam/internal/parse"
)

// owner is a service that says whose token one is, but not which app it was made for.
// It needs enableInsecureAuth and the app's
// enableInsecureAuthAdapters (advisory D04).
//
//	options   enableInsecureAuth: true
//	authData  {id, access_token}
type owner struct {
	label string
	// key is the member of authData with the token.
	key string
	// ask returns the id of the token's owner.
	ask func(ctx context.Context, token string) (string, error)
}

// newOwner makes such a provider.
func newOwner(p owner, o *Options, env Env) Provider {
	if !env.insecure(o) {
		o.Problem("enableInsecureAuth", "is missing: there is no secure way to log in with it")
	}
	return newIdentity(p.label, func(ctx context.Context, data *parse.Object) (*parse.Object, error) {
		token := text(data, p.key)
		if token == "" || text(data, "id") == "" {
			return nil, refusal(p.label)
		}
		id, err := p.ask(ctx, token)
		if err != nil {
			return nil, unreachable(p.label, err)
		}
		return identified(id), nil
	})
}

// newMeetup makes the provider "meetup".
func newMeetup(_ string, o *Options, env Env) Provider {
	return newOwner(owner{label: "Meetup", key: "access_token", ask: func(ctx context.Context, token string) (string, error) {
		a, err := get(ctx, env.HTTP, "https://api.meetup.com/2/member/self", bearer(token))
		return a.text("id"), err
	}}, o, env)
}

// newPhantAuth makes the provider "phantauth".
func newPhantAuth(_ string, o *Options, env Env) Provider {
	return newOwner(owner{label: "PhantAuth", key: "access_token", ask: func(ctx context.Context, token string) (string, error) {
		a, err := get(ctx, env.HTTP, "https://phantauth.net/auth/userinfo", bearer(token))
		return a.text("sub"), err
	}}, o, env)
}

// vkVersion is the version of the API of VK that is asked, unless apiVersion says another.
const vkVersion = "5.124"

// newVK makes the provider "vkontakte". It has the options appIds (the app's id),
// appSecret and apiVersion besides; with the first two, VK tells whether a token
// was made for the app, and it must have been.
func newVK(_ string, o *Options, env Env) Provider {
	secret, version := o.Text("appSecret"), o.Text("apiVersion")
	var app string
	if apps := o.TextOrTexts("appIds"); len(apps) == 1 {
		app = apps[0]
	} else if len(apps) > 1 {
		o.Problem("appIds", "must be one app: the secret is one's")
	}
	if (app == "") != (secret == "") {
		o.Problem("appIds", "and appSecret go together")
	}
	if version == "" {
		version = vkVersion
	}
	call := func(ctx context.Context, method string, query url.Values) (answer, error) {
		query.Set("v", version)
		return post(ctx, env.HTTP, "https://api.vk.com/method/"+method, nil, query)
	}
	return newOwner(owner{label: "Vk", key: "access_token", ask: func(ctx context.Context, token string) (string, error) {
		if app != "" {
			a, err := get(ctx, env.HTTP, "https://oauth.vk.com/access_token?"+url.Values{
				"client_id": {app}, "client_secret": {secret}, "v": {version}, "grant_type": {"client_credentials"},
			}.Encode(), nil)
			if err != nil {
				return "", err
			}
			a, err = call(ctx, "secure.checkToken", url.Values{"token": {token}, "access_token": {a.text("access_token")}, "client_secret": {secret}})
			if err != nil {
				return "", err
			}
			if a.object("response").text("success") != "1" {
				return "", errors.New("the token was made for another app")
			}
			return a.object("response").text("user_id"), nil
		}
		a, err := call(ctx, "users.get", url.Values{"access_token": {token}})
		if err != nil {
			return "", err
		}
		users, _ := a["response"].([]any)
		if len(users) != 1 {
			return "", errors.New("the token has no one owner")
		}
		user, _ := users[0].(map[string]any)
		return answer(user).text("id"), nil
	}}, o, env)
}

// newJanrainEngage makes the provider "janrainengage":
//
//	options   api_key; enableInsecureAuth: true
//	authData  {id, auth_token}
func newJanrainEngage(_ string, o *Options, env Env) Provider {
	key := o.RequiredText("api_key")
	return newOwner(owner{label: "Janrain engage", key: "auth_token", ask: func(ctx context.Context, token string) (string, error) {
		form := url.Values{"token": {token}, "apiKey": {key}, "format": {"json"}}
		a, err := post(ctx, env.HTTP, "https://rpxnow.com/api/v2/auth_info", nil, form)
		if err == nil && a.text("stat") != "ok" {
			err = errors.New("the token is none")
		}
		return a.object("profile").text("identifier"), err
	}}, o, env)
}

// newJanrainCapture makes the provider "janraincapture":
//
//	options   janrain_capture_host: the app's own host at Janrain
//	authData  {id, access_token}
//
// The host knows the tokens of the app alone, so that this one is not insecure.
func newJanrainCapture(_ string, o *Options, env Env) Provider {
	host := o.RequiredText("janrain_capture_host")
	if u, err := url.Parse("https://" + host); err != nil || u.Host != host || u.Hostname() == "" || u.User != nil {
		o.Problem("janrain_capture_host", "must be a host's name")
	}
	return newIdentity("Janrain capture", func(ctx context.Context, data *parse.Object) (*parse.Object, error) {
		token := text(data, "access_token")
		if token == "" || text(data, "id") == "" {
			return nil, refusal("Janrain capture")
		}
		query := url.Values{"access_token": {token}, "attribute_name": {"uuid"}} // other attributes the user may set
		a, err := get(ctx, env.HTTP, "https://"+host+"/entity?"+query.Encode(), nil)
		if err != nil {
			return nil, unreachable("Janrain capture", err)
		}
		if a.text("stat") != "ok" {
			return nil, refusal("Janrain capture")
		}
		return identified(a.text("result")), nil
	})
}
