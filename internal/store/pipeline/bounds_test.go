package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func manyDocuments(t testing.TB, n int) *memory {
	m := &memory{collections: make(map[string][]bson.Raw)}
	for i := range n {
		m.collections["c"] = append(m.collections["c"], document(t, fmt.Sprintf(`{"_id":%d,"a":%d,"b":%d,"s":%q}`, i, i*7919%n, i%500, strings.Repeat("x", 100))))
	}
	return m
}

// TestLittleMemory holds stages to make the same, whether or not files help them.
func TestLittleMemory(t *testing.T) {
	m := manyDocuments(t, 5000)
	for _, stages := range []string{
		`[{"$limit":5000},{"$sort":{"a":1}},{"$project":{"a":1}}]`,
		`[{"$limit":5000},{"$sort":{"b":-1,"a":1}},{"$limit":1500},{"$project":{"a":1}}]`,
		`[{"$group":{"_id":"$b","n":{"$sum":1},"a":{"$max":"$a"}}},{"$sort":{"_id":1}}]`,
		`[{"$group":{"_id":"$a","s":{"$first":"$s"}}},{"$sort":{"_id":1}}]`,
		`[{"$group":{"_id":"$a","l":{"$push":"$b"}}},{"$group":{"_id":null,"n":{"$sum":1}}}]`,
		`[{"$bucketAuto":{"groupBy":"$a","buckets":7}}]`,
		`[{"$lookup":{"from":"c","localField":"a","foreignField":"_id","as":"x"}},{"$project":{"x._id":1}}]`,
	} {
		t.Run(stages, func(t *testing.T) {
			dir := t.TempDir()
			want, err := run(t.Context(), m, "c", stages, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := run(t.Context(), m, "c", stages, Options{Dir: dir, memory: 64 << 10})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d documents with little memory, %d with more, and not the same", len(got), len(want))
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%v is left on disk, %v", left, err)
			}
		})
	}
}

func TestMemoryHasAnEnd(t *testing.T) {
	m := manyDocuments(t, 5000)
	for _, test := range []struct {
		stages string
		memory bool // only
		code   int32
	}{
		{`[{"$limit":5000},{"$sort":{"a":1}}]`, true, 292},
		{`[{"$group":{"_id":"$a"}}]`, true, 292},
		{`[{"$bucketAuto":{"groupBy":"$a","buckets":7}}]`, true, 292},
		{`[{"$sample":{"size":4000}}]`, true, 292},
		{`[{"$group":{"_id":null,"l":{"$push":"$$ROOT"}}}]`, false, 146},
		{`[{"$group":{"_id":null,"l":{"$addToSet":"$a"}}}]`, false, 146},
		{`[{"$bucketAuto":{"groupBy":"$a","buckets":1,"output":{"l":{"$push":"$$ROOT"}}}}]`, false, 146},
		{`[{"$limit":1},{"$graphLookup":{"from":"c","startWith":"$s","connectFromField":"s","connectToField":"s","as":"x"}}]`, false, 40099},
	} {
		t.Run(test.stages, func(t *testing.T) {
			o := Options{AggregateOptions: store.AggregateOptions{InMemory: test.memory}, Dir: t.TempDir(), memory: 64 << 10}
			_, err := run(t.Context(), m, "c", test.stages, o)
			wantCode(t, err, test.code)
		})
	}
}

func TestDocumentsHaveAnEnd(t *testing.T) {
	m := &memory{collections: map[string][]bson.Raw{"c": nil}}
	for i := range 20 {
		m.collections["c"] = append(m.collections["c"], document(t, fmt.Sprintf(`{"_id":%d,"s":%q}`, i, strings.Repeat("x", 1<<20))))
	}
	for _, stages := range []string{
		`[{"$group":{"_id":null,"l":{"$push":"$s"}}}]`,
		`[{"$facet":{"a":[{"$match":{}}]}}]`,
		`[{"$limit":1},{"$lookup":{"from":"c","pipeline":[],"as":"l"}}]`,
		`[{"$limit":1},{"$graphLookup":{"from":"c","startWith":0,"connectFromField":"x","connectToField":"y","as":"l","restrictSearchWithMatch":{}}},{"$project":{"l":1}},{"$facet":{"a":[{"$unionWith":"c"}]}}]`,
	} {
		t.Run(stages, func(t *testing.T) {
			_, err := run(t.Context(), m, "c", stages, Options{})
			wantCode(t, err, 10334)
		})
	}
}

