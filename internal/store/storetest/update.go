package storetest

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// elementCases are updates of the elements of arrays, by position and by filters.
var elementCases = []struct{ name, doc, filter, change, filters, want string }{
	{"all elements", `{"a":[1,2,3]}`, `{}`, `{"$inc":{"a.$[]":10}}`, ``, `{"a":[11,12,13]}`},
	{"all elements below a field", `{"o":{"a":[{"b":1},{"b":2,"c":3}]}}`, `{}`, `{"$set":{"o.a.$[].c":0}}`, ``, `{"o":{"a":[{"b":1,"c":0},{"b":2,"c":0}]}}`},
	{"no elements", `{"a":[]}`, `{}`, `{"$set":{"a.$[]":1}}`, ``, same},
	{"elements by value", `{"a":[1,5,9]}`, `{}`, `{"$set":{"a.$[big]":0}}`, `[{"big":{"$gte":5}}]`, `{"a":[1,0,0]}`},
	{"none of the elements", `{"a":[1]}`, `{}`, `{"$set":{"a.$[big]":0}}`, `[{"big":{"$gte":5}}]`, same},
	{"elements by a field", `{"a":[{"k":1},{"k":2},3]}`, `{}`, `{"$set":{"a.$[e].v":"x"}}`, `[{"e.k":2}]`, `{"a":[{"k":1},{"k":2,"v":"x"},3]}`},
	{"elements by several conditions", `{"a":[{"k":1,"n":1},{"k":1,"n":9},{"k":2,"n":9}]}`, `{}`, `{"$unset":{"a.$[e].n":""}}`, `[{"$and":[{"e.k":1},{"e.n":{"$gt":5}}]}]`, `{"a":[{"k":1,"n":1},{"k":1},{"k":2,"n":9}]}`},
	{"an element is unset", `{"a":[1,2,1]}`, `{}`, `{"$unset":{"a.$[one]":""}}`, `[{"one":1}]`, `{"a":[null,2,null]}`},
	{"arrays in arrays", `{"a":[{"b":[1,2]},{"b":[3]}]}`, `{}`, `{"$mul":{"a.$[].b.$[odd]":10}}`, `[{"odd":{"$mod":[2,1]}}]`, `{"a":[{"b":[10,2]},{"b":[30]}]}`},
	{"elements that are arrays", `{"a":[[1,2],[3],4]}`, `{}`, `{"$push":{"a.$[l]":0}}`, `[{"l":{"$type":"array"}}]`, `{"a":[[1,2,0],[3,0],4]}`},
	{"several filters on one array", `{"a":[{"k":1},{"k":2}]}`, `{}`, `{"$set":{"a.$[].all":1,"a.$[one].one":1,"a.$[two].two":1}}`, `[{"one.k":1},{"two.k":2}]`, `{"a":[{"k":1,"all":1,"one":1},{"k":2,"all":1,"two":1}]}`},
	{"one filter for several paths", `{"a":[1,2],"b":[2,3]}`, `{}`, `{"$set":{"a.$[two]":0,"b.$[two]":0}}`, `[{"two":2}]`, `{"a":[1,0],"b":[0,3]}`},
	{"with an operator on the elements' arrays", `{"a":[{"t":["x"]},{"t":["y"]}]}`, `{}`, `{"$addToSet":{"a.$[].t":"y"}}`, ``, `{"a":[{"t":["x","y"]},{"t":["y"]}]}`},
	{"no difference", `{"a":[1,2]}`, `{}`, `{"$max":{"a.$[]":0}}`, ``, same},

	{"the element found", `{"a":[1,5,9]}`, `{"a":5}`, `{"$set":{"a.$":6}}`, ``, `{"a":[1,6,9]}`},
	{"the first element found", `{"a":[1,5,9]}`, `{"a":{"$gt":1}}`, `{"$inc":{"a.$":1}}`, ``, `{"a":[1,6,9]}`},
	{"the document found", `{"a":[{"k":1},{"k":2}]}`, `{"a.k":2}`, `{"$set":{"a.$.v":"x"}}`, ``, `{"a":[{"k":1},{"k":2,"v":"x"}]}`},
	{"the element found by $elemMatch", `{"a":[{"k":1,"n":1},{"k":1,"n":2}]}`, `{"a":{"$elemMatch":{"k":1,"n":2}}}`, `{"$set":{"a.$.v":"x"}}`, ``, `{"a":[{"k":1,"n":1},{"k":1,"n":2,"v":"x"}]}`},
	{"the element found in another array", `{"a":[1,2],"b":["x","y"]}`, `{"a":2}`, `{"$set":{"b.$":"z"}}`, ``, `{"a":[1,2],"b":["x","z"]}`},
	{"the element found by an alternative", `{"a":[1,2,3]}`, `{"$or":[{"a":7},{"a":3}]}`, `{"$set":{"a.$":0}}`, ``, `{"a":[1,2,0]}`},
	{"the element found and elements by a filter", `{"a":[{"b":[1,2]},{"k":1,"b":[1,2]}]}`, `{"a.k":1}`, `{"$set":{"a.$.b.$[two]":0}}`, `[{"two":2}]`, `{"a":[{"b":[1,2]},{"k":1,"b":[1,0]}]}`},
	{"the element found and another one", `{"a":[1,2,3]}`, `{"a":2}`, `{"$set":{"a.$":0,"a.0":9}}`, ``, `{"a":[9,0,3]}`},
}

