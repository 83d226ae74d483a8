package match

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Updater applies a MongoDB update document.
type Updater struct{}

// CompileUpdate compiles an update document of operators.
func CompileUpdate(update bson.D) (*Updater, error) {
	return nil, store.BadRequest(codeFailedToParse, "updates are not built yet")
}

// Apply returns the document as the update makes it; changed is false, and the
// document the one given, when it makes no difference. insert tells that the
// document is about to be inserted by an upsert, so that $setOnInsert applies.
// The result is a new slice.
func (u *Updater) Apply(doc bson.Raw, insert bool) (result bson.Raw, changed bool, err error) {
	return doc, false, nil
}

// UpsertDocument returns the document that an upsert inserts: the filter's
// equalities, changed by the update. It has an _id, if need be a new ObjectID.
func UpsertDocument(filter bson.D, u *Updater) (bson.Raw, error) {
	return nil, store.BadRequest(codeFailedToParse, "updates are not built yet")
}
