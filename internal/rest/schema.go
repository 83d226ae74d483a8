package rest

import (
	"context"
	"net/http"

	"github.com/loam-baas/loam/internal/parse"
)

// listSchemas answers GET /schemas.
func listSchemas(ctx context.Context, c *call) (answer, error) {
	schemas, err := c.app.engine.Schemas(ctx, c.caller)
	if err != nil {
		return answer{}, err
	}
	json := []byte(`{"results":[`)
	for i, schema := range schemas {
		if i > 0 {
			json = append(json, ',')
		}
		json = parse.AppendJSON(json, schema)
	}
	return answer{json: append(json, "]}"...)}, nil
}

// getSchema answers GET /schemas/{class}.
func getSchema(ctx context.Context, c *call) (answer, error) {
	return c.object(c.app.engine.Schema(ctx, c.caller, c.class))
}

// createSchema answers POST /schemas and POST /schemas/{class}.
func createSchema(ctx context.Context, c *call) (answer, error) {
	def, err := c.definition()
	if err != nil {
		return answer{}, err
	}
	return c.object(c.app.engine.CreateSchema(ctx, c.caller, c.class, def))
}

// updateSchema answers PUT /schemas/{class}.
func updateSchema(ctx context.Context, c *call) (answer, error) {
	def, err := c.definition()
	if err != nil {
		return answer{}, err
	}
	return c.object(c.app.engine.UpdateSchema(ctx, c.caller, c.class, def))
}

// deleteSchema answers DELETE /schemas/{class}.
func deleteSchema(ctx context.Context, c *call) (answer, error) {
	if err := c.app.engine.DeleteSchema(ctx, c.caller, c.class); err != nil {
		return answer{}, err
	}
	return answer{json: emptyObject}, nil
}

// purge answers DELETE /purge/{class}.
func purge(ctx context.Context, c *call) (answer, error) {
	if err := c.app.engine.Purge(ctx, c.caller, c.class); err != nil {
		return answer{}, err
	}
	return answer{json: emptyObject}, nil
}

// definition is the body of a schema request, whose class may be named in the
// path, in the body, or the same in both.
func (c *call) definition() (*parse.Object, error) {
	if err := c.app.requireMaster(c.caller); err != nil {
		return nil, err
	}
	def, err := c.data()
	if err != nil {
		return nil, err
	}
	named, _ := memberText(def, "className")
	switch {
	case c.class == "" && named == "":
		return nil, parse.NewError(parse.MissingDeviceField, http.MethodPost+" "+c.path+" needs a class name.")
	case c.class == "":
		c.class = named
	case named != "" && named != c.class:
		return nil, parse.NewError(parse.InvalidClassName, "Class name mismatch between "+named+" and "+c.class+".")
	}
	return def, nil
}

// object answers with a value of the engine.
func (c *call) object(o *parse.Object, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	return answer{json: parse.AppendJSON(nil, o)}, nil
}
