package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// items are what the sales are looked up in, and people are a graph.
var (
	items = []string{
		`{"_id":"a","name":"pen","stock":3}`,
		`{"_id":"b","name":["ink","pad"],"stock":0}`,
		`{"_id":"c","stock":9}`,
		`{"_id":"d","name":null,"stock":1}`,
	}
	people = []string{
		`{"_id":1,"name":"Eve","boss":null}`,
		`{"_id":2,"name":"Bob","boss":"Eve"}`,
		`{"_id":3,"name":"Ann","boss":["Bob","Kim"]}`,
		`{"_id":4,"name":"Kim","boss":"Ann"}`,
	}
)

var lookupCases = []aggregateCase{
	{pipeline: `[{"$match":{"_id":{"$lte":2}}},{"$project":{"item":1}},{"$lookup":{"from":"items","localField":"item","foreignField":"name","as":"in"}}]`,
		want: []string{`{"_id":1,"item":"pen","in":[{"_id":"a","name":"pen","stock":3}]}`, `{"_id":2,"item":"ink","in":[{"_id":"b","name":["ink","pad"],"stock":0}]}`}},
	// What is missing is null, and null finds what is missing.
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"_id":1}},{"$lookup":{"from":"items","localField":"nope","foreignField":"name","as":"in"}}]`,
		want: []string{`{"_id":1,"in":[{"_id":"c","stock":9},{"_id":"d","name":null,"stock":1}]}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$set":{"item":["pen","pad","pen"]}},{"$lookup":{"from":"items","localField":"item","foreignField":"name","as":"x.in"}},{"$unwind":"$x.in"},{"$project":{"x.in._id":1}}]`, anyOrder: true,
		want: []string{`{"_id":1,"x":{"in":{"_id":"a"}}}`, `{"_id":1,"x":{"in":{"_id":"b"}}}`}},
	{pipeline: `[{"$match":{"_id":{"$gte":4}}},{"$lookup":{"from":"nowhere","localField":"item","foreignField":"name","as":"tags"}},{"$project":{"tags":1}}]`,
		want: []string{`{"_id":4,"tags":[]}`, `{"_id":5,"tags":[]}`}},
	{pipeline: `[{"$lookup":{"from":"items","localField":"item","foreignField":"name","as":"in"}},{"$unwind":"$in"},{"$project":{"i":"$in._id"}}]`,
		want: []string{`{"_id":1,"i":"a"}`, `{"_id":2,"i":"b"}`, `{"_id":3,"i":"a"}`, `{"_id":4,"i":"b"}`}},
	{pipeline: `[{"$lookup":{"from":"items","localField":"item","foreignField":"name","as":"in"}},{"$unwind":{"path":"$in","preserveNullAndEmptyArrays":true,"includeArrayIndex":"n"}},{"$match":{"_id":{"$gte":4}}},{"$project":{"in._id":1,"n":1}}]`,
		want: []string{`{"_id":4,"in":{"_id":"b"},"n":{"$numberLong":"0"}}`, `{"_id":5,"n":null}`}},
	{pipeline: `[{"$lookup":{"from":"items","localField":"item","foreignField":"name","as":"in"}},{"$match":{"in.stock":0}},{"$project":{"_id":1}}]`,
		want: []string{`{"_id":2}`, `{"_id":4}`}},
	{pipeline: `[{"$lookup":{"from":"items","localField":"item","foreignField":"name","as":"in"}},{"$limit":1},{"$skip":0},{"$project":{"in":1}}]`,
		want: []string{`{"_id":1,"in":[{"_id":"a","name":"pen","stock":3}]}`}},

	// With a pipeline.
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"qty":1}},{"$lookup":{"from":"items","let":{"q":"$qty"},"pipeline":[{"$match":{"$expr":{"$lt":["$stock","$$q"]}}},{"$project":{"s":{"$subtract":["$$q","$stock"]}}}],"as":"in"}}]`,
		want: []string{`{"_id":1,"qty":5,"in":[{"_id":"a","s":2},{"_id":"b","s":5},{"_id":"d","s":4}]}`}},
	{pipeline: `[{"$match":{"_id":{"$lte":2}}},{"$project":{"item":1}},{"$lookup":{"from":"items","let":{"i":"$item"},"pipeline":[{"$match":{"$expr":{"$eq":["$name","$$i"]}}},{"$project":{"_id":1}}],"as":"in"}}]`,
		want: []string{`{"_id":1,"item":"pen","in":[{"_id":"a"}]}`, `{"_id":2,"item":"ink","in":[]}`}},
	{pipeline: `[{"$match":{"_id":{"$lte":2}}},{"$project":{"_id":1}},{"$lookup":{"from":"items","pipeline":[{"$group":{"_id":null,"n":{"$sum":"$stock"}}}],"as":"in"}}]`,
		want: []string{`{"_id":1,"in":[{"_id":null,"n":13}]}`, `{"_id":2,"in":[{"_id":null,"n":13}]}`}},
	{pipeline: `[{"$match":{"_id":{"$lte":2}}},{"$project":{"_id":1}},{"$lookup":{"from":"items","let":{"n":"$_id"},"pipeline":[{"$group":{"_id":null,"n":{"$sum":"$stock"}}},{"$set":{"n":{"$add":["$n","$$n"]}}}],"as":"in"}}]`,
		want: []string{`{"_id":1,"in":[{"_id":null,"n":14}]}`, `{"_id":2,"in":[{"_id":null,"n":15}]}`}},
	{pipeline: `[{"$match":{"_id":{"$lte":2}}},{"$project":{"item":1}},{"$lookup":{"from":"items","localField":"item","foreignField":"name","let":{"n":"$_id"},"pipeline":[{"$project":{"_id":0,"x":{"$add":["$stock","$$n"]}}}],"as":"in"}}]`,
		want: []string{`{"_id":1,"item":"pen","in":[{"x":4}]}`, `{"_id":2,"item":"ink","in":[{"x":2}]}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"_id":1}},{"$lookup":{"from":"items","pipeline":[{"$match":{"_id":"a"}},{"$lookup":{"from":"sales","let":{"n":"$name"},"pipeline":[{"$match":{"$expr":{"$eq":["$item","$$n"]}}},{"$project":{"_id":1}}],"as":"sold"}},{"$project":{"sold":1}}],"as":"in"}}]`,
		want: []string{`{"_id":1,"in":[{"_id":"a","sold":[{"_id":1},{"_id":3}]}]}`}},
	{pipeline: `[{"$lookup":1}]`, code: 9},
	{pipeline: `[{"$lookup":{"from":"items","as":"x"}}]`, code: 9},
	{pipeline: `[{"$lookup":{"from":"items","localField":"a","as":"x"}}]`, code: 9},
	{pipeline: `[{"$lookup":{"from":"items","localField":"a","foreignField":"b"}}]`, code: 9},
	{pipeline: `[{"$lookup":{"from":"items","localField":"a","foreignField":"b","as":1}}]`, code: 9},
	{pipeline: `[{"$lookup":{"from":"items","pipeline":[{"$out":"x"}],"as":"x"}}]`, code: 51047},

	{pipeline: `[{"$match":{"_id":1}},{"$project":{"_id":1}},{"$graphLookup":{"from":"people","startWith":"Ann","connectFromField":"boss","connectToField":"name","as":"up","depthField":"d"}},{"$unwind":"$up"},{"$sort":{"up._id":1}},{"$project":{"_id":0,"i":"$up._id","d":"$up.d"}}]`,
		want: []string{`{"i":1,"d":{"$numberLong":"2"}}`, `{"i":2,"d":{"$numberLong":"1"}}`, `{"i":3,"d":{"$numberLong":"0"}}`, `{"i":4,"d":{"$numberLong":"1"}}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"_id":1}},{"$graphLookup":{"from":"people","startWith":["Bob","Kim"],"connectFromField":"boss","connectToField":"name","as":"up","maxDepth":0,"restrictSearchWithMatch":{"$expr":{"$lt":["$_id",4]}}}}]`,
		want: []string{`{"_id":1,"up":[{"_id":2,"name":"Bob","boss":"Eve"}]}`}},
	{pipeline: `[{"$graphLookup":{"from":"people"}}]`, code: 40105},
	{pipeline: `[{"$graphLookup":{"from":"people","maxDepth":-1}}]`, code: 40101},

	{pipeline: `[{"$match":{"_id":1}},{"$project":{"_id":1}},{"$unionWith":"people"},{"$project":{"_id":1,"name":1}},{"$limit":3}]`,
		want: []string{`{"_id":1}`, `{"_id":1,"name":"Eve"}`, `{"_id":2,"name":"Bob"}`}},
	{pipeline: `[{"$project":{"_id":1}},{"$unionWith":{"coll":"people","pipeline":[{"$match":{"_id":{"$gt":3}}},{"$project":{"_id":0,"boss":1}}]}},{"$skip":4}]`,
		want: []string{`{"_id":5}`, `{"boss":"Ann"}`}},
	{pipeline: `[{"$limit":1},{"$project":{"_id":1}},{"$unionWith":"people"},{"$limit":1}]`, want: []string{`{"_id":1}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"item":1}},{"$unionWith":{"coll":"items","pipeline":[{"$match":{"_id":"c"}}]}},{"$lookup":{"from":"items","localField":"item","foreignField":"name","as":"in"}},{"$project":{"in._id":1}}]`,
		want: []string{`{"_id":1,"in":[{"_id":"a"}]}`, `{"_id":"c","in":[{"_id":"c"},{"_id":"d"}]}`}},
	{pipeline: `[{"$unionWith":1}]`, code: 9},

	{pipeline: `[{"$facet":{"n":[{"$count":"n"}],"top":[{"$sort":{"price":-1}},{"$limit":1},{"$project":{"item":1}}],"none":[{"$match":{"_id":0}}],"in":[{"$match":{"_id":2}},{"$lookup":{"from":"items","localField":"item","foreignField":"name","as":"in"}},{"$project":{"in":"$in._id"}}]}}]`,
		want: []string{`{"n":[{"n":5}],"top":[{"_id":2,"item":"ink"}],"none":[],"in":[{"_id":2,"in":["b"]}]}`}},
	{pipeline: `[{"$match":{"_id":0}},{"$facet":{"n":[{"$count":"n"}]}}]`, want: []string{`{"n":[]}`}},
	{pipeline: `[{"$facet":{}}]`, code: 40169},
	{pipeline: `[{"$facet":{"a":1}}]`, code: 40170},
	{pipeline: `[{"$facet":{"a":[{"$facet":{"b":[]}}]}}]`, code: 40600},
	{pipeline: `[{"$facet":{"a":[{"$out":"b"}]}}]`, code: 40600},
	{pipeline: `[{"$limit":1},{"$geoNear":{"near":[0,0],"distanceField":"d"}}]`, code: 40602},
}

func testAggregateCollections(f *fixture) {
	f.insert("sales", sales...)
	f.insert("items", items...)
	f.insert("people", people...)
	f.runAggregates("lookups", lookupCases)
	f.index("items", store.Index{Name: "name", Keys: f.doc(`{"name":1}`)})
	f.index("people", store.Index{Name: "name", Keys: f.doc(`{"name":1}`)})
	f.runAggregates("lookups with indexes", lookupCases)
	f.run("documents of the pipeline's own", func(f *fixture) {
		f.aggregates("", aggregateCase{pipeline: `[{"$documents":[{"a":1},{"a":{"$add":[1,1]}}]},{"$match":{"a":{"$gt":1}}}]`, want: []string{`{"a":2}`}})
		f.aggregates("", aggregateCase{pipeline: `[{"$documents":[{"n":"pen"}]},{"$lookup":{"from":"items","localField":"n","foreignField":"name","as":"i"}},{"$project":{"i":"$i._id"}}]`,
			want: []string{`{"i":["a"]}`}})
		f.aggregates("", aggregateCase{pipeline: `[{"$documents":{"a":1}}]`, code: 5858203})
		f.aggregates("sales", aggregateCase{pipeline: `[{"$limit":1},{"$documents":[]}]`, code: 40602})
	})
	f.run("more documents than go into a block", func(f *fixture) {
		for i := range 25 {
			var docs []string
			for j := range 100 {
				docs = append(docs, fmt.Sprintf(`{"_id":%d,"to":%d}`, i*100+j, (i*100+j)*7%2500))
			}
			f.insert("many", docs...)
		}
		n := 0
		stages := f.pipeline(`[{"$lookup":{"from":"many","localField":"to","foreignField":"_id","as":"x"}},{"$sort":{"_id":1}}]`)
		f.mustNot(f.store.Aggregate(f.ctx, "many", stages, store.AggregateOptions{}, func(doc bson.Raw) error {
			to, _ := doc.Lookup("x", "0", "_id").AsInt64OK()
			if id, _ := doc.Lookup("_id").AsInt64OK(); id != int64(n) || to != id*7%2500 {
				f.Fatalf("document %d is %s", n, doc)
			}
			n++
			return nil
		}))
		if n != 2500 {
			f.Errorf("there are %d documents, want 2500", n)
		}
	})
	f.run("sub-pipelines are nested 20 deep at most", func(f *fixture) {
		nested := strings.Repeat(`[{"$unionWith":{"coll":"sales","pipeline":`, 21) + "[]" + strings.Repeat("}}]", 21)
		f.aggregates("sales", aggregateCase{pipeline: nested, code: 165})
	})
	f.run("1000 stages at most", func(f *fixture) {
		stage := `{"$limit":1},`
		f.aggregates("sales", aggregateCase{pipeline: "[" + strings.Repeat(stage, 1000) + stage[:len(stage)-1] + "]", code: 7749501})
	})
}

var nearCases = []aggregateCase{
	{pipeline: `[{"$geoNear":{"near":{"type":"Point","coordinates":[0,0]},"distanceField":"d","key":"at"}},{"$project":{"d":{"$floor":{"$divide":["$d",1000]}}}}]`,
		want: []string{`{"_id":1,"d":0.0}`, `{"_id":2,"d":111.0}`, `{"_id":3,"d":222.0}`}},
	{pipeline: `[{"$geoNear":{"near":{"type":"Point","coordinates":[2,0]},"distanceField":"x.d","maxDistance":150000,"includeLocs":"x.at","distanceMultiplier":0.001,"query":{"k":{"$exists":true}}}},{"$project":{"x.at.coordinates":1,"x.d":{"$floor":"$x.d"}}}]`,
		want: []string{`{"_id":3,"x":{"at":{"coordinates":[2,0]},"d":0.0}}`, `{"_id":2,"x":{"at":{"coordinates":[1,0]},"d":111.0}}`}},
	{pipeline: `[{"$geoNear":{"near":{"type":"Point","coordinates":[0,0]},"distanceField":"d","minDistance":1000}},{"$match":{"k":2}},{"$match":{"d":{"$gt":1}}},{"$limit":1},{"$project":{"_id":1}}]`,
		want: []string{`{"_id":3}`}},
	{pipeline: `[{"$geoNear":{"near":[0,0],"spherical":true,"distanceField":"d"}},{"$sort":{"d":-1}},{"$limit":1},{"$project":{"d":{"$floor":{"$multiply":["$d",10000]}}}}]`,
		want: []string{`{"_id":3,"d":349.0}`}},
	{pipeline: `[{"$geoNear":{"near":{"type":"Point","coordinates":[0,0]},"distanceField":"d","query":{"$expr":{"$gt":["$k",1]}}}},{"$project":{"_id":1}}]`,
		want: []string{`{"_id":3}`}},
	{pipeline: `[{"$geoNear":{"near":{"type":"Point","coordinates":[0,0]},"distanceField":"d"}},{"$match":{"$expr":{"$eq":["$k",2]}}},{"$project":{"_id":1}}]`,
		want: []string{`{"_id":3}`}},
	{pipeline: `[{"$geoNear":{"near":[0,0]}}]`, code: 16606},
}

func testAggregateNear(f *fixture) {
	f.insert("sales", `{"_id":1,"at":{"type":"Point","coordinates":[0,0]},"k":1}`, `{"_id":2,"at":{"type":"Point","coordinates":[1,0]},"k":1}`,
		`{"_id":3,"at":{"type":"Point","coordinates":[2,0]},"k":2}`, `{"_id":4}`)
	f.index("sales", store.Index{Name: "at", Keys: f.doc(`{"at":"2dsphere"}`)})
	f.runAggregates("near", nearCases)
}

func testAggregateText(f *fixture) {
	f.insert("sales", `{"_id":1,"t":"red pens and blue pens, pens"}`, `{"_id":2,"t":"a pen in a box of paper and ink"}`, `{"_id":3,"t":"paper"}`)
	f.index("sales", store.Index{Name: "t", Keys: f.doc(`{"t":"text"}`)})
	f.runAggregates("text", []aggregateCase{
		{pipeline: `[{"$match":{"$text":{"$search":"pens"}}},{"$sort":{"s":{"$meta":"textScore"}}},{"$project":{"_id":1}}]`,
			want: []string{`{"_id":1}`, `{"_id":2}`}},
		{pipeline: `[{"$match":{"$text":{"$search":"pens"},"_id":1}},{"$project":{"s":{"$gt":[{"$meta":"textScore"},0.5]}}}]`, want: []string{`{"_id":1,"s":true}`}},
		{pipeline: `[{"$match":{"$text":{"$search":"paper"}}},{"$group":{"_id":{"$type":{"$meta":"textScore"}},"n":{"$sum":1}}}]`, want: []string{`{"_id":"double","n":2}`}},
		{pipeline: `[{"$match":{"$text":{"$search":"paper"}}},{"$count":"n"}]`, want: []string{`{"n":2}`}},
		{pipeline: `[{"$match":{"$text":{"$search":"paper"}}},{"$match":{"_id":3}}]`, want: []string{`{"_id":3,"t":"paper"}`}},
		{pipeline: `[{"$limit":1},{"$match":{"$text":{"$search":"paper"}}}]`, code: 17313},
	})
	good := `{"$project":{"good":{"$gt":[{"$meta":"textScore"},1]}}}`
	self := `{"$lookup":{"from":"sales","localField":"_id","foreignField":"_id","as":"self"}}`
	both := []string{`{"_id":2,"good":false}`, `{"_id":1,"good":true}`}
	f.runAggregates("the score stays with a document", []aggregateCase{
		{pipeline: `[{"$match":{"$text":{"$search":"pens"},"$expr":{"$gt":[{"$meta":"textScore"},1]}}},{"$project":{"_id":1}}]`, want: []string{`{"_id":1}`}},
		{pipeline: `[{"$match":{"$text":{"$search":"pens"},"$expr":{"$gt":["$_id",1]}}},` + good + `]`, want: []string{`{"_id":2,"good":false}`}},
		{pipeline: `[{"$match":{"$text":{"$search":"pens"}}},{"$set":{"k":{"$multiply":["$_id",-1]}}},{"$sort":{"k":1}},` + good + `]`, want: both},
		{pipeline: `[{"$match":{"$text":{"$search":"pens"}}},` + self + `,{"$sort":{"_id":-1}},` + good + `]`, want: both},
		{pipeline: `[{"$match":{"$text":{"$search":"pens"}}},` + self + `,{"$unwind":"$self"},{"$set":{"n":"$self._id"}},{"$sort":{"n":-1}},` + good + `]`, want: both},
		{pipeline: `[{"$match":{"$text":{"$search":"pens"}}},` + self + `,{"$sort":{"s":{"$meta":"textScore"}}},{"$project":{"_id":1}}]`,
			want: []string{`{"_id":1}`, `{"_id":2}`}},
		{pipeline: `[{"$match":{"$text":{"$search":"pens"}}},{"$graphLookup":{"from":"sales","startWith":"$_id","connectFromField":"_id","connectToField":"_id","as":"self"}},{"$sort":{"_id":-1}},` + good + `]`, want: both},
		{pipeline: `[{"$match":{"$text":{"$search":"pens"}}},{"$sample":{"size":5}},{"$match":{"_id":2}},` + good + `]`, want: []string{`{"_id":2,"good":false}`}},
		{pipeline: `[{"$match":{"$text":{"$search":"pens"}}},{"$facet":{"one":[` + self + `,{"$sort":{"_id":-1}},{"$limit":1},` + good + `],"two":[{"$sort":{"_id":1}},` + good + `]}}]`,
			want: []string{`{"one":[{"_id":2,"good":false}],"two":[{"_id":1,"good":true},{"_id":2,"good":false}]}`}},
	})
}

// testAggregateTransaction holds a pipeline to what its transaction sees, in all
// of the collections that it reads.
func testAggregateTransaction(f *fixture) {
	f.insert("sales", sales...)
	f.insert("items", items...)
	names := func(f *fixture) string {
		var ids []string
		stages := f.pipeline(`[{"$match":{"item":"pen"}},{"$sort":{"_id":1}},{"$lookup":{"from":"items","localField":"item","foreignField":"name","as":"in"}},{"$unwind":"$in"}]`)
		f.mustNot(f.store.Aggregate(f.ctx, "sales", stages, store.AggregateOptions{}, func(doc bson.Raw) error {
			ids = append(ids, idOf(doc)+doc.Lookup("in", "_id").StringValue())
			return nil
		}))
		slices.Sort(ids)
		return strings.Join(ids, " ")
	}
	f.mustNot(f.store.Transaction(f.ctx, func(ctx context.Context) error {
		in := f.within(ctx)
		in.insert("sales", `{"_id":9,"item":"pen"}`)
		in.insert("items", `{"_id":"z","name":"pen"}`)
		if got, want := names(in), "1a 1z 3a 3z 9a 9z"; got != want {
			f.Errorf("in the transaction: %s, want %s", got, want)
		}
		if got, want := names(f), "1a 3a"; got != want {
			f.Errorf("outside: %s, want %s", got, want)
		}
		return nil
	}))
	if got, want := names(f), "1a 1z 3a 3z 9a 9z"; got != want {
		f.Errorf("after it: %s, want %s", got, want)
	}
}
