package storetest

import (
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func testInsert(f *fixture) {
	f.run("documents of all types come back as they were", func(f *fixture) {
		doc := `{"_id":"all","double":1.0,"string":"x\u0000y","object":{"b":1,"a":{}},"array":[1,[2],{}],
			"binary":{"$binary":{"base64":"AQID","subType":"80"}},"oid":{"$oid":"5f0000000000000000000001"},
			"true":true,"false":false,"date":{"$date":{"$numberLong":"-1"}},"null":null,
			"regex":{"$regularExpression":{"pattern":"^a","options":"i"}},"int":1,"long":{"$numberLong":"1"},
			"decimal":{"$numberDecimal":"1.10"},"nan":{"$numberDouble":"NaN"},"timestamp":{"$timestamp":{"t":1,"i":2}},
			"min":{"$minKey":1},"max":{"$maxKey":1},"code":{"$code":"f"},"odd name $ ü \"":1,"":0}`
		f.insert("types", doc)
		f.wantDoc("types", "all", doc)
	})
	f.run("an _id that is there is refused", func(f *fixture) {
		f.insert("dup", `{"_id":"a","n":1}`)
		err := f.store.Insert(f.ctx, "dup", f.raw(`{"_id":"a","n":2}`))
		f.wantDuplicate(err, "dup", "_id_", "_id")
		f.wantDoc("dup", "a", `{"_id":"a","n":1}`)
	})
	f.run("equal numbers are one _id, strings of another case are not", func(f *fixture) {
		f.insert("ids", `{"_id":1}`, `{"_id":"a"}`, `{"_id":"A"}`, `{"_id":"1"}`, `{"_id":{"a":1}}`, `{"_id":null}`)
		for _, id := range []string{`1.0`, `{"$numberLong":"1"}`, `"a"`, `{"a":1.0}`, `null`} {
			err := f.store.Insert(f.ctx, "ids", f.raw(`{"_id":`+id+`}`))
			f.wantDuplicate(err, "ids", "_id_", "_id")
		}
	})
	f.run("many stop at the first that fails", func(f *fixture) {
		f.insert("many", `{"_id":2}`)
		err := f.store.Insert(f.ctx, "many", f.raw(`{"_id":1}`), f.raw(`{"_id":2}`), f.raw(`{"_id":3}`))
		f.wantDuplicate(err, "many", "_id_", "_id")
		f.wantIDs("many", store.Find{Sort: f.doc(`{"_id":1}`)}, "1 2")
	})
	f.run("more than one batch", func(f *fixture) {
		var docs []bson.Raw
		for i := range 3000 {
			docs = append(docs, f.raw(fmt.Sprintf(`{"_id":%d}`, i)))
		}
		f.mustNot(f.store.Insert(f.ctx, "batch", docs...))
		n, err := f.store.Count(f.ctx, "batch", store.Count{})
		f.mustNot(err)
		if n != 3000 {
			f.Errorf("%d documents, want 3000", n)
		}
	})
	f.run("nothing", func(f *fixture) {
		f.mustNot(f.store.Insert(f.ctx, "none"))
	})
	f.run("an _id can't be an array or an expression", func(f *fixture) {
		for _, id := range []string{`[1]`, `{"$regularExpression":{"pattern":"a","options":""}}`} {
			f.wantRequestError(f.store.Insert(f.ctx, "ids", f.raw(`{"_id":`+id+`}`)))
		}
	})
}

// updateCases hold updates of one document with what they make of it; same means
// that the update matches and modifies nothing.
var updateCases = []struct{ name, doc, change, want string }{
	{"$set", `{"_id":1,"a":1}`, `{"$set":{"a":2,"b":"x"}}`, `{"_id":1,"a":2,"b":"x"}`},
	{"$set of the same", `{"_id":1,"a":1}`, `{"$set":{"a":1}}`, same},
	{"$set changes the type of a number", `{"_id":1,"a":1}`, `{"$set":{"a":{"$numberLong":"1"}}}`, `{"_id":1,"a":{"$numberLong":"1"}}`},
	{"$set adds fields by name", `{"_id":1}`, `{"$set":{"c":1,"a":1},"$inc":{"b":1}}`, `{"_id":1,"a":1,"b":1,"c":1}`},
	{"$set below what is missing", `{"_id":1}`, `{"$set":{"a.b.c":1}}`, `{"_id":1,"a":{"b":{"c":1}}}`},
	{"$set of an element", `{"_id":1,"a":[1,2]}`, `{"$set":{"a.0":9}}`, `{"_id":1,"a":[9,2]}`},
	{"$set beyond the end", `{"_id":1,"a":[1]}`, `{"$set":{"a.3":9}}`, `{"_id":1,"a":[1,null,null,9]}`},
	{"$set in a document in an array", `{"_id":1,"a":[{"x":1}]}`, `{"$set":{"a.0.x":2}}`, `{"_id":1,"a":[{"x":2}]}`},
	{"$setOnInsert", `{"_id":1}`, `{"$setOnInsert":{"a":1}}`, same},
	{"$unset", `{"_id":1,"a":1,"b":{"c":1,"d":2}}`, `{"$unset":{"a":"","b.c":"","e.f":""}}`, `{"_id":1,"b":{"d":2}}`},
	{"$unset of an element", `{"_id":1,"a":[1,2]}`, `{"$unset":{"a.0":""}}`, `{"_id":1,"a":[null,2]}`},
	{"$unset of what is missing", `{"_id":1}`, `{"$unset":{"a":""}}`, same},
	{"$inc", `{"_id":1,"a":1,"b":1.5,"c":{"$numberLong":"1"}}`, `{"$inc":{"a":2,"b":1,"c":-3,"d":4}}`, `{"_id":1,"a":3,"b":2.5,"c":{"$numberLong":"-2"},"d":4}`},
	{"$inc beyond an int32", `{"_id":1,"a":2147483647,"b":-2147483648}`, `{"$inc":{"a":1,"b":-1}}`, `{"_id":1,"a":{"$numberLong":"2147483648"},"b":{"$numberLong":"-2147483649"}}`},
	{"$inc with a double", `{"_id":1,"a":1}`, `{"$inc":{"a":1.0}}`, `{"_id":1,"a":2.0}`},
	{"$mul", `{"_id":1,"a":3,"b":65536}`, `{"$mul":{"a":2,"b":65536,"c":5}}`, `{"_id":1,"a":6,"b":{"$numberLong":"4294967296"},"c":0}`},
	{"$min and $max", `{"_id":1,"a":5,"b":5,"c":"x"}`, `{"$min":{"a":3,"c":9,"d":1},"$max":{"b":3,"e":1}}`, `{"_id":1,"a":3,"b":5,"c":9,"d":1,"e":1}`},
	{"$min and $max that change nothing", `{"_id":1,"a":5}`, `{"$min":{"a":6}}`, same},
	{"$push", `{"_id":1,"a":[1]}`, `{"$push":{"a":2,"b":{"c":1}}}`, `{"_id":1,"a":[1,2],"b":[{"c":1}]}`},
	{"$push $each", `{"_id":1,"a":[1]}`, `{"$push":{"a":{"$each":[2,[3]]}}}`, `{"_id":1,"a":[1,2,[3]]}`},
	{"$push $position", `{"_id":1,"a":[1,2]}`, `{"$push":{"a":{"$each":[9],"$position":0}}}`, `{"_id":1,"a":[9,1,2]}`},
	{"$push $sort and $slice", `{"_id":1,"a":[3,1]}`, `{"$push":{"a":{"$each":[2,9],"$sort":-1,"$slice":3}}}`, `{"_id":1,"a":[9,3,2]}`},
	{"$push $sort by a field", `{"_id":1,"a":[{"s":3},{"s":1}]}`, `{"$push":{"a":{"$each":[{"s":2}],"$sort":{"s":1},"$slice":-2}}}`, `{"_id":1,"a":[{"s":2},{"s":3}]}`},
	{"$addToSet", `{"_id":1,"a":[1,{"x":1}]}`, `{"$addToSet":{"a":2,"b":1}}`, `{"_id":1,"a":[1,{"x":1},2],"b":[1]}`},
	{"$addToSet of what is there", `{"_id":1,"a":[1,{"x":1}]}`, `{"$addToSet":{"a":{"$each":[1.0,{"x":1}]}}}`, same},
	{"$addToSet $each", `{"_id":1,"a":[1]}`, `{"$addToSet":{"a":{"$each":[2,1,2,{"x":1}]}}}`, `{"_id":1,"a":[1,2,{"x":1}]}`},
	{"$pull", `{"_id":1,"a":[1,2,1],"b":[{"x":1,"y":1},{"x":2}]}`, `{"$pull":{"a":1,"b":{"x":1}}}`, `{"_id":1,"a":[2],"b":[{"x":2}]}`},
	{"$pull by operators", `{"_id":1,"a":[1,5,9]}`, `{"$pull":{"a":{"$gte":5}}}`, `{"_id":1,"a":[1]}`},
	{"$pullAll", `{"_id":1,"a":[1,2,{"x":1},1.0]}`, `{"$pullAll":{"a":[1,{"x":1}]}}`, `{"_id":1,"a":[2]}`},
	{"$pullAll of nothing", `{"_id":1,"a":[1]}`, `{"$pullAll":{"a":[5],"b":[1]}}`, same},
	{"$pop", `{"_id":1,"a":[1,2,3],"b":[1,2]}`, `{"$pop":{"a":1,"b":-1}}`, `{"_id":1,"a":[1,2],"b":[2]}`},
	{"$rename", `{"_id":1,"a":1,"b":2}`, `{"$rename":{"a":"c.d"}}`, `{"_id":1,"b":2,"c":{"d":1}}`},
	{"many operators at once", `{"_id":1,"n":1,"l":[1],"d":{"x":1}}`, `{"$set":{"d.y":2,"s":"x"},"$inc":{"n":1},"$addToSet":{"l":2},"$unset":{"d.x":""}}`, `{"_id":1,"n":2,"l":[1,2],"d":{"y":2},"s":"x"}`},
	{"names that look odd", `{"_id":1,"a b":{"$x":1}}`, `{"$set":{"a b.ü":2,"c-d":3}}`, `{"_id":1,"a b":{"$x":1,"ü":2},"c-d":3}`},
}

// same marks updates that make no difference.
const same = "same"

func testUpdate(f *fixture) {
	for i, c := range updateCases {
		f.run(c.name, func(f *fixture) {
			collection := fmt.Sprintf("c%d", i)
			f.insert(collection, c.doc, `{"_id":2}`)
			r := f.update(collection, `{"_id":1}`, c.change)
			want := store.UpdateResult{Matched: 1, Modified: 1}
			after := c.want
			if c.want == same {
				want.Modified, after = 0, c.doc
			}
			if r != want {
				f.Errorf("result is %+v, want %+v", r, want)
			}
			f.wantDoc(collection, int32(1), after)
			f.wantDoc(collection, int32(2), `{"_id":2}`)
		})
	}
	f.run("$currentDate", func(f *fixture) {
		f.insert("dates", `{"_id":1}`)
		f.update("dates", `{"_id":1}`, `{"$currentDate":{"a":true}}`)
		f.wantIDs("dates", store.Find{Filter: f.doc(`{"a":{"$type":"date","$gt":{"$date":"2024-01-01T00:00:00Z"}}}`)}, "1")
	})
	f.run("only what satisfies the filter", func(f *fixture) {
		f.insert("guard", `{"_id":1,"owner":"ann"}`)
		r := f.update("guard", `{"_id":1,"owner":"bob"}`, `{"$set":{"x":1}}`)
		if r != (store.UpdateResult{}) {
			f.Errorf("result is %+v", r)
		}
		f.wantDoc("guard", int32(1), `{"_id":1,"owner":"ann"}`)
	})
	f.run("a collection that is not there", func(f *fixture) {
		if r := f.update("nothing", `{}`, `{"$set":{"x":1}}`); r != (store.UpdateResult{}) {
			f.Errorf("result is %+v", r)
		}
	})
}

func testUpdateErrors(f *fixture) {
	doc := `{"_id":1,"n":1,"s":"x","z":null,"a":[1],"max":{"$numberLong":"9223372036854775807"}}`
	f.insert("c", doc)
	for _, c := range []struct {
		change string
		codes  []int32
	}{
		{`{"$inc":{"s":1}}`, []int32{14}},
		{`{"$inc":{"z":1}}`, []int32{14}},
		{`{"$inc":{"n":"x"}}`, []int32{14}},
		{`{"$mul":{"s":1}}`, []int32{14}},
		{`{"$inc":{"max":1}}`, []int32{2}},
		{`{"$set":{"n.x":1}}`, []int32{28}},
		{`{"$set":{"a.x":1}}`, []int32{28}},
		{`{"$set":{"_id":2}}`, []int32{66}},
		{`{"$unset":{"_id":""}}`, []int32{66}},
		{`{"$set":{"n":1},"$inc":{"n":1}}`, []int32{40}},
		{`{"$set":{"d":1,"d.e":1}}`, []int32{40}},
		{`{"$set":{"":1}}`, []int32{56}},
		{`{"$set":{"d..e":1}}`, []int32{56}},
		{`{"$push":{"n":1}}`, []int32{2}},
		{`{"$addToSet":{"n":1}}`, []int32{2}},
		{`{"$pull":{"n":1}}`, []int32{2}},
		{`{"$pullAll":{"a":1}}`, []int32{2}},
		{`{"$pop":{"n":1}}`, []int32{14}},
		{`{"$pop":{"a":5}}`, []int32{9}},
		{`{"$push":{"a":{"$each":1}}}`, []int32{2}},
		{`{"$foo":{"n":1}}`, []int32{9}},
		{`{"$set":5}`, []int32{9}},
		{`{"n":1}`, nil},
		{`{}`, nil},
	} {
		f.run(c.change, func(f *fixture) {
			u := store.Update{Filter: f.doc(`{"_id":1}`), Change: f.doc(c.change)}
			_, err := f.store.Update(f.ctx, "c", u)
			f.wantRequestError(err, c.codes...)
			u.Many = true
			_, err = f.store.Update(f.ctx, "c", u)
			f.wantRequestError(err, c.codes...)
			_, err = f.store.FindAndUpdate(f.ctx, "c", u, store.After)
			f.wantRequestError(err, c.codes...)
			f.wantDoc("c", int32(1), doc)
		})
	}
}

func testUpdateMany(f *fixture) {
	for i := range 300 {
		f.insert("c", fmt.Sprintf(`{"_id":%d,"g":%d,"n":0}`, i, i%3))
	}
	f.index("c", store.Index{Name: "g_n", Keys: f.doc(`{"g":1,"n":1}`)})
	r, err := f.store.Update(f.ctx, "c", store.Update{Filter: f.doc(`{"g":1}`), Change: f.doc(`{"$inc":{"n":5}}`), Many: true})
	f.mustNot(err)
	if r != (store.UpdateResult{Matched: 100, Modified: 100}) {
		f.Errorf("result is %+v", r)
	}
	// An update that moves documents along the index that it walks changes each once.
	r, err = f.store.Update(f.ctx, "c", store.Update{Filter: f.doc(`{"g":1,"n":{"$gte":5}}`), Change: f.doc(`{"$inc":{"n":5}}`), Many: true})
	f.mustNot(err)
	if r != (store.UpdateResult{Matched: 100, Modified: 100}) {
		f.Errorf("result is %+v", r)
	}
	n, err := f.store.Count(f.ctx, "c", store.Count{Filter: f.doc(`{"g":1,"n":10}`)})
	f.mustNot(err)
	if n != 100 {
		f.Errorf("%d documents were changed twice, want 100", n)
	}
	r, err = f.store.Update(f.ctx, "c", store.Update{Filter: f.doc(`{"n":{"$gte":0}}`), Change: f.doc(`{"$max":{"n":10}}`), Many: true})
	f.mustNot(err)
	if r != (store.UpdateResult{Matched: 300, Modified: 200}) {
		f.Errorf("result is %+v", r)
	}
	r = f.update("c", `{"g":2}`, `{"$set":{"g":9}}`)
	if r != (store.UpdateResult{Matched: 1, Modified: 1}) {
		f.Errorf("without Many the result is %+v", r)
	}
}

func testUpsert(f *fixture) {
	upsert := func(f *fixture, filter, change string, many bool) store.UpdateResult {
		f.Helper()
		r, err := f.store.Update(f.ctx, "c", store.Update{Filter: f.doc(filter), Change: f.doc(change), Upsert: true, Many: many})
		f.mustNot(err)
		return r
	}
	for i, c := range []struct{ name, filter, change, want string }{
		{"equalities", `{"_id":ID,"a":1,"b":{"$eq":2},"c":{"$gt":3},"$and":[{"d":4}]}`, `{"$set":{"z":1}}`, `{"_id":ID,"a":1,"b":2,"d":4,"z":1}`},
		{"$setOnInsert", `{"_id":ID}`, `{"$setOnInsert":{"a":1},"$inc":{"n":2}}`, `{"_id":ID,"a":1,"n":2}`},
		{"dotted", `{"_id":ID,"a.b":1}`, `{"$set":{"a.c":2}}`, `{"_id":ID,"a":{"b":1,"c":2}}`},
		{"$exists", `{"_id":ID,"a":{"$exists":false}}`, `{"$set":{"a":1}}`, `{"_id":ID,"a":1}`},
		{"arrays", `{"_id":ID,"a":{"$in":[5]}}`, `{"$push":{"l":1},"$addToSet":{"m":{"$each":[1,1]}}}`, `{"_id":ID,"a":5,"l":[1],"m":[1]}`},
	} {
		f.run(c.name, func(f *fixture) {
			id := fmt.Sprint(i + 100)
			replace := func(s string) string { return strings.ReplaceAll(s, "ID", id) }
			r := upsert(f, replace(c.filter), c.change, i%2 == 0)
			if r != (store.UpdateResult{Upserted: true, UpsertedID: int32(i + 100)}) {
				f.Errorf("result is %+v", r)
			}
			f.wantDoc("c", int32(i+100), replace(c.want))
		})
	}
	f.run("what matches is updated", func(f *fixture) {
		f.insert("c", `{"_id":1,"n":1}`)
		r := upsert(f, `{"_id":1}`, `{"$inc":{"n":1},"$setOnInsert":{"x":1}}`, false)
		if r != (store.UpdateResult{Matched: 1, Modified: 1}) {
			f.Errorf("result is %+v", r)
		}
		f.wantDoc("c", int32(1), `{"_id":1,"n":2}`)
	})
	f.run("an _id is made", func(f *fixture) {
		r := upsert(f, `{"k":"made"}`, `{"$set":{"v":1}}`, false)
		docs, err := f.find("c", store.Find{Filter: f.doc(`{"k":"made"}`)})
		f.mustNot(err)
		if len(docs) != 1 || docs[0].Lookup("_id").Type != bson.TypeObjectID || r.UpsertedID != docs[0].Lookup("_id").ObjectID() {
			f.Errorf("found %v, result is %+v", docs, r)
		}
	})
	f.run("a duplicate is refused", func(f *fixture) {
		f.insert("c", `{"_id":7,"owner":"ann"}`)
		_, err := f.store.Update(f.ctx, "c", store.Update{
			Filter: f.doc(`{"_id":7,"owner":"bob"}`), Change: f.doc(`{"$set":{"x":1}}`), Upsert: true,
		})
		f.wantDuplicate(err, "c", "_id_", "_id")
		f.wantDoc("c", int32(7), `{"_id":7,"owner":"ann"}`)
	})
}

func testFindAndUpdate(f *fixture) {
	f.insert("c", `{"_id":1,"p":2,"s":"new"}`, `{"_id":2,"p":3,"s":"new"}`, `{"_id":3,"p":1,"s":"new"}`)
	do := func(u store.Update, want store.Version) bson.Raw {
		f.Helper()
		doc, err := f.store.FindAndUpdate(f.ctx, "c", u, want)
		f.mustNot(err)
		return doc
	}
	f.wantSame(do(store.Update{Filter: f.doc(`{"_id":1}`), Change: f.doc(`{"$inc":{"p":1}}`)}, store.Before), `{"_id":1,"p":2,"s":"new"}`)
	f.wantSame(do(store.Update{Filter: f.doc(`{"_id":1}`), Change: f.doc(`{"$inc":{"p":-1}}`)}, store.After), `{"_id":1,"p":2,"s":"new"}`)
	take := store.Update{Filter: f.doc(`{"s":"new"}`), Change: f.doc(`{"$set":{"s":"taken"}}`), Sort: f.doc(`{"p":-1}`), Projection: f.doc(`{"p":1}`), Many: true}
	f.wantSame(do(take, store.After), `{"_id":2,"p":3}`)
	f.wantSame(do(take, store.Before), `{"_id":1,"p":2}`)
	f.wantSame(do(take, store.After), `{"_id":3,"p":1}`)
	_, err := f.store.FindAndUpdate(f.ctx, "c", take, store.After)
	f.wantError(err, store.ErrNotFound)
	_, err = f.store.FindAndUpdate(f.ctx, "nothing", take, store.Before)
	f.wantError(err, store.ErrNotFound)

	f.wantSame(do(store.Update{Filter: f.doc(`{"_id":9}`), Change: f.doc(`{"$inc":{"n":1}}`), Upsert: true}, store.After), `{"_id":9,"n":1}`)
	f.wantSame(do(store.Update{Filter: f.doc(`{"_id":10}`), Change: f.doc(`{"$inc":{"n":1}}`), Upsert: true}, store.Before), "")
	f.wantDoc("c", int32(10), `{"_id":10,"n":1}`)
	f.wantSame(do(store.Update{Filter: f.doc(`{"_id":10}`), Change: f.doc(`{"$inc":{"n":1}}`), Upsert: true}, store.Before), `{"_id":10,"n":1}`)
	f.wantSame(do(store.Update{Filter: f.doc(`{"_id":10}`), Change: f.doc(`{"$max":{"n":1}}`)}, store.After), `{"_id":10,"n":2}`)

	f.index("c", store.Index{Name: "n", Keys: f.doc(`{"n":1}`), Unique: true, Sparse: true})
	_, err = f.store.FindAndUpdate(f.ctx, "c", store.Update{Filter: f.doc(`{"_id":9}`), Change: f.doc(`{"$set":{"n":2}}`)}, store.After)
	f.wantDuplicate(err, "c", "n", "n")
	f.wantDoc("c", int32(9), `{"_id":9,"n":1}`)
}

func testFindAndDelete(f *fixture) {
	f.insert("c", `{"_id":1,"a":1}`, `{"_id":2,"a":1}`)
	first, err := f.store.FindAndDelete(f.ctx, "c", f.doc(`{"a":1,"_id":2}`))
	f.mustNot(err)
	f.wantSame(first, `{"_id":2,"a":1}`)
	_, err = f.store.FindAndDelete(f.ctx, "c", f.doc(`{"_id":2}`))
	f.wantError(err, store.ErrNotFound)
	_, err = f.store.FindAndDelete(f.ctx, "nothing", f.doc(`{}`))
	f.wantError(err, store.ErrNotFound)
	f.wantIDs("c", store.Find{}, "1")
}

func testDelete(f *fixture) {
	for i := range 50 {
		f.insert("c", fmt.Sprintf(`{"_id":%d,"g":%d}`, i, i%5))
	}
	f.index("c", store.Index{Name: "g", Keys: f.doc(`{"g":1}`)})
	for _, c := range []struct {
		filter string
		many   bool
		want   int64
	}{
		{`{"g":1}`, false, 1},
		{`{"g":1}`, true, 9},
		{`{"g":1}`, true, 0},
		{`{"_id":0}`, true, 1},
		{`{"g":{"$gte":3}}`, true, 20},
		{``, true, 19},
		{``, true, 0},
	} {
		n, err := f.store.Delete(f.ctx, "c", f.doc(c.filter), c.many)
		f.mustNot(err)
		if n != c.want {
			f.Errorf("%s deletes %d, want %d", c.filter, n, c.want)
		}
	}
	n, err := f.store.Delete(f.ctx, "nothing", nil, true)
	f.mustNot(err)
	if n != 0 {
		f.Errorf("deleted %d from a collection that is not there", n)
	}
	f.insert("c", `{"_id":0,"g":1}`)
	f.wantIDs("c", store.Find{Filter: f.doc(`{"g":1}`)}, "0")
	_, err = f.store.Delete(f.ctx, "c", f.doc(`{"$foo":1}`), true)
	f.wantRequestError(err)
}
