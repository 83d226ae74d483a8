package query

import (
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// checkOperand is an error unless v can be compared with: no operator may hide
// in it at any depth, nor a key that no document can have, nor a typed value
// that is not well-formed. So nothing that a client sends reaches a store as
// anything but a value.
func checkOperand(v parse.Value) error {
	if validOperand(v) {
		return nil
	}
	return badAtom(v)
}

func badAtom(v parse.Value) error {
	return parse.NewError(parse.InvalidJSON, "bad atom: "+string(parse.AppendJSON(nil, v)))
}

func validOperand(v parse.Value) bool {
	switch v := v.(type) {
	case nil, parse.Relation:
		return false
	case parse.Array:
		for _, e := range v {
			if !validOperand(e) {
				return false
			}
		}
	case *parse.Object:
		for _, m := range v.Members {
			if m.Key == "__type" && malformed(m.Value) || isOperator(m.Key) || strings.IndexByte(m.Key, 0) >= 0 || !validOperand(m.Value) {
				return false
			}
		}
	}
	return true
}

// malformed tells whether an object whose __type is t should have been decoded
// to that type but was not, since it lacks what the type needs.
func malformed(t parse.Value) bool {
	switch t {
	case parse.String("Date"), parse.String("Bytes"), parse.String("Pointer"), parse.String("Relation"),
		parse.String("File"), parse.String("GeoPoint"), parse.String("Polygon"):
		return true
	}
	return false
}
