package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// interposed is a store into which something comes before the next write, when
// all that was checked before it has been.
type interposed struct {
	store.Store
	before func()
}

func (s *interposed) interpose() {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
}

func (s *interposed) FindAndUpdate(ctx context.Context, collection string, u store.Update, want store.Version) (bson.Raw, error) {
	s.interpose()
	return s.Store.FindAndUpdate(ctx, collection, u, want)
}

func (s *interposed) Delete(ctx context.Context, collection string, filter bson.D, many bool) (int64, error) {
	s.interpose()
	return s.Store.Delete(ctx, collection, filter, many)
}

// A right that is taken away before the write is missing in the write: there is
// no time between the check and it.
func TestAdvisory_I19_RightsAreThoseOfTheWrite(t *testing.T) {
	var s *interposed
	a := open(t, func(o *engine.Options) {
		s = &interposed{Store: o.Store}
		o.Store = s
	})
	ctx := context.Background()
	a.schema("Task", `{"fields":{"n":{"type":"Number"},"owner":{"type":"Pointer","targetClass":"_User"}},"classLevelPermissions":{
		"find":{"*":true},"get":{"*":true},"create":{"*":true},"update":{"pointerFields":["owner"]},"delete":{"pointerFields":["owner"]},"addField":{"pointerFields":["owner"]}}}`)
	pointer := func(user string) string { return `{"__type":"Pointer","className":"_User","objectId":"` + user + `"}` }
	for _, test := range []struct{ name, class, object, revocation string }{
		{"an ACL", "Note", `{"n":1,"ACL":{"*":{"read":true},"alice":{"write":true}}}`, `{"ACL":{"*":{"read":true}}}`},
		{"a pointer permission", "Task", `{"n":1,"owner":` + pointer("alice") + `}`, `{"owner":` + pointer("bob") + `}`},
	} {
		for way, write := range map[string]func(id string) error{
			"update": func(id string) error { _, err := a.update(alice, test.class, id, `{"n":2}`); return err },
			"increment": func(id string) error {
				_, err := a.update(alice, test.class, id, `{"n":{"__op":"Increment","amount":1}}`)
				return err
			},
			"new field": func(id string) error { _, err := a.update(alice, test.class, id, `{"fresh":2}`); return err },
			"take over": func(id string) error {
				_, err := a.update(alice, test.class, id, `{"ACL":{"alice":{"write":true}}}`)
				return err
			},
			"delete": func(id string) error { return a.Delete(ctx, alice, test.class, id) },
		} {
			id := a.create(master, test.class, test.object)
			s.before = func() {
				if _, err := a.update(master, test.class, id, test.revocation); err != nil {
					t.Fatal(err)
				}
			}
			if code := parse.CodeOf(write(id)); code != parse.ObjectNotFound {
				t.Errorf("%s after the loss of %s: code %d", way, test.name, code)
			}
			if got, err := a.get(master, test.class, id, `{}`); err != nil || got["n"] != 1.0 || got["fresh"] != nil {
				t.Errorf("%s after the loss of %s: the object is %v, %v", way, test.name, got, err)
			}
		}
	}
}

// Of two types that a new field is given at once it has one, and all objects do.
func TestAdvisory_I19_FieldsHaveOneType(t *testing.T) {
	a := open(t)
	for round := range 10 {
		field := fmt.Sprintf("f%d", round)
		id := a.create(master, "Race", `{}`)
		var writers sync.WaitGroup
		for i := range 8 {
			writers.Go(func() {
				body := `{"` + field + `":"text"}`
				if i%2 == 0 {
					body = `{"` + field + `":1}`
				}
				if i%3 == 0 {
					_, _ = a.Create(context.Background(), alice, "Race", object(t, body)) // it may be refused
					return
				}
				_, _ = a.Update(context.Background(), alice, "Race", id, object(t, body))
			})
		}
		writers.Wait()
		types := map[string]bool{}
		for _, o := range a.mustFind(master, "Race", `{"where":{"`+field+`":{"$exists":true}}}`) {
			types[fmt.Sprintf("%T", o[field])] = true
		}
		if len(types) != 1 {
			t.Errorf("the field %s has the types %v", field, types)
		}
	}
}
