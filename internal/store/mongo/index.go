package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/loam-baas/loam/internal/store"
)

// CreateIndexes makes indexes that are not there yet.
func (s *Store) CreateIndexes(ctx context.Context, collection string, indexes ...store.Index) error {
	c, err := s.collection(collection)
	if err != nil || len(indexes) == 0 {
		return err
	}
	models := make([]mongo.IndexModel, 0, len(indexes))
	for _, ix := range indexes {
		if len(ix.Keys) == 0 {
			return store.BadRequest(codeCannotCreateIndex, "an index must have keys")
		}
		o := options.Index()
		if ix.Name != "" {
			o.SetName(ix.Name)
		}
		if ix.Unique {
			o.SetUnique(true)
		}
		if ix.Sparse {
			o.SetSparse(true)
		}
		if ix.Partial != nil {
			o.SetPartialFilterExpression(ix.Partial)
		}
		if ix.ExpireAfterSeconds != nil {
			o.SetExpireAfterSeconds(*ix.ExpireAfterSeconds)
		}
		if c := collation(ix.CaseInsensitive); c != nil {
			o.SetCollation(c)
		}
		if ix.Weights != nil {
			o.SetWeights(ix.Weights)
		}
		if ix.DefaultLanguage != "" {
			o.SetDefaultLanguage(ix.DefaultLanguage)
		}
		if ix.LanguageOverride != "" {
			o.SetLanguageOverride(ix.LanguageOverride)
		}
		models = append(models, mongo.IndexModel{Keys: ix.Keys, Options: o})
	}
	_, err = c.Indexes().CreateMany(ctx, models)
	return mapError(err, collection)
}

// DropIndex removes an index.
func (s *Store) DropIndex(ctx context.Context, collection, name string) error {
	c, err := s.collection(collection)
	if err != nil {
		return err
	}
	err = c.Indexes().DropOne(ctx, name)
	if command, ok := errors.AsType[mongo.CommandError](err); ok && command.Code == codeIndexNotFound {
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	return mapError(err, collection)
}

// Indexes lists a collection's indexes.
func (s *Store) Indexes(ctx context.Context, collection string) ([]store.Index, error) {
	c, err := s.collection(collection)
	if err != nil {
		return nil, err
	}
	cursor, err := c.Indexes().List(ctx)
	if err == nil {
		var indexes []store.Index
		err = each(ctx, cursor, collection, func(doc bson.Raw) error {
			ix, err := indexOf(doc)
			indexes = append(indexes, ix)
			return err
		})
		return indexes, err
	}
	if command, ok := errors.AsType[mongo.CommandError](err); ok && command.Code == codeNamespaceNotFound {
		return nil, nil
	}
	return nil, mapError(err, collection)
}

// indexOf reads an index as listIndexes describes it.
func indexOf(doc bson.Raw) (store.Index, error) {
	var described struct {
		Name               string   `bson:"name"`
		Key                bson.D   `bson:"key"`
		Weights            bson.D   `bson:"weights"`
		DefaultLanguage    string   `bson:"default_language"`
		LanguageOverride   string   `bson:"language_override"`
		Unique             bool     `bson:"unique"`
		Sparse             bool     `bson:"sparse"`
		Partial            bson.D   `bson:"partialFilterExpression"`
		ExpireAfterSeconds *float64 `bson:"expireAfterSeconds"`
		Collation          struct {
			Locale   string  `bson:"locale"`
			Strength float64 `bson:"strength"`
		} `bson:"collation"`
	}
	if err := bson.Unmarshal(doc, &described); err != nil {
		return store.Index{}, fmt.Errorf("store: an index: %w", err)
	}
	ix := store.Index{
		Name: described.Name, Unique: described.Unique, Sparse: described.Sparse, Partial: described.Partial,
		CaseInsensitive: described.Collation.Locale == "en_US" && described.Collation.Strength == 2,
		Weights:         described.Weights, DefaultLanguage: described.DefaultLanguage, LanguageOverride: described.LanguageOverride,
	}
	for _, e := range described.Key {
		switch e.Key {
		case "_fts": // in place of the fields of a text index, which the weights name
			for _, w := range described.Weights {
				ix.Keys = append(ix.Keys, bson.E{Key: w.Key, Value: "text"})
			}
		case "_ftsx":
		default:
			ix.Keys = append(ix.Keys, e)
		}
	}
	if described.ExpireAfterSeconds != nil {
		seconds := int32(*described.ExpireAfterSeconds)
		ix.ExpireAfterSeconds = &seconds
	}
	return ix, nil
}
