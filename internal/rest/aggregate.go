package rest

import (
	"context"

	"github.com/loam-baas/loam/internal/query"
)

// aggregate answers GET /aggregate/{class}.
func aggregate(ctx context.Context, c *call) (answer, error) {
	if err := c.app.requireMaster(c.caller); err != nil {
		return answer{}, err
	}
	params, err := c.params()
	if err != nil {
		return answer{}, err
	}
	a, err := query.DecodeAggregate(params, c.app.engine.QueryLimits(c.caller))
	if err != nil {
		return answer{}, err
	}
	result, err := c.app.engine.Aggregate(ctx, c.caller, c.class, a)
	if err != nil {
		return answer{}, err
	}
	return of(result), nil
}
