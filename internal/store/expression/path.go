package expression

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// path compiles "$a.b" and "$$variable.a.b".
func (c compiler) path(text string) (node, error) {
	if text == "$" {
		return nil, store.BadRequest(16872, "'$' by itself is not a valid FieldPath")
	}
	if !strings.HasPrefix(text, "$$") {
		return c.pathOf("CURRENT", text[1:])
	}
	name, rest, dotted := strings.Cut(text[2:], ".")
	if dotted && rest == "" {
		return nil, errTrailingDot
	}
	switch {
	case name == "":
		return nil, store.BadRequest(codeFailedToParse, "empty variable names are not allowed")
	case strings.IndexFunc(name, func(r rune) bool { return r < 0x80 && !isNamePart(byte(r)) }) >= 0:
		return nil, store.BadRequest(codeFailedToParse, "'%s' contains an invalid character for a variable name", name)
	}
	return c.pathOf(name, rest)
}

var errTrailingDot = store.BadRequest(40353, "FieldPath must not end with a '.'.")

// pathOf compiles a path, which may be empty, into a variable.
func (c compiler) pathOf(variable, dotted string) (node, error) {
	var parts []string
	if dotted != "" {
		parts = strings.Split(dotted, ".")
		if len(parts) > maxDepth {
			return nil, store.BadRequest(codeOverflow, "FieldPath is deeper than %d levels", maxDepth)
		}
	}
	for i, part := range parts {
		if part == "" && i == len(parts)-1 && i > 0 {
			return nil, errTrailingDot
		}
		if err := checkFieldName(part); err != nil {
			return nil, err
		}
	}
	var from node
	if slot := lastIndex(c.variables, variable); slot >= 0 {
		from = local(slot)
	} else if slices.Contains(c.options.Variables, variable) {
		from = outer(variable)
	} else {
		switch variable {
		case "CURRENT", "ROOT":
			return c.documentPath(parts, dotted), nil
		case "NOW":
			from = now{}
		case "REMOVE":
			return constant{missing}, nil
		default:
			return nil, store.BadRequest(17276, "Use of undefined variable: %s", variable)
		}
	}
	if len(parts) == 0 {
		return from, nil
	}
	return &variablePath{from: from, parts: parts}, nil
}

func lastIndex(names []string, name string) int {
	for i := len(names) - 1; i >= 0; i-- {
		if names[i] == name {
			return i
		}
	}
	return -1
}

// documentPath compiles a path into the document, and notes that it is read.
func (c compiler) documentPath(parts []string, dotted string) node {
	e := c.expression
	if len(parts) == 0 {
		e.whole = true
		return root{}
	}
	if !slices.Contains(e.paths, dotted) {
		e.paths = append(e.paths, dotted)
	}
	if len(parts) == 1 {
		return &field{name: parts[0]}
	}
	return &fieldPath{parts: parts}
}

// root is the document.
type root struct{}

func (root) eval(env *Env) (value, error) {
	return match.Checked(value{Type: bson.TypeEmbeddedDocument, Value: env.doc}), nil
}

// field is a field of the document.
type field struct{ name string }

func (f *field) eval(env *Env) (value, error) { return match.Lookup(env.doc, f.name), nil }

// fieldPath is a path of several parts into the document.
type fieldPath struct{ parts []string }

func (p *fieldPath) eval(env *Env) (value, error) { return walk(env, env.doc, p.parts) }

func (p *fieldPath) dotted() string { return strings.Join(p.parts, ".") }

// variablePath is a path into a variable.
type variablePath struct {
	from  node
	parts []string
}

func (p *variablePath) eval(env *Env) (value, error) {
	v, err := p.from.eval(env)
	if err != nil {
		return missing, err
	}
	return descend(env, v, p.parts)
}

// walk follows a path into a document. Unlike in filters, an array on its way
// gives an array of what the path leads to in the documents of that array, those
// without it left out; numbers are names, never indexes.
func walk(env *Env, doc []byte, parts []string) (value, error) {
	for i, part := range parts {
		v := match.Lookup(doc, part)
		switch {
		case i == len(parts)-1:
			return v, nil
		case v.Type != bson.TypeEmbeddedDocument:
			return descend(env, v, parts[i+1:])
		}
		doc = v.Value
	}
	return missing, nil
}

// descend follows the rest of a path, which is not empty, from a value.
func descend(env *Env, v value, parts []string) (value, error) {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return walk(env, v.Value, parts)
	case bson.TypeArray:
		b := env.array()
		for e := match.Elements(v.Value); ; {
			_, item, ok := e.Next()
			if !ok {
				return b.done(), nil
			}
			if item.Type != bson.TypeEmbeddedDocument {
				continue
			}
			found, err := walk(env, item.Value, parts)
			if err != nil {
				return missing, err
			}
			if found.Type == 0 {
				continue
			}
			if err := b.add(found); err != nil {
				return missing, err
			}
		}
	}
	return missing, nil
}

// local is a variable that the expression defines, by its slot.
type local int

func (l local) eval(env *Env) (value, error) { return env.slots[l], nil }

// outer is a variable that is defined outside of the expression.
type outer string

func (o outer) eval(env *Env) (value, error) {
	v, ok := env.Variables[string(o)]
	if !ok {
		return missing, nil
	}
	return match.Checked(v), nil
}

// now is $$NOW.
type now struct{}

func (now) eval(env *Env) (value, error) { return env.millis(env.Now.UnixMilli()), nil }
