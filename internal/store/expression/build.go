package expression

import (
	"encoding/binary"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// builder makes a document or an array. What it grows to counts as held by the
// evaluation until it is done.
type builder struct {
	env   *Env
	kind  bson.Type
	data  []byte
	held  int // how much of data is accounted for
	count int
}

func (env *Env) array() builder    { return env.build(bson.TypeArray) }
func (env *Env) document() builder { return env.build(bson.TypeEmbeddedDocument) }

func (env *Env) build(kind bson.Type) builder {
	return builder{env: env, kind: kind, data: make([]byte, 4, 64)}
}

// add appends an element to an array. What is missing becomes null.
func (b *builder) add(v value) error {
	if v.Type == 0 {
		v = null
	}
	b.data = append(b.data, byte(v.Type))
	b.data = appendIndex(b.data, b.count)
	b.count++
	return b.finish(v)
}

// set appends an element to a document, unless v is missing.
func (b *builder) set(name []byte, v value) error {
	if v.Type == 0 {
		return nil
	}
	b.data = append(b.data, byte(v.Type))
	b.data = append(b.data, name...)
	return b.finish(v)
}

func (b *builder) finish(v value) error {
	b.data = append(b.data, 0)
	b.data = append(b.data, v.Value...)
	if len(b.data) > maxValue {
		return tooLarge()
	}
	if err := b.env.hold(len(b.data) - b.held); err != nil {
		return err
	}
	b.held = len(b.data)
	return b.env.step()
}

// addAll appends the elements of an array to an array.
func (b *builder) addAll(array value) error {
	for e := match.Elements(array.Value); ; {
		_, v, ok := e.Next()
		if !ok {
			return nil
		}
		if err := b.add(v); err != nil {
			return err
		}
	}
}

// done returns what was built.
func (b *builder) done() value {
	b.data = append(b.data, 0)
	binary.LittleEndian.PutUint32(b.data, uint32(len(b.data)))
	b.env.live -= b.held
	return value{Type: b.kind, Value: b.data}
}

// length returns how many elements an array has.
func length(array value) int {
	n := 0
	for e := match.Elements(array.Value); ; n++ {
		if _, _, ok := e.Next(); !ok {
			return n
		}
	}
}

// items returns the elements of an array.
func items(array value) []value {
	var list []value
	for e := match.Elements(array.Value); ; {
		_, v, ok := e.Next()
		if !ok {
			return list
		}
		list = append(list, v)
	}
}

// list returns the values as an array.
func (env *Env) list(values []value) (value, error) {
	b := env.array()
	for _, v := range values {
		if err := b.add(v); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}
