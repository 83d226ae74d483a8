package mongowire

import (
	"bytes"
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// checkHint refuses a write's hint that could change what is written. The port's
// writes choose their indexes themselves, and any index that holds all documents
// leads to the same ones.
func (c *command) checkHint(ctx context.Context, db store.Store, collection string, hint any) error {
	if hint == nil {
		return nil
	}
	keys, byKeys := hint.(bson.D)
	if byKeys && len(keys) == 1 && keys[0].Key == "$natural" {
		return nil
	}
	indexes, err := db.Indexes(ctx, collection)
	if err != nil {
		return err
	}
	wanted, err := match.Encode(keys)
	if err != nil {
		return err
	}
	for _, ix := range indexes {
		raw, err := match.Encode(ix.Keys)
		if err != nil {
			return err
		}
		switch {
		case byKeys && !bytes.Equal(raw, wanted), !byKeys && hint != ix.Name:
			continue
		case ix.Sparse, ix.Partial != nil:
			return refusal(codeCommandNotSupported, "a hint to index %s, which does not hold all documents, is not served in a write", ix.Name)
		}
		return nil
	}
	return refusal(codeBadValue, "hint provided does not correspond to an existing index")
}
