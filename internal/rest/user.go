package rest

import (
	"context"
	"net/url"
	"slices"

	"github.com/loam-baas/loam/internal/parse"
)

// loginPath is where a session token that comes along does not count.
const loginPath = "/login"

// logIn answers GET and POST /login.
func logIn(ctx context.Context, c *call) (answer, error) {
	body, err := c.credentials()
	if err != nil {
		return answer{}, err
	}
	user, err := c.app.accounts.LogIn(ctx, c.caller, body)
	if err != nil {
		return answer{}, err
	}
	return of(user), nil
}

// logInAs answers POST /loginAs.
func logInAs(ctx context.Context, c *call) (answer, error) {
	body, err := c.parameters("userId")
	if err != nil {
		return answer{}, err
	}
	user, err := c.app.accounts.LogInAs(ctx, c.caller, body)
	if err != nil {
		return answer{}, err
	}
	return of(user), nil
}

// verifyPassword answers GET and POST /verifyPassword.
func verifyPassword(ctx context.Context, c *call) (answer, error) {
	body, err := c.credentials()
	if err != nil {
		return answer{}, err
	}
	user, err := c.app.accounts.VerifyPassword(ctx, c.caller, body)
	if err != nil {
		return answer{}, err
	}
	return of(user), nil
}

// logOut answers POST /logout.
func logOut(ctx context.Context, c *call) (answer, error) {
	if err := c.app.accounts.LogOut(ctx, c.caller, c.sessionToken()); err != nil {
		return answer{}, err
	}
	return answer{json: emptyObject}, nil
}

// me answers GET /users/me.
func me(ctx context.Context, c *call) (answer, error) {
	user, err := c.app.accounts.Me(ctx, c.caller, c.sessionToken())
	if err != nil {
		return answer{}, err
	}
	return of(user), nil
}

// ownSession is where a session is found by its token.
const ownSession = "/sessions/me"

// mySession answers GET /sessions/me.
func mySession(ctx context.Context, c *call) (answer, error) {
	session, err := c.app.accounts.Session(ctx, c.caller, c.sessionToken())
	if err != nil {
		return answer{}, err
	}
	return of(session), nil
}

// upgradeSession answers POST /upgradeToRevocableSession.
func upgradeSession(ctx context.Context, c *call) (answer, error) {
	session, err := c.app.accounts.UpgradeSession(ctx, c.caller)
	if err != nil {
		return answer{}, err
	}
	return of(session), nil
}

// challenge answers POST /challenge.
func challenge(ctx context.Context, c *call) (answer, error) {
	body, err := c.data()
	if err != nil {
		return answer{}, err
	}
	object, err := c.app.accounts.Challenge(ctx, c.caller, body)
	if err != nil {
		return answer{}, err
	}
	return answer{json: parse.AppendJSON(nil, object)}, nil
}

// requestPasswordReset answers POST /requestPasswordReset.
func requestPasswordReset(ctx context.Context, c *call) (answer, error) {
	return c.requestMail(ctx, c.app.accounts.RequestPasswordReset)
}

// requestVerification answers POST /verificationEmailRequest.
func requestVerification(ctx context.Context, c *call) (answer, error) {
	return c.requestMail(ctx, c.app.accounts.RequestVerification)
}

func (c *call) requestMail(ctx context.Context, request func(context.Context, *parse.Object) error) (answer, error) {
	body, err := c.data()
	if err != nil {
		return answer{}, err
	}
	if err := request(ctx, body); err != nil {
		return answer{}, err
	}
	return answer{json: emptyObject}, nil
}

// sessionToken is the token that was sent. A request of a batch has that of the
// batch.
func (c *call) sessionToken() string {
	if c.caller.SessionToken != "" {
		return c.caller.SessionToken
	}
	return c.token
}

// credentials are the body's, or the URL's if only that says who it is.
func (c *call) credentials() (*parse.Object, error) {
	return c.parameters("username", "email")
}

// parameters are the members of the body, or the URL's parameters where these
// have one of the keys and the body has not.
func (c *call) parameters(keys ...string) (*parse.Object, error) {
	body, err := c.data()
	if err != nil || c.query == "" {
		return body, err
	}
	values, err := url.ParseQuery(c.query)
	if err != nil {
		return nil, parse.NewError(parse.InvalidQuery, "Improper encode of parameter").WithCause(err)
	}
	inQuery := func(key string) bool {
		v, has := body.Get(key)
		return values.Get(key) != "" && (!has || v == parse.Null{} || v == parse.String(""))
	}
	if !slices.ContainsFunc(keys, inQuery) {
		return body, nil
	}
	body = &parse.Object{}
	for key, list := range values {
		body.Set(key, parameter(list))
	}
	return body, c.app.denylist.Check(body)
}

// parameter is a URL parameter as a value: a list if it is there several times.
func parameter(list []string) parse.Value {
	if len(list) == 1 {
		return parse.String(list[0])
	}
	values := make(parse.Array, len(list))
	for i, text := range list {
		values[i] = parse.String(text)
	}
	return values
}
