package expression

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// arrayOrNull checks an argument that must be an array. It is none if it is null or
// missing, which makes null of the whole; any other type is an error of that code,
// whose message names the type.
func arrayOrNull(v value, code int32, message string) (isArray bool, err error) {
	switch {
	case nullish(v):
		return false, nil
	case v.Type != bson.TypeArray:
		return false, store.BadRequest(code, message, typeName(v))
	}
	return true, nil
}

// joined returns the elements of all arguments, which must be arrays, in one; null
// if one of them is null or missing.
func joined(env *Env, args []value, code int32, message string) (value, error) {
	b := env.array()
	for _, v := range args {
		if ok, err := arrayOrNull(v, code, message); !ok {
			b.done()
			return null, err
		}
		if err := b.addAll(v); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}

// int32Argument reads an argument that must be a whole number of 32 bits. The error
// for what is no number is of that code, the one for other numbers of the next.
func int32Argument(v value, code int32, what string) (int32, error) {
	if !isNumber(v) {
		return 0, store.BadRequest(code, "%s must be a numeric value, but is of type: %s", what, typeName(v))
	}
	n, ok := int32Of(v)
	if !ok {
		return 0, store.BadRequest(code+1, "%s can't be represented as a 32-bit integer: %s", what, shown(v))
	}
	return n, nil
}
