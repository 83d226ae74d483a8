package storetest

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// aggregateCase is a pipeline over the collection "sales" with what it makes, or
// the code of the error that it is. Types show: 1 is an int32, 1.0 a double.
type aggregateCase struct {
	pipeline string
	want     []string
	// anyOrder tells that the order of what it makes is not said.
	anyOrder bool
	code     int32
	options  func(*store.AggregateOptions)
}

var sales = []string{
	`{"_id":1,"item":"pen","qty":5,"price":2.5,"tags":["blue","thin"],"at":{"city":"Oslo","zip":1}}`,
	`{"_id":2,"item":"ink","qty":1,"price":10,"tags":[],"at":{"city":"Rome","zip":2}}`,
	`{"_id":3,"item":"pen","qty":{"$numberLong":"20"},"price":2,"tags":["red"],"at":{"city":"Rome","zip":3}}`,
	`{"_id":4,"item":"pad","qty":null,"price":4.25,"at":{"city":"Oslo"},"parts":[{"n":1,"x":"a"},{"n":2},7]}`,
	`{"_id":5,"item":"Pen","qty":"many","tags":"loose","parts":[{"n":3,"x":"c"}]}`,
}

var simpleCases = []aggregateCase{
	{pipeline: `[{"$match":{"item":"pen"}},{"$project":{"qty":1}}]`,
		want: []string{`{"_id":1,"qty":5}`, `{"_id":3,"qty":{"$numberLong":"20"}}`}},
	{pipeline: `[{"$match":{"$expr":{"$gt":["$price",4]}}},{"$project":{"_id":1}}]`, want: []string{`{"_id":2}`, `{"_id":4}`}},
	{pipeline: `[{"$match":{"item":"pen","$or":[{"$expr":{"$eq":["$qty",5]}},{"price":2}]}},{"$project":{"_id":1}}]`,
		want: []string{`{"_id":1}`, `{"_id":3}`}},
	{pipeline: `[{"$match":{"$nor":[{"$expr":{"$eq":["$item","pen"]}},{"_id":{"$gt":4}}]}},{"$project":{"_id":1}}]`,
		want: []string{`{"_id":2}`, `{"_id":4}`}},
	{pipeline: `[{"$match":{"$expr":{"$eq":["$item","$$wanted"]}}},{"$project":{"_id":1}}]`,
		options: func(o *store.AggregateOptions) { o.Let = bson.D{{Key: "wanted", Value: "ink"}} }, want: []string{`{"_id":2}`}},
	{pipeline: `[{"$match":{"item":"PEN"}},{"$project":{"_id":1}}]`,
		options: func(o *store.AggregateOptions) { o.CaseInsensitive = true }, want: []string{`{"_id":1}`, `{"_id":3}`, `{"_id":5}`}},
	{pipeline: `[{"$match":{"$nope":1}}]`, code: 2},
	{pipeline: `[{"$match":1}]`, code: 15959},
	{pipeline: `[{"$match":{"$expr":{"$nope":1}}}]`, code: 168},
	{pipeline: `[{"$match":{"$expr":{"$divide":[1,"$qty"]}}},{"$count":"n"}]`, code: 16609},

	{pipeline: `[{"$sort":{"price":-1}},{"$limit":2},{"$project":{"price":1}}]`, want: []string{`{"_id":2,"price":10}`, `{"_id":4,"price":4.25}`}},
	{pipeline: `[{"$sort":{"_id":-1}},{"$skip":1},{"$limit":2},{"$project":{"_id":1}}]`, want: []string{`{"_id":4}`, `{"_id":3}`}},
	{pipeline: `[{"$limit":3},{"$sort":{"price":1}},{"$project":{"_id":1}}]`, want: []string{`{"_id":3}`, `{"_id":1}`, `{"_id":2}`}},
	{pipeline: `[{"$sort":{"item":1,"_id":-1}},{"$project":{"_id":1}},{"$skip":3}]`, want: []string{`{"_id":3}`, `{"_id":1}`}},
	{pipeline: `[{"$sort":{"item":1,"_id":1}},{"$project":{"_id":1}}]`,
		options: func(o *store.AggregateOptions) { o.CaseInsensitive = true },
		want:    []string{`{"_id":2}`, `{"_id":4}`, `{"_id":1}`, `{"_id":3}`, `{"_id":5}`}},
	{pipeline: `[{"$sort":{}}]`, code: 15976},
	{pipeline: `[{"$sort":1}]`, code: 15973},
	{pipeline: `[{"$sort":{"a":"x"}}]`, code: 15974},
	{pipeline: `[{"$sort":{"a":2}}]`, code: 15975},
	{pipeline: `[{"$skip":-1}]`, code: 5107200},
	{pipeline: `[{"$limit":0}]`, code: 15958},
	{pipeline: `[{"$limit":-1}]`, code: 5107201},
	{pipeline: `[{"$limit":"x"}]`, code: 5107201},

	{pipeline: `[{"$count":"n"}]`, want: []string{`{"n":5}`}},
	{pipeline: `[{"$match":{"item":"pen"}},{"$count":"n"}]`, want: []string{`{"n":2}`}},
	{pipeline: `[{"$match":{"item":"none"}},{"$count":"n"}]`},
	{pipeline: `[{"$skip":1},{"$limit":9},{"$limit":3},{"$count":"n"}]`, want: []string{`{"n":3}`}},
	{pipeline: `[{"$skip":9},{"$count":"n"}]`},
	{pipeline: `[{"$count":1}]`, code: 40156},
	{pipeline: `[{"$count":""}]`, code: 40157},
	{pipeline: `[{"$count":"$n"}]`, code: 40158},
	{pipeline: `[{"$count":"a.b"}]`, code: 40160},

	{pipeline: `[{"$sample":{"size":9}},{"$count":"n"}]`, want: []string{`{"n":5}`}},
	{pipeline: `[{"$sample":{"size":2}},{"$count":"n"}]`, want: []string{`{"n":2}`}},
	{pipeline: `[{"$sample":1}]`, code: 28745},
	{pipeline: `[{"$sample":{"size":"x"}}]`, code: 28746},
	{pipeline: `[{"$sample":{"size":-1}}]`, code: 28747},
	{pipeline: `[{"$sample":{"n":1}}]`, code: 28748},
	{pipeline: `[{"$sample":{}}]`, code: 28749},

	{pipeline: `[{"$nope":1}]`, code: 40324},
	{pipeline: `[{}]`, code: 40323},
	{pipeline: `[{"$match":{},"$limit":1}]`, code: 40323},
}

