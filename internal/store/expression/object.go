package expression

import (
	"bytes"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

var objectFunctions = map[string]function{
	"$mergeObjects":  {0, many, mergeObjects},
	"$objectToArray": {1, 1, objectToArray},
	"$arrayToObject": {1, 1, arrayToObject},
}

// fields is a document under construction whose fields can be replaced in place.
type fields struct {
	names  [][]byte
	values []value
	index  map[string]int
}

// set sets a field; one of type 0 is taken away when the document is made.
func (f *fields) set(name []byte, v value) {
	if i, ok := f.index[string(name)]; ok {
		f.values[i] = v
		return
	}
	if f.index == nil {
		f.index = map[string]int{}
	}
	f.index[string(name)] = len(f.names)
	f.names, f.values = append(f.names, name), append(f.values, v)
}

func (f *fields) setAll(doc value) {
	for e := match.Elements(doc.Value); ; {
		name, v, ok := e.Next()
		if !ok {
			return
		}
		f.set(name, v)
	}
}

func (f *fields) document(env *Env) (value, error) {
	b := env.document()
	for i, name := range f.names {
		if err := b.set(name, f.values[i]); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}

func mergeObjects(env *Env, args []value) (value, error) {
	var f fields
	for _, v := range args {
		switch {
		case nullish(v):
		case v.Type != bson.TypeEmbeddedDocument:
			return missing, store.BadRequest(40400, "$mergeObjects requires object inputs, but input %s is of type %s", shown(v), typeName(v))
		default:
			f.setAll(v)
		}
	}
	return f.document(env)
}

func objectToArray(env *Env, args []value) (value, error) {
	v := args[0]
	switch {
	case nullish(v):
		return null, nil
	case v.Type != bson.TypeEmbeddedDocument:
		return missing, store.BadRequest(40390, "$objectToArray requires a document input, found: %s", typeName(v))
	}
	b := env.array()
	for e := match.Elements(v.Value); ; {
		name, item, ok := e.Next()
		if !ok {
			return b.done(), nil
		}
		key, err := text(string(name))
		if err != nil {
			return missing, err
		}
		pair := env.document()
		if err := pair.set([]byte("k"), key); err != nil {
			return missing, err
		}
		if err := pair.set([]byte("v"), item); err != nil {
			return missing, err
		}
		if err := b.add(pair.done()); err != nil {
			return missing, err
		}
	}
}

func arrayToObject(env *Env, args []value) (value, error) {
	array := args[0]
	if ok, err := arrayOrNull(array, 40386, "$arrayToObject requires an array input, found: %s"); !ok {
		return null, err
	}
	var f fields
	var kind bson.Type
	for e := match.Elements(array.Value); ; {
		_, item, ok := e.Next()
		if !ok {
			return f.document(env)
		}
		switch {
		case item.Type != bson.TypeArray && item.Type != bson.TypeEmbeddedDocument:
			return missing, store.BadRequest(40398, "Unrecognised input type format for $arrayToObject: %s", typeName(item))
		case kind == bson.TypeArray && item.Type != kind:
			return missing, store.BadRequest(40396, "$arrayToObject requires a consistent input format. Elements must all be arrays or all be objects. Array was detected, now found: %s", typeName(item))
		case kind != 0 && item.Type != kind:
			return missing, store.BadRequest(40391, "$arrayToObject requires a consistent input format. Elements must all be arrays or all be objects. Object was detected, now found: %s", typeName(item))
		}
		kind = item.Type
		key, v, err := pairOf(item)
		if err != nil {
			return missing, err
		}
		if bytes.IndexByte(key, 0) >= 0 {
			return missing, store.BadRequest(4940400, "Key field cannot contain an embedded null byte")
		}
		f.set(key, v)
	}
}

// pairOf reads [name, value] or {k: name, v: value}.
func pairOf(item value) (name []byte, v value, err error) {
	n := length(item)
	if item.Type == bson.TypeArray {
		if n != 2 {
			return nil, missing, store.BadRequest(40397, "$arrayToObject requires an array of size 2 arrays, found array of size: %d", n)
		}
		key := element(item, 0)
		if key.Type != bson.TypeString {
			return nil, missing, store.BadRequest(40395, "$arrayToObject requires an array of key-value pairs, where the key must be of type string. Found key type: %s", typeName(key))
		}
		return textOf(key), element(item, 1), nil
	}
	if n != 2 {
		return nil, missing, store.BadRequest(40392, "$arrayToObject requires an object keys of 'k' and 'v'. Found incorrect number of keys: %d", n)
	}
	key, v := match.Lookup(item.Value, "k"), match.Lookup(item.Value, "v")
	switch {
	case key.Type == 0 || v.Type == 0:
		return nil, missing, store.BadRequest(40393, "$arrayToObject requires an object with keys 'k' and 'v'. Missing either or both keys from: %s", shown(item))
	case key.Type != bson.TypeString:
		return nil, missing, store.BadRequest(40394, "$arrayToObject requires an object with keys 'k' and 'v', where the value of 'k' must be of type string. Found type: %s", typeName(key))
	}
	return textOf(key), v, nil
}

// getField compiles $getField, which takes names as they are: a dot in one is
// part of it.
func (c compiler) getField(name string, v value) (node, error) {
	raw := []value{v, {Type: typeAbsent}}
	if v.Type == bson.TypeEmbeddedDocument && !isOperator(v) {
		var err error
		if raw, err = (named{notDocument: 3041701, unknown: 3041701, operands: []operand{
			{"field", 3041702}, {"input", 3041703},
		}}).read(name, v); err != nil {
			return nil, err
		}
	}
	field, err := c.compile(raw[0])
	if err != nil {
		return nil, err
	}
	if known, ok := field.(constant); ok && known.v.Type != bson.TypeString {
		return nil, store.BadRequest(5654602, "$getField requires 'field' to evaluate to a constant string, found: %s", typeName(known.v))
	}
	var input node
	if absent(raw[1]) {
		known, ok := field.(constant)
		if plain := string(known.text()); ok && checkFieldName(plain) == nil {
			return c.pathOf("CURRENT", plain)
		}
		input, err = c.pathOf("CURRENT", "")
	} else {
		input, err = c.compile(raw[1])
	}
	if err != nil {
		return nil, err
	}
	return folded(&call{do: getField, args: []node{field, input}}, field, input), nil
}

// text returns the text of a constant that is a string.
func (c constant) text() []byte {
	if c.v.Type != bson.TypeString {
		return nil
	}
	return textOf(c.v)
}

// isOperator tells whether a document is an operator with its operand.
func isOperator(doc value) bool {
	e := match.Elements(doc.Value)
	name, _, ok := e.Next()
	return ok && len(name) > 0 && name[0] == '$'
}

func getField(_ *Env, args []value) (value, error) {
	name, input := args[0], args[1]
	switch {
	case name.Type != bson.TypeString:
		return missing, store.BadRequest(3041704, "$getField requires 'field' to evaluate to type String, but got %s", typeName(name))
	case input.Type == bson.TypeEmbeddedDocument:
		return match.Lookup(input.Value, string(textOf(name))), nil
	case nullish(input) && input.Type != 0:
		return null, nil
	}
	return missing, nil
}

// setField compiles $setField and $unsetField.
func (c compiler) setField(name string, v value) (node, error) {
	signature := named{notDocument: 4161100, unknown: 4161101, operands: []operand{
		{"field", 4161102}, {"input", 4161109}, {"value", 4161103},
	}}
	if name == "$unsetField" {
		signature.operands = signature.operands[:2]
	}
	args, err := c.operands(name, signature, v)
	if err != nil {
		return nil, err
	}
	field, ok := args[0].(constant)
	switch {
	case !ok:
		return nil, store.BadRequest(4161106, "%s requires 'field' to evaluate to a constant", name)
	case field.v.Type != bson.TypeString:
		return nil, store.BadRequest(4161107, "%s requires 'field' to evaluate to type String, but got %s", name, typeName(field.v))
	case strings.IndexByte(string(field.text()), 0) >= 0:
		return nil, store.BadRequest(4161108, "%s requires 'field' to have no null byte", name)
	}
	if len(args) == 2 {
		args = append(args, constant{missing})
	}
	return folded(&call{do: setField, args: args}, args...), nil
}

func setField(env *Env, args []value) (value, error) {
	name, input, v := args[0], args[1], args[2]
	switch {
	case nullish(input):
		return null, nil
	case input.Type != bson.TypeEmbeddedDocument:
		return missing, store.BadRequest(4161105, "$setField requires 'input' to evaluate to type Object, but got %s", typeName(input))
	}
	var f fields
	f.setAll(input)
	f.set(textOf(name), v)
	return f.document(env)
}