func testUpdateElements(f *fixture) {
	for i, c := range elementCases {
		f.run(c.name, func(f *fixture) {
			collection := fmt.Sprintf("c%d", i)
			of := func(id int, doc string) string { return fmt.Sprintf(`{"_id":%d,%s`, id, doc[1:]) }
			f.insert(collection, of(1, c.doc), of(2, c.doc))
			u := store.Update{Filter: f.doc(c.filter), Change: f.doc(c.change), ArrayFilters: f.docs(c.filters), Many: true}
			want, after := store.UpdateResult{Matched: 1, Modified: 1}, c.want
			if c.want == same {
				want.Modified, after = 0, c.doc
			}
			u.Filter = append(bson.D{{Key: "_id", Value: int32(1)}}, u.Filter...)
			r, err := f.store.Update(f.ctx, collection, u)
			f.mustNot(err)
			if r != want {
				f.Errorf("result is %+v, want %+v", r, want)
			}
			f.wantDoc(collection, int32(1), of(1, after))

			u.Filter[0].Value = int32(2)
			doc, err := f.store.FindAndUpdate(f.ctx, collection, u, store.After)
			f.mustNot(err)
			f.wantSame(doc, of(2, after))
		})
	}
}

func testUpdateElementsErrors(f *fixture) {
	doc := `{"_id":1,"n":1,"a":[1,2],"d":[{"k":1},{"k":2}],"o":{"x":1}}`
	f.insert("c", doc)
	for _, c := range []struct {
		filter, change, filters string
		code                    int32
	}{
		{`{}`, `{"$set":{"missing.$[]":1}}`, ``, 2},
		{`{}`, `{"$unset":{"missing.$[].k":1}}`, ``, 2},
		{`{}`, `{"$set":{"n.$[]":1}}`, ``, 2},
		{`{}`, `{"$set":{"o.$[].x":1}}`, ``, 2},
		{`{}`, `{"$set":{"a.$[].x":1}}`, ``, 28},
		{`{}`, `{"$set":{"$[]":1}}`, ``, 2},
		{`{}`, `{"$set":{"a.$[x]":1}}`, ``, 2},
		{`{}`, `{"$set":{"a.$[x]":1}}`, `[{"y":1}]`, 2},
		{`{}`, `{"$set":{"n":2}}`, `[{"y":1}]`, 9},
		{`{}`, `{"$set":{"a.$[x]":1}}`, `[{"x":1},{"x.k":2}]`, 9},
		{`{}`, `{"$set":{"a.$[x]":1}}`, `[{"x":1,"y":1}]`, 9},
		{`{}`, `{"$set":{"a.$[x]":1}}`, `[{}]`, 9},
		{`{}`, `{"$set":{"a.$[X]":1}}`, `[{"X":1}]`, 2},
		{`{}`, `{"$set":{"a.$[x]":1}}`, `[{"x":{"$foo":1}}]`, 2},
		{`{}`, `{"$set":{"a.$[x]":1}}`, `[{"x":1,"$expr":true}]`, 2},
		{`{}`, `{"$set":{"a.$[]":1,"a.0":1}}`, ``, 40},
		{`{}`, `{"$set":{"a.$[]":1},"$inc":{"a.$[]":1}}`, ``, 40},
		{`{}`, `{"$set":{"a.$[]":1,"a.$[x]":1}}`, `[{"x":1}]`, 40},
		{`{}`, `{"$set":{"d.$[].k":1,"d.$[x].k.l":1}}`, `[{"x.k":1}]`, 40},
		{`{}`, `{"$rename":{"d.$[].k":"z"}}`, ``, 2},
		{`{}`, `{"$rename":{"n":"d.$[].k"}}`, ``, 2},
		{`{}`, `{"$set":{"a.$":1}}`, ``, 2},
		{`{"n":1}`, `{"$set":{"a.$":1}}`, ``, 2},
		{`{"a":{"$nin":[7]}}`, `{"$set":{"a.$":1}}`, ``, 2},
		{`{"a":1}`, `{"$set":{"$":1}}`, ``, 2},
		{`{"d.k":1}`, `{"$set":{"d.$.k.$":1}}`, ``, 2},
		{`{"a":1}`, `{"$set":{"a.$":1,"a.0":1}}`, ``, 40},
		{`{"a":1}`, `{"$rename":{"a.$":"z"}}`, ``, 2},
	} {
		f.run(c.change+" "+c.filters, func(f *fixture) {
			u := store.Update{Filter: f.doc(c.filter), Change: f.doc(c.change), ArrayFilters: f.docs(c.filters)}
			_, err := f.store.Update(f.ctx, "c", u)
			f.wantRequestError(err, c.code)
			_, err = f.store.FindAndUpdate(f.ctx, "c", u, store.After)
			f.wantRequestError(err, c.code)
			f.wantDoc("c", int32(1), doc)
		})
	}
	f.run("an upsert has no array but its filter's", func(f *fixture) {
		u := store.Update{Filter: f.doc(`{"_id":2}`), Change: f.doc(`{"$set":{"a.$[]":1}}`), Upsert: true}
		_, err := f.store.Update(f.ctx, "c", u)
		f.wantRequestError(err, 2)
		u.Filter = f.doc(`{"_id":2,"a":[1,2]}`)
		_, err = f.store.Update(f.ctx, "c", u)
		f.mustNot(err)
		f.wantDoc("c", int32(2), `{"_id":2,"a":[1,1]}`)
		u.Filter, u.Change = f.doc(`{"_id":3,"a":5}`), f.doc(`{"$set":{"a.$":1}}`)
		_, err = f.store.Update(f.ctx, "c", u)
		f.wantRequestError(err, 2)
	})
}

