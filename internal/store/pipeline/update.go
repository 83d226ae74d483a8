package pipeline

import (
	"bytes"
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

const codeInvalidOptions = 72

// Updater is an update by stages. It is for one goroutine at a time.
type Updater struct {
	first step
	made  bson.Raw
}

var _ match.Applier = (*Updater)(nil)

// CompileUpdate compiles an update by stages, which are those that make one
// document of each and look at nothing else. What it computes ends with ctx.
func CompileUpdate(ctx context.Context, stages bson.A) (*Updater, error) {
	list, err := compiler{}.stages(stages)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		switch s.operation.(type) {
		case *shaping, *replacing:
		default:
			return nil, store.BadRequest(codeInvalidOptions, "%s is not allowed to be used within an update", s.spec[0].Key)
		}
	}
	x := &execution{ctx: ctx, env: expression.NewEnv(time.Now()), score: new(score)}
	x.env.Context = ctx
	u := &Updater{}
	u.first = x.build(list, delivery{func(doc bson.Raw) error {
		u.made = bytes.Clone(doc)
		return nil
	}}, true)
	return u, nil
}

// Apply returns what the stages make of a document, as match.Updater does.
func (u *Updater) Apply(doc bson.Raw, insert bool) (result bson.Raw, changed bool, err error) {
	if _, err := u.first.take(doc); err != nil {
		return doc, false, err
	}
	return match.Rewritten(doc, u.made, insert)
}
