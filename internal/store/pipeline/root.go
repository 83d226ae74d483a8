package pipeline

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// replacing is $replaceRoot and $replaceWith.
type replacing struct {
	name string
	root *expression.Expression
}

func (c compiler) replaceRoot(name string, v any) (*replacing, error) {
	if name == "$replaceRoot" {
		d, ok := v.(bson.D)
		if !ok {
			return nil, store.BadRequest(40229, "expected an object as specification for $replaceRoot stage")
		}
		found := false
		for _, e := range d {
			if e.Key != "newRoot" {
				return nil, store.BadRequest(40415, "BSON field '$replaceRoot.%s' is an unknown field.", e.Key)
			}
			v, found = e.Value, true
		}
		if !found {
			return nil, store.BadRequest(40414, "BSON field '$replaceRoot.newRoot' is missing but a required field")
		}
	}
	root, err := c.expression(v)
	return &replacing{name, root}, err
}

func (r *replacing) traits() traits { return traits{single: true} }

func (r *replacing) step(x *execution, next step, _ bool) step { return &replacer{r, x, next} }

type replacer struct {
	*replacing
	x    *execution
	next step
}

func (r *replacer) take(doc bson.Raw) (bool, error) {
	v, err := r.root.Evaluate(r.x.env, doc)
	if err != nil {
		return false, err
	}
	if v.Type != bson.TypeEmbeddedDocument {
		return false, store.BadRequest(40228, "'newRoot' expression must evaluate to an object, but resulting value was: %s. Type of resulting value: '%s'.", v, v.Type)
	}
	return r.next.take(bson.Raw(v.Value))
}

func (r *replacer) end() error { return r.next.end() }

// redacting is $redact.
type redacting struct{ verdict *expression.Expression }

// The variables with which the expression of a $redact says what to do.
var verdicts = map[string]bson.RawValue{
	"KEEP":    stringValue("keep"),
	"PRUNE":   stringValue("prune"),
	"DESCEND": stringValue("descend"),
}

func stringValue(s string) bson.RawValue {
	data := []byte{byte(len(s) + 1), 0, 0, 0} // for short ones
	return bson.RawValue{Type: bson.TypeString, Value: append(append(data, s...), 0)}
}

func (c compiler) redact(v any) (*redacting, error) {
	c.variables = slices.Clip(c.variables)
	for name := range verdicts {
		c.variables = append(c.variables, name)
	}
	verdict, err := c.expression(v)
	return &redacting{verdict}, err
}

func (r *redacting) traits() traits { return traits{} }

func (r *redacting) step(x *execution, next step, _ bool) step {
	env := expression.NewEnv(x.env.Now)
	env.Context, env.Variables = x.ctx, make(map[string]bson.RawValue)
	for _, variables := range []map[string]bson.RawValue{x.env.Variables, verdicts} {
		for name, v := range variables {
			env.Variables[name] = v
		}
	}
	return &redactor{redacting: r, x: x, env: env, next: next}
}

type redactor struct {
	*redacting
	x      *execution
	env    *expression.Env
	buffer []byte
	next   step
}

func (r *redactor) take(doc bson.Raw) (bool, error) {
	dst, kept, err := r.document(r.buffer[:0], doc, 0)
	r.buffer = dst
	if err != nil || !kept {
		return true, err
	}
	return r.next.take(dst)
}

// document appends what is left of a document, if something is.
func (r *redactor) document(dst []byte, doc bson.Raw, depth int) (_ []byte, kept bool, err error) {
	verdict, err := r.verdict.Evaluate(r.env, doc)
	if err != nil || depth > maxArrayDepth {
		return dst, false, err
	}
	switch text, _ := verdict.StringValueOK(); text {
	case "keep":
		return append(dst, doc...), true, nil
	case "prune":
		return dst, false, nil
	case "descend":
	default:
		return dst, false, store.BadRequest(17053, "$redact's expression should not return anything aside from the variables $$KEEP, $$DESCEND, and $$PRUNE, but returned %s", verdict)
	}
	dst, start := openDocument(dst)
	for e := match.Elements(doc); ; {
		name, v, ok := e.Next()
		if !ok {
			return closeDocument(dst, start), true, nil
		}
		if dst, err = r.value(dst, name, v, depth); err != nil {
			return dst, false, err
		}
	}
}

// value appends what is left of an element.
func (r *redactor) value(dst, name []byte, v bson.RawValue, depth int) ([]byte, error) {
	before := len(dst)
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		dst, kept, err := r.document(appendName(dst, v.Type, name), v.Value, depth+1)
		if !kept {
			dst = dst[:before]
		}
		return dst, err
	case bson.TypeArray:
		if depth > maxArrayDepth {
			return dst, nil
		}
		dst, start := openDocument(appendName(dst, v.Type, name))
		var space [20]byte
		count := 0
		for e := match.Elements(v.Value); ; {
			_, item, ok := e.Next()
			if !ok {
				return closeDocument(dst, start), nil
			}
			before := len(dst)
			var err error
			if dst, err = r.value(dst, appendDecimal(space[:0], count), item, depth+1); err != nil {
				return dst, err
			}
			if len(dst) > before {
				count++
			}
		}
	}
	return appendField(dst, name, v), nil
}

func (r *redactor) end() error { return r.next.end() }
