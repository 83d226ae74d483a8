package rest

import "context"

// getConfig answers GET /config.
func getConfig(ctx context.Context, c *call) (answer, error) {
	return c.object(c.app.engine.Config(ctx, c.caller))
}

// updateConfig answers PUT /config.
func updateConfig(ctx context.Context, c *call) (answer, error) {
	body, err := c.data()
	if err != nil {
		return answer{}, err
	}
	if err := c.app.engine.UpdateConfig(ctx, c.caller, body); err != nil {
		return answer{}, err
	}
	return answer{json: []byte(`{"result":true}`)}, nil
}
