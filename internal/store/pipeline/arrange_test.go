package pipeline

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func TestWhatBecomesOfTheFirstStages(t *testing.T) {
	for _, test := range []struct {
		stages string
		search string // filter, sort, skip, limit
		rest   string // names of stages
	}{
		{`[]`, `{} {} 0 0`, ``},
		{`[{"$match":{"a":1}},{"$match":{"b":2}},{"$sort":{"c":1}},{"$skip":2},{"$limit":3}]`, `{"$and":[{"a":1},{"b":2}]} {"c":1} 2 3`, ``},
		{`[{"$sort":{"c":1}},{"$match":{"a":1}}]`, `{"a":1} {"c":1} 0 0`, ``},
		{`[{"$limit":3},{"$match":{"a":1}}]`, `{} {} 0 3`, `$match`},
		{`[{"$addFields":{"x":1}},{"$match":{"a":1,"x":1}}]`, `{"a":1} {} 0 0`, `$addFields $match`},
		{`[{"$addFields":{"x.y":1}},{"$match":{"x":1}},{"$match":{"x.y.z":1}}]`, `{} {} 0 0`, `$addFields $match`},
		{`[{"$project":{"a":1}},{"$match":{"a.b":1,"c":1,"_id":2}}]`, `{"$and":[{"a.b":1},{"_id":2}]} {} 0 0`, `$project $match`},
		{`[{"$project":{"a":0}},{"$match":{"a":1,"c":1}}]`, `{"c":1} {} 0 0`, `$project $match`},
		{`[{"$unwind":"$a"},{"$match":{"a":1,"b":1}}]`, `{"b":1} {} 0 0`, `$unwind $match`},
		{`[{"$unwind":"$a"},{"$limit":1}]`, `{} {} 0 0`, `$unwind $limit`},
		{`[{"$project":{"x":"$y"}},{"$skip":1},{"$limit":2}]`, `{} {} 1 2`, `$project`},
		{`[{"$lookup":{"from":"d","localField":"a","foreignField":"b","as":"c"}},{"$match":{"a":1,"c":1}},{"$limit":2}]`, `{"a":1} {} 0 0`, `$lookup $match $limit`},
		{`[{"$lookup":{"from":"d","localField":"a","foreignField":"b","as":"c"}},{"$limit":2}]`, `{} {} 0 2`, `$lookup`},
		{`[{"$lookup":{"from":"d","localField":"a","foreignField":"b","as":"c"}},{"$unwind":"$c"},{"$limit":2}]`, `{} {} 0 0`, `$lookup $limit`},
		{`[{"$match":{"a":1,"$expr":{"$eq":["$b",1]}}},{"$sort":{"a":1}}]`, `{"$and":[{"a":1},{"$expr":{"$eq":["$b",1]}},{"b":{"$eq":1}}]} {"a":1} 0 0`, ``},
		{`[{"$match":{"$or":[{"a":1},{"$expr":"$$NOW"}],"b":1}},{"$sort":{"a":1}}]`, `{"b":1} {} 0 0`, `$match $sort`},
		{`[{"$match":{"$text":{"$search":"x"}}},{"$count":"n"}]`, `{"$text":{"$search":"x"}} {} 0 0`, `$count`},
		{`[{"$group":{"_id":"$a"}},{"$match":{"_id":1}}]`, `{} {} 0 0`, `$group $match`},
		{`[{"$replaceWith":"$a"},{"$match":{"a":1}},{"$limit":1}]`, `{} {} 0 0`, `$replaceWith $match $limit`},
	} {
		t.Run(test.stages, func(t *testing.T) {
			p := compile(t, test.stages, Options{})
			q, _ := p.Search()
			if got := fmt.Sprintf("%s %s %d %d", extJSON(t, q.Filter), extJSON(t, q.Sort), q.Skip, q.Limit); got != test.search {
				t.Errorf("the search is %s, want %s", got, test.search)
			}
			var names []string
			for _, spec := range p.Stages() {
				names = append(names, spec[0].Key)
			}
			if got := strings.Join(names, " "); got != test.rest {
				t.Errorf("the stages are %s, want %s", got, test.rest)
			}
		})
	}
}

