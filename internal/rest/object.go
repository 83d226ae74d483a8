package rest

import (
	"context"
	"net/http"
	"net/url"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

// find answers GET /classes/{class}.
func find(ctx context.Context, c *call) (answer, error) {
	params, err := c.params()
	if err != nil {
		return answer{}, err
	}
	q, err := query.Decode(params, c.app.engine.QueryLimits(c.caller))
	if err != nil {
		return answer{}, err
	}
	result, err := c.app.engine.Find(ctx, c.caller, c.class, q)
	if err != nil {
		return answer{}, err
	}
	return of(result), nil
}

// get answers GET /classes/{class}/{id}.
func get(ctx context.Context, c *call) (answer, error) {
	params, err := c.params()
	if err != nil {
		return answer{}, err
	}
	q, err := query.DecodeGet(params, c.app.engine.QueryLimits(c.caller))
	if err != nil {
		return answer{}, err
	}
	result, err := c.app.engine.Get(ctx, c.caller, c.class, c.id, q)
	if err != nil {
		return answer{}, err
	}
	if c.class == "_User" && c.caller.UserID != "" && c.id == c.caller.UserID {
		result = result.With(parse.Member{Key: "sessionToken", Value: parse.String(c.caller.SessionToken)})
	}
	return of(result), nil
}

// create answers POST /classes/{class}.
func create(ctx context.Context, c *call) (answer, error) {
	body, err := c.data()
	if err != nil {
		return answer{}, err
	}
	created, err := c.app.engine.Create(ctx, c.caller, c.class, body)
	if err != nil {
		return answer{}, err
	}
	if created.ObjectID == "" {
		return of(&created.Result), nil
	}
	status := http.StatusCreated
	if created.Known {
		status = http.StatusOK
	}
	return answer{status: status, location: c.app.location(c.class, created.ObjectID), json: created.JSON()}, nil
}

// update answers PUT /classes/{class}/{id}.
func update(ctx context.Context, c *call) (answer, error) {
	body, err := c.data()
	if err != nil {
		return answer{}, err
	}
	result, err := c.app.engine.Update(ctx, c.caller, c.class, c.id, body)
	if err != nil {
		return answer{}, err
	}
	return of(result), nil
}

// remove answers DELETE /classes/{class}/{id}.
func remove(ctx context.Context, c *call) (answer, error) {
	if err := c.app.engine.Delete(ctx, c.caller, c.class, c.id); err != nil {
		return answer{}, err
	}
	return answer{json: emptyObject}, nil
}

// params are the parameters of a read: the body's, over which go the URL's.
func (c *call) params() (query.Params, error) {
	params := query.ParamsFromObject(c.body)
	if c.query == "" {
		return params, nil
	}
	values, err := url.ParseQuery(c.query)
	if err != nil {
		// What can't be read may be what narrows the query.
		return params, parse.NewError(parse.InvalidQuery, "Improper encode of parameter").WithCause(err)
	}
	return params.Override(query.ParamsFromValues(values)), nil
}

// data is the body of a write; no body is an empty object.
func (c *call) data() (*parse.Object, error) {
	if c.body == nil {
		return &parse.Object{}, nil
	}
	return c.body, c.app.denylist.Check(c.body)
}
