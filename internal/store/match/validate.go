package match

import (
	"encoding/binary"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

const codeInvalidBSON = 22

// Validate is an error if doc is not one well-formed document of the BSON
// specification and nothing else, or is nested deeper than this package follows.
// As in MongoDB, strings need not be UTF-8 and names may repeat.
func Validate(doc bson.Raw) error { return validate(doc, 0) }

func validate(doc []byte, depth int) error {
	if depth > maxDepth {
		return store.BadRequest(codeOverflow, "document is nested deeper than %d levels", maxDepth)
	}
	if len(doc) < 5 || binary.LittleEndian.Uint32(doc) != uint32(len(doc)) || doc[len(doc)-1] != 0 {
		return errMalformed()
	}
	c := elements(doc)
	for len(c.rest) > 0 {
		key, v, ok := c.next()
		if !ok {
			return errMalformed()
		}
		switch v.kind {
		case bson.TypeBoolean:
			ok = v.data[0] <= 1
		case bson.TypeDBPointer:
			ok = v.data[len(v.data)-13] == 0
		case bson.TypeCodeWithScope:
			n := size(bson.TypeString, v.data[4:])
			if ok = n >= 0; ok {
				if err := validate(v.data[4+n:], depth+1); err != nil {
					return err
				}
			}
		case bson.TypeEmbeddedDocument, bson.TypeArray:
			if err := validate(v.data, depth+1); err != nil {
				return err
			}
		}
		if !ok {
			return store.BadRequest(codeInvalidBSON, "malformed value of the field '%s'", key)
		}
	}
	return nil
}

func errMalformed() error { return store.BadRequest(codeInvalidBSON, "malformed document") }
