package expression

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

var typeFunctions = map[string]function{
	"$type":     {1, 1, func(_ *Env, args []value) (value, error) { return text(typeName(args[0])) }},
	"$isNumber": {1, 1, func(_ *Env, args []value) (value, error) { return boolean(isNumber(args[0])), nil }},
	"$bsonSize": {1, 1, bsonSize}, "$binarySize": {1, 1, binarySize},
}

func bsonSize(env *Env, args []value) (value, error) {
	v := args[0]
	switch {
	case nullish(v):
		return null, nil
	case v.Type != bson.TypeEmbeddedDocument:
		return missing, store.BadRequest(31393, "$bsonSize requires a document input, found: %s", typeName(v))
	}
	return env.int32(int32(len(v.Value))), nil
}

func binarySize(env *Env, args []value) (value, error) {
	v := args[0]
	switch {
	case nullish(v):
		return null, nil
	case v.Type == bson.TypeString:
		return env.int32(int32(len(textOf(v)))), nil
	case v.Type == bson.TypeBinary:
		return env.int32(int32(len(v.Value) - 5)), nil
	}
	return missing, store.BadRequest(51276, "$binarySize requires a string or BinData argument, found: %s", typeName(v))
}
