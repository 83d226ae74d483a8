package pipeline

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// memory is a source. It fails when it is read while it is being read.
type memory struct {
	collections map[string][]bson.Raw
	reading     bool
	// searches are those that were made, counts how often was counted.
	searches []store.Find
	counts   int
	// sortLimit is how many documents it can sort, 0 for any number.
	sortLimit int
}

var errNested = errors.New("a read within a read")

func (m *memory) Find(ctx context.Context, collection string, q store.Find, yield func(bson.Raw) error) error {
	if m.reading {
		return errNested
	}
	m.reading = true
	defer func() { m.reading = false }()
	m.searches = append(m.searches, q)
	found, err := m.find(collection, q)
	if err != nil {
		return err
	}
	for _, doc := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		// What is kept of a document after the call is seen to change.
		passing := bytes.Clone(doc)
		err := yield(passing)
		for i := range passing {
			passing[i] = 0xFF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) find(collection string, q store.Find) ([]bson.Raw, error) {
	c := match.CollationOf(q.CaseInsensitive)
	env := &expression.Env{}
	options := match.Options{Collation: c, Expr: expression.Filters(env, expression.Options{Collation: c})}
	filter, err := options.Compile(q.Filter)
	if err != nil {
		return nil, err
	}
	var found []bson.Raw
	for _, doc := range m.collections[collection] {
		ok, err := filter.Decide(doc)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, doc)
		}
	}
	if len(q.Sort) > 0 {
		if m.sortLimit > 0 && len(found) > m.sortLimit {
			return nil, store.BadRequest(292, "too much to sort")
		}
		sorter, err := c.CompileSort(q.Sort)
		if err != nil {
			return nil, err
		}
		keys := make(map[*byte][]byte)
		for _, doc := range found {
			if keys[&doc[0]], err = sorter.AppendKey(nil, doc, 0); err != nil {
				return nil, err
			}
		}
		slices.SortStableFunc(found, func(a, b bson.Raw) int { return bytes.Compare(keys[&a[0]], keys[&b[0]]) })
	}
	found = found[min(int(q.Skip), len(found)):]
	if q.Limit > 0 {
		found = found[:min(int(q.Limit), len(found))]
	}
	return found, nil
}

func (m *memory) Count(_ context.Context, collection string, q store.Count) (int64, error) {
	m.counts++
	found, err := m.find(collection, store.Find{Filter: q.Filter, Limit: q.Limit, CaseInsensitive: q.CaseInsensitive})
	return int64(len(found)), err
}

func (m *memory) Indexes(context.Context, string) ([]store.Index, error) { return nil, nil }

// run runs a pipeline in extended JSON and returns what it makes, in the same.
func run(ctx context.Context, source Source, collection, stages string, o Options) ([]string, error) {
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(`{"p":`+stages+`}`), false, &d); err != nil {
		return nil, err
	}
	list, ok := d[0].Value.(bson.A)
	if !ok {
		return nil, errors.New("no array")
	}
	p, err := Compile(collection, list, o)
	if err != nil {
		return nil, err
	}
	var got []string
	err = p.Run(ctx, source, func(doc bson.Raw) error {
		if err := doc.Validate(); err != nil {
			return err
		}
		text, err := bson.MarshalExtJSON(doc, true, false)
		got = append(got, string(text))
		return err
	})
	return got, err
}

func document(t testing.TB, text string) bson.Raw {
	t.Helper()
	var raw bson.Raw
	if err := bson.UnmarshalExtJSON([]byte(text), false, &raw); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return raw
}

func wantCode(t *testing.T, err error, code int32) {
	t.Helper()
	var request *store.RequestError
	if !errors.As(err, &request) || request.Code != code {
		t.Errorf("error is %v, want one with code %d", err, code)
	}
}
