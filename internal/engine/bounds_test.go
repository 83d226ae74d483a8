package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

// Objects that point to each other many times over must not make an answer that
// takes the process's memory, whoever asks.
func TestAnswersAreBounded(t *testing.T) {
	const limit = 1 << 20
	a := open(t, func(o *engine.Options) { o.AnswerBytes = limit })
	id := a.create(anonymous, "Cycle", `{"n":1}`)
	self := `{"__type":"Pointer","className":"Cycle","objectId":"` + id + `"}`
	if _, err := a.update(anonymous, "Cycle", id, `{"many":[`+strings.Repeat(self+",", 99)+self+`],"o":{"one":`+self+`}}`); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		a.create(anonymous, "Long", `{"s":"`+strings.Repeat("x", limit/10)+`","p":`+self+`}`)
	}
	for _, c := range []struct {
		name, class, params string
		bounded             bool
	}{
		{"one level", "Cycle", `{"include":"many"}`, false},
		{"a path of single pointers", "Cycle", `{"include":"o.one.o.one"}`, false},
		{"a level that is counted each time", "Cycle", `{"include":"many.many"}`, true},
		{"levels without number", "Cycle", `{"include":"many.many.many.many.many"}`, true},
		{"long objects", "Long", `{}`, true},
		{"few of them", "Long", `{"limit":9}`, false},
		{"all, but little of each", "Long", `{"keys":"objectId"}`, false},
		{"long objects that include others", "Long", `{"include":"p"}`, true},
	} {
		for caller, scope := range map[string]engine.Caller{"public": anonymous, "master": master} {
			t.Run(c.name+"/"+caller, func(t *testing.T) {
				out, err := a.find(scope, c.class, c.params)
				if !c.bounded {
					if err != nil || len(out.Results) == 0 {
						t.Errorf("found %d objects: %v", len(out.Results), err)
					}
					return
				}
				want := fmt.Sprintf("Size of the answer exceeds maximum allowed (%d bytes)", limit)
				if got := wantCode(t, err, parse.InvalidQuery); got != want {
					t.Errorf("refused with %q, want %q", got, want)
				}
			})
		}
	}
}

// An object that outgrows what a store holds is too large, and stays as it was.
func TestObjectsTooLargeAreRefused(t *testing.T) {
	a := open(t)
	part := strings.Repeat("x", 9<<20)
	_, err := a.Create(context.Background(), anonymous, "Big", object(t, `{"a":["`+part+`","`+part+`"]}`))
	wantCode(t, err, parse.ObjectTooLarge)

	id := a.create(anonymous, "Big", `{"n":0,"a":["`+part+`"]}`)
	for _, body := range []string{
		`{"n":1,"a":{"__op":"Add","objects":["` + part + `"]}}`,
		`{"n":1,"b":"` + part + `"}`,
	} {
		_, err = a.update(anonymous, "Big", id, body)
		wantCode(t, err, parse.ObjectTooLarge)
	}
	if o, err := a.get(anonymous, "Big", id, `{"keys":"n"}`); err != nil || o["n"] != 0.0 {
		t.Errorf("after refused updates the object is %v, %v", o, err)
	}
}

// The requests of a batch make one answer: reads beyond its bound are refused,
// and so are writes, before they change anything.
func TestAnswersOfABatchShareTheirBound(t *testing.T) {
	a := open(t, func(o *engine.Options) { o.AnswerBytes = 1 << 20 })
	id := a.create(anonymous, "Long", `{"n":0,"a":["`+strings.Repeat("x", 300<<10)+`"]}`)
	update := object(t, `{"n":{"__op":"Increment","amount":1},"a":{"__op":"AddUnique","objects":["x"]}}`)
	ctx := a.OneAnswer(context.Background())
	var updated int
	for range 10 {
		if _, err := a.Update(ctx, anonymous, "Long", id, update); err == nil {
			updated++
		} else {
			wantCode(t, err, parse.InvalidQuery)
		}
	}
	if updated == 0 || updated == 10 {
		t.Errorf("%d of 10 updates were answered", updated)
	}
	if o, err := a.get(anonymous, "Long", id, `{"keys":"n"}`); err != nil || o["n"] != float64(updated) {
		t.Errorf("after %d updates n is %v, %v", updated, o["n"], err)
	}
	_, err := a.Get(ctx, anonymous, "Long", id, &query.Query{})
	wantCode(t, err, parse.InvalidQuery)
}