var shapeCases = []aggregateCase{
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"_id":0,"item":1,"at.city":1}}]`, want: []string{`{"item":"pen","at":{"city":"Oslo"}}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"tags":0,"at":{"zip":0}}}]`, want: []string{`{"_id":1,"item":"pen","qty":5,"price":2.5,"at":{"city":"Oslo"}}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"_id":0}},{"$project":{"tags":0,"at":0}}]`, want: []string{`{"item":"pen","qty":5,"price":2.5}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"_id":1}}]`, want: []string{`{"_id":1}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"sum":{"$multiply":["$qty","$price"]},"item":1,"missing":"$nope"}}]`,
		want: []string{`{"_id":1,"item":"pen","sum":12.5}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"_id":"$item","at.town":"$at.city"}}]`, want: []string{`{"at":{"town":"Oslo"},"_id":"pen"}`}},
	{pipeline: `[{"$match":{"_id":4}},{"$project":{"parts.x":1}}]`, want: []string{`{"_id":4,"parts":[{"x":"a"},{}]}`}},
	{pipeline: `[{"$match":{"_id":4}},{"$project":{"parts":{"x":0}}},{"$project":{"parts":1}}]`, want: []string{`{"_id":4,"parts":[{"n":1},{"n":2},7]}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$project":{"a":["$item","$nope",1],"b":{"$literal":1},"c":{"d":"$qty"}}}]`,
		want: []string{`{"_id":1,"a":["pen",null,1],"b":1,"c":{"d":5}}`}},
	{pipeline: `[{"$project":{}}]`, code: 51272},
	{pipeline: `[{"$project":1}]`, code: 15969},
	{pipeline: `[{"$project":{"a":1,"b":0}}]`, code: 31254},
	{pipeline: `[{"$project":{"a":0,"b":1}}]`, code: 31253},
	{pipeline: `[{"$project":{"a":0,"b":"$c"}}]`, code: 31252},
	{pipeline: `[{"$project":{"a":1,"a.b":1}}]`, code: 31249},
	{pipeline: `[{"$project":{"a.b":1,"a":1}}]`, code: 31250},
	{pipeline: `[{"$project":{"a":{}}}]`, code: 51270},
	{pipeline: `[{"$project":{"a.":1}}]`, code: 40353},
	{pipeline: `[{"$project":{"$a":1}}]`, code: 16410},

	{pipeline: `[{"$match":{"_id":2}},{"$addFields":{"price":{"$add":["$price",1]},"at.zip":"$_id","new.a":1,"tags":"$nope"}}]`,
		want: []string{`{"_id":2,"item":"ink","qty":1,"price":11,"at":{"city":"Rome","zip":2},"new":{"a":1}}`}},
	{pipeline: `[{"$match":{"_id":4}},{"$set":{"parts.n":0}},{"$project":{"parts":1}}]`,
		want: []string{`{"_id":4,"parts":[{"n":0,"x":"a"},{"n":0},{"n":0}]}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$set":{"item":{"a":{"b":"$qty"}}}},{"$project":{"item":1}}]`, want: []string{`{"_id":1,"item":{"a":{"b":5}}}`}},
	{pipeline: `[{"$match":{"_id":4}},{"$unset":["at.city","parts","price"]}]`, want: []string{`{"_id":4,"item":"pad","qty":null,"at":{}}`}},
	{pipeline: `[{"$match":{"_id":5}},{"$unset":"parts.n"}]`, want: []string{`{"_id":5,"item":"Pen","qty":"many","tags":"loose","parts":[{"x":"c"}]}`}},
	{pipeline: `[{"$addFields":1}]`, code: 40272},
	{pipeline: `[{"$set":{"a":1,"a.b":2}}]`, code: 40176},
	{pipeline: `[{"$unset":1}]`, code: 31002},
	{pipeline: `[{"$unset":[]}]`, code: 31119},
	{pipeline: `[{"$unset":[1]}]`, code: 31120},

	// A filter behind a stage sees what the stage has made.
	{pipeline: `[{"$set":{"qty":{"$ifNull":["$qty",0]}}},{"$match":{"qty":0}},{"$project":{"_id":1}}]`, want: []string{`{"_id":4}`}},
	{pipeline: `[{"$project":{"qty":1}},{"$match":{"item":"pen"}}]`},
	{pipeline: `[{"$project":{"item":0}},{"$match":{"item":null,"qty":5}},{"$project":{"_id":1}}]`, want: []string{`{"_id":1}`}},
	{pipeline: `[{"$project":{"item":1,"at":1}},{"$match":{"at.city":"Rome"}},{"$sort":{"_id":-1}},{"$project":{"_id":1}}]`,
		want: []string{`{"_id":3}`, `{"_id":2}`}},

	{pipeline: `[{"$match":{"_id":{"$lt":4}}},{"$unwind":"$tags"},{"$project":{"tags":1}}]`,
		want: []string{`{"_id":1,"tags":"blue"}`, `{"_id":1,"tags":"thin"}`, `{"_id":3,"tags":"red"}`}},
	{pipeline: `[{"$project":{"tags":1}},{"$unwind":{"path":"$tags","preserveNullAndEmptyArrays":true,"includeArrayIndex":"i"}}]`,
		want: []string{`{"_id":1,"tags":"blue","i":{"$numberLong":"0"}}`, `{"_id":1,"tags":"thin","i":{"$numberLong":"1"}}`, `{"_id":2,"i":null}`,
			`{"_id":3,"tags":"red","i":{"$numberLong":"0"}}`, `{"_id":4,"i":null}`, `{"_id":5,"tags":"loose","i":null}`}},
	{pipeline: `[{"$unwind":"$parts"},{"$match":{"item":"pad"}},{"$project":{"parts":1}}]`,
		want: []string{`{"_id":4,"parts":{"n":1,"x":"a"}}`, `{"_id":4,"parts":{"n":2}}`, `{"_id":4,"parts":7}`}},
	{pipeline: `[{"$unwind":"$tags"},{"$match":{"tags":"red"}},{"$project":{"_id":1}}]`, want: []string{`{"_id":3}`}},
	{pipeline: `[{"$unwind":"$tags"},{"$limit":1},{"$project":{"tags":1}}]`, want: []string{`{"_id":1,"tags":"blue"}`}},
	{pipeline: `[{"$unwind":1}]`, code: 15981},
	{pipeline: `[{"$unwind":"tags"}]`, code: 28818},
	{pipeline: `[{"$unwind":{"path":1}}]`, code: 28808},
	{pipeline: `[{"$unwind":{"path":"$a","preserveNullAndEmptyArrays":1}}]`, code: 28809},
	{pipeline: `[{"$unwind":{"path":"$a","includeArrayIndex":""}}]`, code: 28810},
	{pipeline: `[{"$unwind":{"path":"$a","includeArrayIndex":"$b"}}]`, code: 28822},
	{pipeline: `[{"$unwind":{"path":"$a","nope":1}}]`, code: 28811},
	{pipeline: `[{"$unwind":{}}]`, code: 28812},

	{pipeline: `[{"$match":{"_id":1}},{"$replaceRoot":{"newRoot":"$at"}}]`, want: []string{`{"city":"Oslo","zip":1}`}},
	{pipeline: `[{"$match":{"_id":1}},{"$replaceWith":{"i":"$item","z":"$at.zip"}}]`, want: []string{`{"i":"pen","z":1}`}},
	{pipeline: `[{"$replaceWith":"$item"}]`, code: 40228},
	{pipeline: `[{"$replaceWith":"$nope"}]`, code: 40228},
	{pipeline: `[{"$replaceRoot":1}]`, code: 40229},

	{pipeline: `[{"$redact":{"$cond":[{"$eq":["$item","pad"]},"$$KEEP","$$PRUNE"]}},{"$project":{"item":1}}]`, want: []string{`{"_id":4,"item":"pad"}`}},
	{pipeline: `[{"$match":{"_id":4}},{"$redact":{"$cond":[{"$eq":["$n",2]},"$$PRUNE","$$DESCEND"]}}]`,
		want: []string{`{"_id":4,"item":"pad","qty":null,"price":4.25,"at":{"city":"Oslo"},"parts":[{"n":1,"x":"a"},7]}`}},
	{pipeline: `[{"$redact":1}]`, code: 17053},
}

