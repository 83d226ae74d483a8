package expression

import (
	"math/rand/v2"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// random is $rand.
type random struct{}

func (c compiler) random(_ string, v value) (node, error) {
	if v.Type == bson.TypeArray && length(v) == 0 || v.Type == bson.TypeEmbeddedDocument && length(v) == 0 {
		return random{}, nil
	}
	return nil, store.BadRequest(3040501, "$rand does not currently accept arguments")
}

func (random) eval(env *Env) (value, error) { return env.double(rand.Float64()), nil }

// meta is $meta: something that is known about the document but is not in it.
type meta string

func (c compiler) meta(_ string, v value) (node, error) {
	if v.Type != bson.TypeString {
		return nil, store.BadRequest(17307, "$meta only supports string arguments")
	}
	switch name := string(textOf(v)); name {
	case "textScore", "geoNearDistance", "geoNearPoint", "indexKey", "recordId", "searchScore", "sortKey":
		return meta(name), nil
	}
	return nil, store.BadRequest(17308, "Unsupported argument to $meta: %s", shown(v))
}

func (m meta) eval(env *Env) (value, error) {
	if env.Meta == nil {
		return missing, nil
	}
	return match.Checked(env.Meta(string(m))), nil
}