// pipelineCases are updates by stages.
var pipelineCases = []struct{ name, doc, stages, want string }{
	{"$set of what is computed", `{"_id":1,"a":2,"b":3}`, `[{"$set":{"sum":{"$add":["$a","$b"]},"a":"$b"}}]`, `{"_id":1,"a":3,"b":3,"sum":5}`},
	{"one stage after the other", `{"_id":1,"a":2}`, `[{"$set":{"a":{"$add":["$a",1]}}},{"$addFields":{"b":{"$multiply":["$a",10]}}},{"$unset":"a"}]`, `{"_id":1,"b":30}`},
	{"$unset of several", `{"_id":1,"a":2,"o":{"x":1,"y":2},"b":3}`, `[{"$unset":["a","o.x"]}]`, `{"_id":1,"o":{"y":2},"b":3}`},
	{"$project", `{"_id":1,"a":2,"b":3}`, `[{"$project":{"a":1}}]`, `{"_id":1,"a":2}`},
	{"$replaceWith", `{"_id":1,"o":{"x":1}}`, `[{"$replaceWith":{"$mergeObjects":["$o",{"y":"$_id"}]}}]`, `{"_id":1,"x":1,"y":1}`},
	{"$replaceRoot", `{"_id":1,"o":{"x":1}}`, `[{"$replaceRoot":{"newRoot":{"$mergeObjects":["$$ROOT","$o"]}}},{"$unset":"o"}]`, `{"_id":1,"x":1}`},
	{"the _id stays when it is left out", `{"_id":1,"a":2}`, `[{"$unset":"_id"}]`, same},
	{"an array that is mapped", `{"_id":1,"a":[1,2]}`, `[{"$set":{"a":{"$map":{"input":"$a","in":{"$multiply":["$$this",2]}}}}}]`, `{"_id":1,"a":[2,4]}`},
	{"what is missing is not set", `{"_id":1}`, `[{"$set":{"a":"$nothing"}}]`, same},
	{"literals", `{"_id":1}`, `[{"$set":{"a":{"$literal":"$b"},"o":{"x":1}}}]`, `{"_id":1,"a":"$b","o":{"x":1}}`},
	{"no difference", `{"_id":1,"a":2}`, `[{"$set":{"a":{"$max":["$a",1]}}}]`, same},
}

