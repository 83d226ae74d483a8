package engine

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

// related are the ids of the objects in an object's relation.
func (e *Engine) related(ctx context.Context, class, field, owner string) ([]parse.Value, error) {
	var ids []parse.Value
	find := store.Find{Filter: bson.D{{Key: "owningId", Value: owner}}}
	err := e.Store.Find(ctx, schema.JoinName(field, class), find, func(doc bson.Raw) error {
		if id, ok := doc.Lookup("relatedId").StringValueOK(); ok {
			ids = append(ids, parse.String(id))
		}
		return nil
	})
	return ids, storeError(err)
}

// owners are the ids of the objects whose relation has one of the members.
func (e *Engine) owners(ctx context.Context, join string, members []string) ([]string, error) {
	var ids []string
	find := store.Find{Filter: bson.D{{Key: "relatedId", Value: bson.D{{Key: "$in", Value: stringsA(members)}}}}}
	err := e.Store.Find(ctx, join, find, func(doc bson.Raw) error {
		if id, ok := doc.Lookup("owningId").StringValueOK(); ok {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, storeError(err)
}

// relationChange is what a write does to one relation.
type relationChange struct {
	field       string
	add, remove []string
}

// changeRelations carries out a write's changes to the relations of an object.
func (e *Engine) changeRelations(ctx context.Context, class, owner string, changes []relationChange) error {
	for _, change := range changes {
		join := schema.JoinName(change.field, class)
		for _, id := range change.add {
			member := bson.D{{Key: "relatedId", Value: id}, {Key: "owningId", Value: owner}}
			_, err := e.Store.Update(ctx, join, store.Update{Filter: member, Change: bson.D{{Key: "$set", Value: member}}, Upsert: true})
			if err != nil {
				return storeError(err)
			}
		}
		if len(change.remove) > 0 {
			gone := bson.D{{Key: "owningId", Value: owner}, {Key: "relatedId", Value: bson.D{{Key: "$in", Value: stringsA(change.remove)}}}}
			if _, err := e.Store.Delete(ctx, join, gone, true); err != nil {
				return storeError(err)
			}
		}
	}
	return nil
}

func stringsA(ss []string) bson.A {
	a := make(bson.A, len(ss))
	for i, s := range ss {
		a[i] = s
	}
	return a
}