func compile(t testing.TB, stages string, o Options) *Pipeline {
	t.Helper()
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(`{"p":`+stages+`}`), false, &d); err != nil {
		t.Fatal(err)
	}
	p, err := Compile("c", d[0].Value.(bson.A), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func extJSON(t testing.TB, d bson.D) string {
	t.Helper()
	if d == nil {
		d = bson.D{}
	}
	text, err := bson.MarshalExtJSON(d, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCountingIsLeftToTheSource(t *testing.T) {
	m := &memory{collections: map[string][]bson.Raw{"c": {document(t, `{"a":1}`), document(t, `{"a":1}`), document(t, `{"a":2}`)}}}
	for _, test := range []struct{ stages, want string }{
		{`[{"$match":{"a":1}},{"$count":"n"}]`, `[{"n":{"$numberInt":"2"}}]`},
		{`[{"$match":{"a":1}},{"$skip":1},{"$limit":5},{"$group":{"_id":1,"n":{"$sum":1}}}]`, `[{"_id":{"$numberInt":"1"},"n":{"$numberInt":"1"}}]`},
		{`[{"$group":{"_id":null,"n":{"$count":{}}}},{"$set":{"_id":"$n"}}]`, `[{"_id":{"$numberInt":"3"},"n":{"$numberInt":"3"}}]`},
		{`[{"$match":{"a":9}},{"$count":"n"}]`, `[]`},
	} {
		got, err := run(t.Context(), m, "c", test.stages, Options{})
		if fmt.Sprint(got) != test.want || err != nil {
			t.Errorf("%s: %s, %v, want %s", test.stages, got, err, test.want)
		}
	}
	if m.counts != 4 || len(m.searches) != 0 {
		t.Errorf("there were %d counts and %d searches", m.counts, len(m.searches))
	}
}

func TestAnExpressionsEqualityHelpsASearch(t *testing.T) {
	m := &memory{collections: map[string][]bson.Raw{
		"c": {document(t, `{"_id":1,"a":5}`), document(t, `{"_id":2,"a":[5]}`), document(t, `{"_id":3}`)},
		"d": {document(t, `{"x":5}`), document(t, `{"x":[5]}`), document(t, `{"y":5}`)},
	}}
	got, err := run(t.Context(), m, "c", `[{"$lookup":{"from":"d","let":{"a":"$a"},"as":"d","pipeline":[{"$match":{"$expr":{"$eq":["$x","$$a"]}}}]}}]`, Options{})
	want := `[{"_id":{"$numberInt":"1"},"a":{"$numberInt":"5"},"d":[{"x":{"$numberInt":"5"}}]} ` +
		`{"_id":{"$numberInt":"2"},"a":[{"$numberInt":"5"}],"d":[{"x":[{"$numberInt":"5"}]}]} ` +
		`{"_id":{"$numberInt":"3"},"d":[{"y":{"$numberInt":"5"}}]}]`
	if fmt.Sprint(got) != want || err != nil {
		t.Fatalf("%s, %v\nwant %s", got, err, want)
	}
	filters := make([]string, 0, 4)
	for _, q := range m.searches {
		filters = append(filters, extJSON(t, q.Filter))
	}
	if wanted := []string{`{}`, `{"x":{"$eq":5}}`, `{}`, `{}`}; !slices.Equal(filters, wanted) {
		t.Errorf("the filters are %s, want %s", filters, wanted)
	}
}

func TestWhatTheSourceCannotSortIsSortedHere(t *testing.T) {
	m := &memory{sortLimit: 10, collections: map[string][]bson.Raw{}}
	for i := range 100 {
		m.collections["c"] = append(m.collections["c"], document(t, fmt.Sprintf(`{"_id":%d,"a":%d}`, i, i*37%100)))
	}
	stages := `[{"$sort":{"a":1}},{"$skip":5},{"$limit":2},{"$project":{"_id":0}}]`
	got, err := run(t.Context(), m, "c", stages, Options{})
	if want := `[{"a":{"$numberInt":"5"}} {"a":{"$numberInt":"6"}}]`; fmt.Sprint(got) != want || err != nil {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	_, err = run(t.Context(), m, "c", stages, Options{AggregateOptions: store.AggregateOptions{InMemory: true}})
	wantCode(t, err, 292)
}

// randomStages are what random pipelines are made of.
var randomStages = []string{
	`{"$match":{"a":1}}`, `{"$match":{"a":{"$gt":1}}}`, `{"$match":{"b.x":{"$ne":2}}}`, `{"$match":{"b.x":null}}`, `{"$match":{"n":{"$exists":true}}}`,
	`{"$match":{"$or":[{"a":2},{"b":{"$type":"array"}}]}}`, `{"$match":{"$expr":{"$eq":["$a","$n"]}}}`, `{"$match":{"$expr":{"$gt":["$a",0]},"c":"x"}}`,
	`{"$match":{"c":{"$in":["x",null]},"a":{"$lt":3}}}`, `{"$match":{"b.0.x":1}}`, `{"$match":{"_id":{"$gt":5}}}`, `{"$match":{"j.a":1}}`,
	`{"$sort":{"a":1}}`, `{"$sort":{"b.x":-1,"c":1}}`, `{"$sort":{"c":1,"_id":-1}}`,
	`{"$limit":7}`, `{"$limit":3}`, `{"$skip":1}`, `{"$skip":2}`,
	`{"$project":{"a":1,"b.x":1}}`, `{"$project":{"b":0}}`, `{"$project":{"b.x":0,"c":0}}`, `{"$project":{"a":"$c","n":{"$add":[1,"$_id"]},"b":1}}`, `{"$project":{"_id":0,"a":1,"b":1,"c":1}}`,
	`{"$addFields":{"a":"$b.x"}}`, `{"$addFields":{"b.x":"$a"}}`, `{"$addFields":{"n":{"$ifNull":["$a",0]}}}`, `{"$unset":"b.x"}`, `{"$unset":["a","c"]}`,
	`{"$unwind":"$b"}`, `{"$unwind":{"path":"$b","preserveNullAndEmptyArrays":true,"includeArrayIndex":"n"}}`, `{"$unwind":"$a"}`, `{"$unwind":"$j"}`,
	`{"$group":{"_id":"$a","n":{"$sum":1},"c":{"$first":"$c"}}}`, `{"$group":{"_id":null,"n":{"$sum":1}}}`, `{"$count":"n"}`, `{"$sortByCount":"$c"}`,
	`{"$replaceWith":{"a":"$a","b":"$b","c":"$n"}}`,
	`{"$lookup":{"from":"d","localField":"a","foreignField":"k","as":"j"}}`, `{"$lookup":{"from":"d","localField":"b.x","foreignField":"k","as":"b"}}`,
	`{"$lookup":{"from":"d","let":{"v":"$a"},"pipeline":[{"$match":{"$expr":{"$eq":["$k","$$v"]}}},{"$limit":1}],"as":"j"}}`,
	`{"$lookup":{"from":"d","pipeline":[{"$sort":{"k":1}},{"$project":{"k":1}},{"$limit":2}],"as":"j"}}`,
	`{"$unionWith":{"coll":"d","pipeline":[{"$match":{"k":1}},{"$project":{"a":"$k"}}]}}`,
	`{"$facet":{"x":[{"$match":{"a":1}},{"$limit":2}],"y":[{"$lookup":{"from":"d","localField":"a","foreignField":"k","as":"j"}},{"$count":"n"}]}}`,
	`{"$graphLookup":{"from":"d","startWith":"$a","connectFromField":"to","connectToField":"k","as":"j"}}`,
}

var randomValues = []string{`1`, `2`, `3.0`, `null`, `"x"`, `[1,2]`, `[]`, `[[1],5]`, `{"x":1}`, `{"x":2,"y":1}`, `[{"x":1},{"x":2},7]`, `[{"y":1}]`, `{"x":[1,2]}`}

func randomSource(t testing.TB, r *rand.Rand) *memory {
	m := &memory{collections: make(map[string][]bson.Raw)}
	value := func() string { return randomValues[r.IntN(len(randomValues))] }
	for i := range 15 {
		fields := fmt.Sprintf(`"_id":%d`, i)
		for _, name := range []string{"a", "b", "c"} {
			if r.IntN(4) > 0 {
				fields += fmt.Sprintf(`,%q:%s`, name, value())
			}
		}
		m.collections["c"] = append(m.collections["c"], document(t, "{"+fields+"}"))
	}
	for i := range 8 {
		m.collections["d"] = append(m.collections["d"], document(t, fmt.Sprintf(`{"_id":%d,"k":%s,"to":%s}`, i, value(), value())))
	}
	return m
}

// TestArrangedPipelinesMakeTheSame holds what is made of a pipeline to what it
// says: its stages one after the other.
func TestArrangedPipelinesMakeTheSame(t *testing.T) {
	for seed := range uint64(3000) {
		checkArranged(t, seed)
	}
}

func checkArranged(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	m := randomSource(t, r)
	var list []string
	for range 1 + r.IntN(6) {
		list = append(list, randomStages[r.IntN(len(randomStages))])
	}
	stages := "[" + strings.Join(list, ",") + "]"
	want, err := run(t.Context(), m, "c", stages, Options{plain: true})
	if err == errNested {
		t.Fatalf("seed %d, %s: %v", seed, stages, err)
	}
	if err != nil { // stages that would fail may be passed by
		return
	}
	got, err := run(t.Context(), m, "c", stages, Options{})
	if err != nil {
		t.Fatalf("seed %d, %s: %v", seed, stages, err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("seed %d, %s\nmakes\n%s\nwant\n%s", seed, stages, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzPipeline holds any pipeline to end without a panic, with a request's error
// or with well-formed documents.
func FuzzPipeline(f *testing.F) {
	for _, stage := range randomStages {
		f.Add("[" + stage + "]")
	}
	f.Add(`[{"$bucket":{"groupBy":"$a","boundaries":[0,5],"default":-1}},{"$redact":"$$KEEP"}]`)
	f.Add(`[{"$bucketAuto":{"groupBy":"$a","buckets":3}},{"$sample":{"size":2}}]`)
	f.Add(`[{"$geoNear":{"near":{"type":"Point","coordinates":[0,0]},"distanceField":"d","key":"b"}}]`)
	f.Add(`[{"$group":{"_id":"$a","t":{"$topN":{"n":2,"sortBy":{"c":1},"output":"$b"}},"s":{"$stdDevPop":"$a"},"u":{"$addToSet":"$b"},"m":{"$maxN":{"n":2,"input":"$a"}}}}]`)
	m := randomSource(f, rand.New(rand.NewPCG(1, 1)))
	f.Fuzz(func(t *testing.T, stages string) {
		if len(stages) > 4<<10 {
			return
		}
		m.reading = false
		_, err := run(t.Context(), m, "c", stages, Options{})
		if err == errNested {
			t.Fatal(err)
		}
	})
}