func testUpdatePipelines(f *fixture) {
	for i, c := range pipelineCases {
		f.run(c.name, func(f *fixture) {
			collection := fmt.Sprintf("c%d", i)
			f.insert(collection, c.doc)
			want, after := store.UpdateResult{Matched: 1, Modified: 1}, c.want
			if c.want == same {
				want.Modified, after = 0, c.doc
			}
			r, err := f.store.Update(f.ctx, collection, store.Update{Pipeline: f.pipeline(c.stages), Many: i%2 == 0})
			f.mustNot(err)
			if r != want {
				f.Errorf("result is %+v, want %+v", r, want)
			}
			f.wantDoc(collection, int32(1), after)
		})
	}
	f.run("many, each by its own values", func(f *fixture) {
		f.index("many", store.Index{Name: "n", Keys: f.doc(`{"n":1}`)})
		for i := range 50 {
			f.insert("many", fmt.Sprintf(`{"_id":%d,"n":%d}`, i, i%10))
		}
		u := store.Update{Filter: f.doc(`{"n":{"$gte":5}}`), Pipeline: f.pipeline(`[{"$set":{"n":{"$add":["$n","$_id",100]}}}]`), Many: true}
		r, err := f.store.Update(f.ctx, "many", u)
		f.mustNot(err)
		if r != (store.UpdateResult{Matched: 25, Modified: 25}) {
			f.Errorf("result is %+v", r)
		}
		f.wantIDs("many", store.Find{Filter: f.doc(`{"n":{"$gt":150}}`), Sort: f.doc(`{"_id":1}`)}, "46 47 48 49")
	})
	f.run("$$NOW is the same for all", func(f *fixture) {
		f.insert("now", `{"_id":1}`, `{"_id":2}`)
		_, err := f.store.Update(f.ctx, "now", store.Update{Pipeline: f.pipeline(`[{"$set":{"at":"$$NOW"}}]`), Many: true})
		f.mustNot(err)
		times, err := f.store.Distinct(f.ctx, "now", "at", nil)
		f.mustNot(err)
		if len(times) != 1 || times[0].Type != bson.TypeDateTime {
			f.Errorf("times are %v", times)
		}
	})
	f.run("one that is found", func(f *fixture) {
		f.insert("found", `{"_id":1,"n":1}`, `{"_id":2,"n":5}`)
		u := store.Update{Sort: f.doc(`{"n":-1}`), Pipeline: f.pipeline(`[{"$set":{"n":{"$add":["$n",1]}}}]`), Projection: f.doc(`{"n":1}`)}
		doc, err := f.store.FindAndUpdate(f.ctx, "found", u, store.After)
		f.mustNot(err)
		f.wantSame(doc, `{"_id":2,"n":6}`)
	})
	f.run("an upsert begins with the filter's equalities", func(f *fixture) {
		u := store.Update{Filter: f.doc(`{"_id":7,"n":1}`), Pipeline: f.pipeline(`[{"$set":{"m":{"$add":["$n",1]}}}]`), Upsert: true}
		r, err := f.store.Update(f.ctx, "upsert", u)
		f.mustNot(err)
		if r != (store.UpdateResult{Upserted: true, UpsertedID: int32(7)}) {
			f.Errorf("result is %+v", r)
		}
		f.wantDoc("upsert", int32(7), `{"_id":7,"n":1,"m":2}`)
		u.Filter = f.doc(`{"k":"x"}`)
		u.Pipeline = f.pipeline(`[{"$set":{"_id":"made"}}]`)
		_, err = f.store.Update(f.ctx, "upsert", u)
		f.mustNot(err)
		f.wantDoc("upsert", "made", `{"_id":"made","k":"x"}`)
	})
	f.run("a unique index refuses", func(f *fixture) {
		f.index("unique", store.Index{Name: "n", Keys: f.doc(`{"n":1}`), Unique: true})
		f.insert("unique", `{"_id":1,"n":1}`, `{"_id":2,"n":2}`)
		_, err := f.store.Update(f.ctx, "unique", store.Update{Filter: f.doc(`{"_id":2}`), Pipeline: f.pipeline(`[{"$set":{"n":{"$subtract":["$n",1]}}}]`)})
		f.wantDuplicate(err, "unique", "n", "n")
		f.wantDoc("unique", int32(2), `{"_id":2,"n":2}`)
	})
}

