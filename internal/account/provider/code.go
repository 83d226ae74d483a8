package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/loam-baas/loam/internal/parse"
)

// service is an OAuth 2 service: where it turns a code into a token, and how it
// tells whose token one is. The table of services is in services.go.
type service struct {
	// label is the service's name in messages.
	label string
	// tokenURL is where codes are exchanged, and send is how they get there; nil
	// sends a form.
	tokenURL string
	send     func(ctx context.Context, c *http.Client, url string, parameters url.Values) (answer, error)
	// renamed are parameters that the service has names of its own for.
	renamed map[string]string
	// public services know their clients without a secret, by the verifier of the code.
	public bool
	// redirect tells that the service wants the redirect URI again.
	redirect bool
	// identify returns the id of the user whose token a is or has. It must find out
	// from the service, not from data.
	identify func(ctx context.Context, s *exchanger, a answer, data *parse.Object) (string, error)
}

// exchanger is a service with an app's options:
//
//	options   clientId, clientSecret; enableInsecureAuth
//	authData  {code, redirect_uri?, code_verifier?}; with enableInsecureAuth {id, access_token}
//
// The code is exchanged by the server, with the app's secret: so the token is one
// that was made for the app (advisory D04).
type exchanger struct {
	service
	http                   *http.Client
	clientID, clientSecret string
}

// newExchanger makes a provider of a service.
func newExchanger(s service, o *Options, env Env) Provider {
	x := &exchanger{service: s, http: env.HTTP}
	if env.insecure(o) {
		x.clientID, x.clientSecret = o.Text("clientId"), o.Text("clientSecret")
		return newIdentity(s.label, x.proveToken)
	}
	x.clientID = o.RequiredText("clientId")
	if s.public {
		x.clientSecret = o.Text("clientSecret")
	} else {
		x.clientSecret = o.RequiredText("clientSecret")
	}
	return newIdentity(s.label, x.proveCode)
}

// proveCode exchanges a code.
func (x *exchanger) proveCode(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	code := text(data, "code")
	if code == "" {
		return nil, parse.Errorf(parse.ValidationError, "%s code is required.", x.label)
	}
	parameters := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {x.clientID},
	}
	if x.clientSecret != "" {
		parameters.Set("client_secret", x.clientSecret)
	}
	for _, key := range []string{"redirect_uri", "code_verifier"} {
		if value := text(data, key); value != "" {
			parameters.Set(key, value)
		}
	}
	if x.redirect && parameters.Get("redirect_uri") == "" {
		return nil, parse.Errorf(parse.ValidationError, "%s redirect_uri is required.", x.label)
	}
	if x.public && x.clientSecret == "" && parameters.Get("code_verifier") == "" {
		return nil, parse.Errorf(parse.ValidationError, "%s code_verifier is required.", x.label)
	}
	for name, own := range x.renamed {
		parameters[own] = parameters[name]
		delete(parameters, name)
	}
	send := x.send
	if send == nil {
		send = sendForm
	}
	a, err := send(ctx, x.http, x.tokenURL, parameters)
	if err != nil {
		return nil, unreachable(x.label, err)
	}
	if a.text("access_token") == "" {
		return nil, refusal(x.label) // {"error": …}, mostly with status 200
	}
	return x.identified(ctx, a, data)
}

// proveToken asks whose token one is that the client brought.
func (x *exchanger) proveToken(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	token := text(data, "access_token")
	if token == "" || text(data, "id") == "" {
		return nil, refusal(x.label)
	}
	return x.identified(ctx, answer{"access_token": token}, data)
}

func (x *exchanger) identified(ctx context.Context, a answer, data *parse.Object) (*parse.Object, error) {
	id, err := x.identify(ctx, x, a, data)
	if err != nil {
		return nil, unreachable(x.label, err)
	}
	return identified(id), nil
}

// idAt identifies by asking a URL with the token in a header; the id is a member
// of the answer.
func idAt(url, member string) func(context.Context, *exchanger, answer, *parse.Object) (string, error) {
	return func(ctx context.Context, x *exchanger, a answer, _ *parse.Object) (string, error) {
		user, err := get(ctx, x.http, url, bearer(a.text("access_token")))
		return user.text(member), err
	}
}

// sendForm, sendQuery and sendJSON are the ways in which services want a code.
func sendForm(ctx context.Context, c *http.Client, url string, parameters url.Values) (answer, error) {
	return post(ctx, c, url, nil, parameters)
}

func sendQuery(ctx context.Context, c *http.Client, url string, parameters url.Values) (answer, error) {
	return get(ctx, c, url+"?"+parameters.Encode(), nil)
}

func sendJSON(ctx context.Context, c *http.Client, url string, parameters url.Values) (answer, error) {
	members := map[string]string{}
	for key := range parameters {
		members[key] = parameters.Get(key)
	}
	body, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return ask(ctx, c, http.MethodPost, url, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(body))
}