func TestTheEndOfTheContextEndsStages(t *testing.T) {
	m := manyDocuments(t, 3000)
	for _, stages := range []string{
		`[{"$match":{"a":{"$gte":0}}}]`,
		`[{"$sort":{"a":1}}]`,
		`[{"$limit":3000},{"$sort":{"a":1}}]`,
		`[{"$group":{"_id":"$a"}}]`,
		`[{"$lookup":{"from":"c","localField":"a","foreignField":"_id","as":"x"}}]`,
		`[{"$unionWith":"c"}]`,
	} {
		t.Run(stages, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := compile(t, stages, Options{})
			seen := 0
			err := p.Run(ctx, m, func(bson.Raw) error {
				seen++
				cancel()
				return nil
			})
			if !errors.Is(err, context.Canceled) || seen > 300 {
				t.Errorf("ends with %v after %d documents", err, seen)
			}
		})
	}
}

func TestAJoinReadsOnceForABlock(t *testing.T) {
	m := manyDocuments(t, 2500)
	got, err := run(t.Context(), m, "c", `[{"$lookup":{"from":"c","localField":"a","foreignField":"_id","as":"x"}},{"$unwind":"$x"}]`, Options{})
	if err != nil || len(got) != 2500 {
		t.Fatalf("%d documents, %v", len(got), err)
	}
	if len(m.searches) != 4 {
		t.Errorf("there were %d searches, want one and three for blocks of 1000", len(m.searches))
	}
}

func TestWhatDoesNotDependOnTheDocumentIsFoundOnce(t *testing.T) {
	m := manyDocuments(t, 50)
	for stages, searches := range map[string]int{
		`[{"$lookup":{"from":"c","pipeline":[{"$match":{"b":1}}],"as":"x"}}]`:                                                                   2,
		`[{"$lookup":{"from":"c","let":{"v":"$a"},"pipeline":[{"$group":{"_id":"$b"}},{"$match":{"$expr":{"$eq":["$_id","$$v"]}}}],"as":"x"}}]`: 2,
		`[{"$lookup":{"from":"c","let":{"v":"$a"},"pipeline":[{"$match":{"$expr":{"$eq":["$_id","$$v"]}}}],"as":"x"}}]`:                         51,
	} {
		m.searches = nil
		if _, err := run(t.Context(), m, "c", stages, Options{}); err != nil || len(m.searches) != searches {
			t.Errorf("%s: %d searches, %v, want %d", stages, len(m.searches), err, searches)
		}
	}
}

func TestNearnessNeedsAnIndexOrAKey(t *testing.T) {
	m := manyDocuments(t, 1)
	for stages, code := range map[string]int32{
		`[{"$geoNear":1}]`: 10065,
		`[{"$geoNear":{"near":[0,0],"distanceField":"d"}}]`:                  27,
		`[{"$geoNear":{"near":"x","distanceField":"d","key":"a"}}]`:          2,
		`[{"$geoNear":{"distanceField":"d"}}]`:                               5860400,
		`[{"$geoNear":{"near":[0,0],"distanceField":"d","nope":1}}]`:         9,
		`[{"$geoNear":{"near":[0,0],"distanceField":"d","query":{"$x":1}}}]`: 2,
	} {
		_, err := run(t.Context(), m, "c", stages, Options{})
		wantCode(t, err, code)
	}
}

func TestSubPipelinesAreNestedTwentyDeepAtMost(t *testing.T) {
	m := manyDocuments(t, 1)
	nested := func(n int) string {
		return strings.Repeat(`[{"$unionWith":{"coll":"c","pipeline":`, n) + "[]" + strings.Repeat("}}]", n)
	}
	if got, err := run(t.Context(), m, "c", nested(20), Options{}); err != nil || len(got) != 21 {
		t.Errorf("20 deep: %d documents, %v", len(got), err)
	}
	_, err := run(t.Context(), m, "c", nested(21), Options{})
	wantCode(t, err, 165)
}