func testUpdatePipelinesErrors(f *fixture) {
	doc := `{"_id":1,"n":1,"s":"x"}`
	f.insert("c", doc)
	for _, c := range []struct {
		stages string
		code   int32
	}{
		{`[{"$match":{"n":1}}]`, 72},
		{`[{"$set":{"n":2}},{"$sort":{"n":1}}]`, 72},
		{`[{"$lookup":{"from":"c","localField":"n","foreignField":"n","as":"l"}}]`, 72},
		{`[{"$foo":1}]`, 40324},
		{`[{"$set":{"n":2},"$unset":"s"}]`, 40323},
		{`[{"$set":5}]`, 40272},
		{`[{"$set":{"n":{"$foo":1}}}]`, 168},
		{`[{"$set":{"n":{"$add":["$s",1]}}}]`, 16554},
		{`[{"$replaceWith":"$s"}]`, 40228},
		{`[{"$set":{"_id":2}}]`, 66},
		{`[{"$replaceWith":{"_id":2}}]`, 66},
	} {
		f.run(c.stages, func(f *fixture) {
			u := store.Update{Pipeline: f.pipeline(c.stages)}
			_, err := f.store.Update(f.ctx, "c", u)
			f.wantRequestError(err, c.code)
			_, err = f.store.FindAndUpdate(f.ctx, "c", u, store.After)
			f.wantRequestError(err, c.code)
			f.wantDoc("c", int32(1), doc)
		})
	}
	f.run("array filters have no place in a pipeline", func(f *fixture) {
		u := store.Update{Pipeline: f.pipeline(`[{"$set":{"n":2}}]`), ArrayFilters: f.docs(`[{"x":1}]`)}
		_, err := f.store.Update(f.ctx, "c", u)
		f.wantRequestError(err, 9)
		f.wantDoc("c", int32(1), doc)
	})
}
