package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// inTransaction runs fn in a transaction and returns what came of it.
func inTransaction(t *testing.T, s *Store, fn func(ctx context.Context)) error {
	t.Helper()
	return s.Transaction(t.Context(), func(ctx context.Context) error {
		fn(ctx)
		return nil
	})
}

func TestTransactionSeesItsOwnChanges(t *testing.T) {
	s := open(t, Options{})
	define(t, s, "c", store.Index{Keys: doc(t, `{"n":1}`)}, store.Index{Keys: doc(t, `{"u":1}`), Unique: true})
	for i := range 10 {
		insert(t, s, "c", fmt.Sprintf(`{"_id":%d,"n":%d,"u":%d}`, i, i, i))
	}
	query := store.Find{Filter: doc(t, `{"n":{"$gte":5}}`), Sort: doc(t, `{"n":-1}`), Limit: 4, Projection: doc(t, `{"n":1}`)}
	err := inTransaction(t, s, func(ctx context.Context) {
		change := func(filter, update string) {
			t.Helper()
			if _, err := s.Update(ctx, "c", store.Update{Filter: doc(t, filter), Change: doc(t, update), Many: true}); err != nil {
				t.Fatal(err)
			}
		}
		change(`{"_id":9}`, `{"$set":{"n":0}}`)
		change(`{"_id":1}`, `{"$set":{"n":7.5}}`)
		if _, err := s.Delete(ctx, "c", doc(t, `{"_id":8}`), false); err != nil {
			t.Fatal(err)
		}
		if err := s.Insert(ctx, "c", raw(t, doc(t, `{"_id":20,"n":20,"u":20}`)), raw(t, doc(t, `{"_id":21,"n":1,"u":21}`))); err != nil {
			t.Fatal(err)
		}
		change(`{"_id":20}`, `{"$inc":{"n":1}}`)

		inside := []string{`{"_id":20,"n":21}`, `{"_id":1,"n":7.5}`, `{"_id":7,"n":7}`, `{"_id":6,"n":6}`}
		want(t, findIn(t, ctx, s, "c", query), inside...)
		want(t, findIn(t, ctx, s, "c", store.Find{Filter: doc(t, `{"_id":8}`)}))
		want(t, findIn(t, ctx, s, "c", store.Find{Filter: doc(t, `{"_id":21}`)}), `{"_id":21,"n":1,"u":21}`)
		if n, err := s.Count(ctx, "c", store.Count{}); err != nil || n != 11 {
			t.Errorf("%d documents inside, want 11 (%v)", n, err)
		}
		values, err := s.Distinct(ctx, "c", "n", doc(t, `{"n":{"$gt":6}}`))
		if err != nil || len(values) != 3 {
			t.Errorf("distinct values inside are %v (%v)", values, err)
		}
		want(t, find(t, s, "c", query), `{"_id":9,"n":9}`, `{"_id":8,"n":8}`, `{"_id":7,"n":7}`, `{"_id":6,"n":6}`)
		query.Hint = "u_1"
	})
	if err != nil {
		t.Fatal(err)
	}
	query.Hint = nil
	want(t, find(t, s, "c", query), `{"_id":20,"n":21}`, `{"_id":1,"n":7.5}`, `{"_id":7,"n":7}`, `{"_id":6,"n":6}`)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTransactionReadsASnapshot(t *testing.T) {
	s := open(t, Options{})
	insert(t, s, "c", `{"_id":1,"n":1}`)
	insert(t, s, "gone", `{"_id":1}`)
	err := inTransaction(t, s, func(ctx context.Context) {
		before := findIn(t, ctx, s, "c", store.Find{})
		insert(t, s, "c", `{"_id":2,"n":2}`)
		insert(t, s, "later", `{"_id":1}`)
		if _, err := s.Update(t.Context(), "c", store.Update{Filter: doc(t, `{"_id":1}`), Change: doc(t, `{"$set":{"n":9}}`)}); err != nil {
			t.Fatal(err)
		}
		if err := s.DropCollection(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
		want(t, findIn(t, ctx, s, "c", store.Find{}), before...)
		want(t, findIn(t, ctx, s, "c", store.Find{Filter: doc(t, `{"_id":1}`)}), before...)
		want(t, findIn(t, ctx, s, "later", store.Find{}))
		want(t, findIn(t, ctx, s, "gone", store.Find{}), `{"_id":1}`)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTransactionConflicts(t *testing.T) {
	set := func(t *testing.T, s *Store, ctx context.Context, id int, change string) error {
		_, err := s.Update(ctx, "c", store.Update{Filter: doc(t, fmt.Sprintf(`{"_id":%d}`, id)), Change: doc(t, change), Upsert: true})
		return err
	}
	tests := map[string]struct {
		inside, outside func(t *testing.T, s *Store, ctx context.Context) error
		conflict        bool
	}{
		"same document": {
			inside:   func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 1, `{"$inc":{"n":1}}`) },
			outside:  func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 1, `{"$inc":{"n":1}}`) },
			conflict: true,
		},
		"another document": {
			inside:  func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 1, `{"$inc":{"n":1}}`) },
			outside: func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 2, `{"$inc":{"n":1}}`) },
		},
		"deleted by the other": {
			inside: func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 1, `{"$inc":{"n":1}}`) },
			outside: func(t *testing.T, s *Store, ctx context.Context) error {
				_, err := s.Delete(ctx, "c", doc(t, `{"_id":1}`), false)
				return err
			},
			conflict: true,
		},
		"both insert": {
			inside:   func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 7, `{"$set":{"u":7}}`) },
			outside:  func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 7, `{"$set":{"u":8}}`) },
			conflict: true,
		},
		"both take a unique value": {
			inside:   func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 1, `{"$set":{"u":7}}`) },
			outside:  func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 2, `{"$set":{"u":7}}`) },
			conflict: true,
		},
		"a unique index appears": {
			inside: func(t *testing.T, s *Store, ctx context.Context) error {
				return errors.Join(set(t, s, ctx, 1, `{"$set":{"v":7}}`), set(t, s, ctx, 2, `{"$set":{"v":7}}`))
			},
			outside: func(t *testing.T, s *Store, ctx context.Context) error {
				return s.CreateIndexes(ctx, "c", store.Index{Keys: doc(t, `{"v":1}`), Unique: true, Sparse: true})
			},
			conflict: true,
		},
		"the collection is dropped": {
			inside:   func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 1, `{"$set":{"u":7}}`) },
			outside:  func(t *testing.T, s *Store, ctx context.Context) error { return s.DropCollection(ctx, "c") },
			conflict: true,
		},
		"only read": {
			inside: func(t *testing.T, s *Store, ctx context.Context) error {
				findIn(t, ctx, s, "c", store.Find{Filter: doc(t, `{"_id":1}`)})
				return nil
			},
			outside: func(t *testing.T, s *Store, ctx context.Context) error { return set(t, s, ctx, 1, `{"$inc":{"n":1}}`) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			define(t, s, "c", store.Index{Keys: doc(t, `{"u":1}`), Unique: true})
			insert(t, s, "c", `{"_id":1,"n":1,"u":1}`, `{"_id":2,"n":2,"u":2}`)
			var after []string
			err := inTransaction(t, s, func(ctx context.Context) {
				if err := test.inside(t, s, ctx); err != nil {
					t.Fatal(err)
				}
				if err := test.outside(t, s, t.Context()); err != nil {
					t.Fatal(err)
				}
				after = find(t, s, "c", store.Find{})
			})
			if errors.Is(err, store.ErrConflict) != test.conflict || err != nil && !test.conflict {
				t.Fatalf("transaction: %v, conflict expected: %t", err, test.conflict)
			}
			if test.conflict {
				want(t, find(t, s, "c", store.Find{}), after...)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTransactionMayExchangeUniqueValues(t *testing.T) {
	s := open(t, Options{})
	define(t, s, "c", store.Index{Keys: doc(t, `{"u":1}`), Unique: true})
	insert(t, s, "c", `{"_id":1,"u":"a"}`, `{"_id":2,"u":"b"}`)
	err := inTransaction(t, s, func(ctx context.Context) {
		for _, step := range []struct{ id, u string }{{"1", "c"}, {"2", "a"}, {"1", "b"}} {
			_, err := s.Update(ctx, "c", store.Update{
				Filter: doc(t, `{"_id":`+step.id+`}`), Change: doc(t, `{"$set":{"u":"`+step.u+`"}}`),
			})
			if err != nil {
				t.Fatal(step, err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, find(t, s, "c", store.Find{}), `{"_id":1,"u":"b"}`, `{"_id":2,"u":"a"}`)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTransactionEndsWithItsFirstFailure(t *testing.T) {
	s := open(t, Options{})
	insert(t, s, "c", `{"_id":1}`)
	err := s.Transaction(t.Context(), func(ctx context.Context) error {
		if err := s.Insert(ctx, "c", raw(t, doc(t, `{"_id":2}`))); err != nil {
			t.Fatal(err)
		}
		var duplicate *store.DuplicateKeyError
		if err := s.Insert(ctx, "c", raw(t, doc(t, `{"_id":1}`))); !errors.As(err, &duplicate) {
			t.Errorf("a duplicate is told as %v", err)
		}
		if err := s.Insert(ctx, "c", raw(t, doc(t, `{"_id":3}`))); err == nil {
			t.Error("the transaction goes on after a failure")
		}
		return nil
	})
	if err == nil {
		t.Error("the transaction was committed after a failure")
	}
	want(t, find(t, s, "c", store.Find{}), `{"_id":1}`)
}

func TestTransactionIsAbandoned(t *testing.T) {
	boom := errors.New("boom")
	var request *store.RequestError
	tests := map[string]struct {
		fn   func(s *Store, ctx context.Context) error
		want func(error) bool
	}{
		"by an error": {
			fn:   func(*Store, context.Context) error { return boom },
			want: func(err error) bool { return errors.Is(err, boom) },
		},
		"when it takes too long": {
			fn: func(s *Store, ctx context.Context) error {
				tx, _ := s.transactionOf(ctx)
				tx.timer.Reset(0)
				for tx.use(func() error { return nil }) == nil {
				}
				return nil
			},
			want: func(err error) bool { return errors.As(err, &request) && request.Code == codeTransactionTooLong },
		},
		"when it changes too much": {
			fn: func(s *Store, ctx context.Context) error {
				for i := range 10 {
					big := bson.D{{Key: "_id", Value: i}, {Key: "s", Value: strings.Repeat("x", 15<<20)}}
					if err := s.Insert(ctx, "c", raw(t, big)); err != nil {
						return err
					}
				}
				return nil
			},
			want: func(err error) bool { return errors.As(err, &request) && request.Code == codeTransactionTooLarge },
		},
		"by a change of the catalog": {
			fn: func(s *Store, ctx context.Context) error {
				return s.CreateIndexes(ctx, "c", store.Index{Keys: doc(t, `{"a":1}`)})
			},
			want: func(err error) bool { return errors.As(err, &request) && request.Code == 263 },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			err := s.Transaction(t.Context(), func(ctx context.Context) error {
				if err := s.Insert(ctx, "c", raw(t, doc(t, `{"_id":"x"}`))); err != nil {
					t.Fatal(err)
				}
				return test.fn(s, ctx)
			})
			if !test.want(err) {
				t.Errorf("told as %v", err)
			}
			want(t, find(t, s, "c", store.Find{}))
			if n := len(s.readers.lanes[transactions]); n != 0 {
				t.Errorf("%d connections are not given back", n)
			}
		})
	}
}

func TestTransactionIsAbandonedByPanic(t *testing.T) {
	s := open(t, Options{})
	func() {
		defer func() {
			if recover() != "boom" {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Transaction(t.Context(), func(ctx context.Context) error {
			if err := s.Insert(ctx, "c", raw(t, doc(t, `{"_id":1}`))); err != nil {
				t.Error(err)
			}
			panic("boom")
		})
	}()
	want(t, find(t, s, "c", store.Find{}))
	if n := len(s.readers.lanes[transactions]); n != 0 {
		t.Errorf("%d connections are not given back", n)
	}
}

func TestTransactionContextIsOfNoUseAfterwards(t *testing.T) {
	s := open(t, Options{})
	var kept context.Context
	if err := inTransaction(t, s, func(ctx context.Context) { kept = ctx }); err != nil {
		t.Fatal(err)
	}
	var request *store.RequestError
	err := s.Insert(kept, "c", raw(t, doc(t, `{"_id":1}`)))
	if !errors.As(err, &request) || request.Code != codeNoSuchTransaction {
		t.Errorf("an insert is told as %v", err)
	}
}

// Random work on two stores, one in transactions, comes to the same.
func TestTransactionsComeToWhatSingleWritesDo(t *testing.T) {
	plain, transacted := open(t, Options{}), open(t, Options{})
	stores := []*Store{plain, transacted}
	for _, s := range stores {
		define(t, s, "c", plannerIndexes...)
	}
	for seed := range uint64(20) {
		work := func(s *Store, ctx context.Context) {
			g := newGenerator(seed, "a")
			for range 15 {
				d := g.document(g.Int32N(30))
				switch g.IntN(4) {
				case 0:
					if _, err := s.Delete(ctx, "c", d[:1], false); err != nil {
						t.Fatal(err)
					}
				case 1:
					u := store.Update{Filter: g.filter(1), Change: bson.D{{Key: "$set", Value: bson.D{{Key: "b", Value: g.scalar()}}}}, Many: true}
					if _, err := s.Update(ctx, "c", u); err != nil {
						t.Fatal(err)
					}
				default:
					u := store.Update{Filter: d[:1], Change: bson.D{{Key: "$set", Value: append(d[1:], bson.E{Key: "x", Value: 1})}}, Upsert: true}
					if _, err := s.Update(ctx, "c", u); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		work(plain, t.Context())
		if err := inTransaction(t, transacted, func(ctx context.Context) { work(transacted, ctx) }); err != nil {
			t.Fatal(err)
		}
		a, b := find(t, plain, "c", store.Find{}), find(t, transacted, "c", store.Find{})
		slices.Sort(a)
		slices.Sort(b)
		want(t, b, a...)
	}
	for _, s := range stores {
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