var errBoom = errors.New("boom")

func testAggregate(f *fixture) {
	f.insert("sales", sales...)
	f.runAggregates("simple", simpleCases)
	f.runAggregates("shapes", shapeCases)
	f.runAggregates("groups", groupCases)
	f.index("sales", store.Index{Name: "item", Keys: f.doc(`{"item":1}`)}, store.Index{Name: "price", Keys: f.doc(`{"price":-1}`)})
	f.runAggregates("simple with indexes", simpleCases)
	f.run("an error of yield ends it", func(f *fixture) {
		seen := 0
		err := f.store.Aggregate(f.ctx, "sales", bson.A{f.doc(`{"$unwind":"$tags"}`)}, store.AggregateOptions{}, func(bson.Raw) error {
			seen++
			return errBoom
		})
		if err != errBoom || seen != 1 {
			f.Errorf("error is %v after %d documents", err, seen)
		}
	})
	f.run("explain", func(f *fixture) {
		stages := f.pipeline(`[{"$match":{"item":"pen"}},{"$group":{"_id":"$qty"}}]`)
		explained := 0
		f.mustNot(f.store.Aggregate(f.ctx, "sales", stages, store.AggregateOptions{Explain: true}, func(doc bson.Raw) error {
			explained++
			if !strings.Contains(doc.String(), "$group") {
				f.Errorf("the stages are not explained: %s", doc)
			}
			return nil
		}))
		if explained != 1 {
			f.Errorf("there are %d explanations", explained)
		}
	})
}

func (f *fixture) pipeline(text string) bson.A {
	f.Helper()
	list, _ := f.doc(`{"p":` + text + `}`)[0].Value.(bson.A)
	return list
}

// runAggregates runs the cases.
func (f *fixture) runAggregates(name string, cases []aggregateCase) {
	f.run(name, func(f *fixture) {
		for _, c := range cases {
			f.run(c.pipeline, func(f *fixture) { f.aggregates("sales", c) })
		}
	})
}

func (f *fixture) aggregates(collection string, c aggregateCase) {
	f.Helper()
	var o store.AggregateOptions
	if c.options != nil {
		c.options(&o)
	}
	var got []string
	err := f.store.Aggregate(f.ctx, collection, f.pipeline(c.pipeline), o, func(doc bson.Raw) error {
		got = append(got, f.canonical(bytes.Clone(doc)))
		return nil
	})
	if c.code != 0 {
		f.wantRequestError(err, c.code)
		return
	}
	f.mustNot(err)
	var want []string
	for _, doc := range c.want {
		want = append(want, f.canonical(f.raw(doc)))
	}
	if c.anyOrder {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		f.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
