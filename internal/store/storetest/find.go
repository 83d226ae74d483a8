package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// things are the documents that filters and sorts are tried on.
var things = []string{
	`{"_id":"empty"}`,
	`{"_id":"null","n":null,"s":null,"a":null,"d":null,"t":null}`,
	`{"_id":"zero","n":0,"s":"","a":[],"d":{}}`,
	`{"_id":"int","n":5,"s":"apple","a":[1,2,3],"d":{"x":1,"y":2}}`,
	`{"_id":"long","n":{"$numberLong":"5"},"s":"Apple","a":[{"$numberLong":"3"},1.0],"d":{"y":2,"x":1}}`,
	`{"_id":"double","n":5.5,"s":"banana","a":[[1,2],3],"d":{"x":1}}`,
	`{"_id":"negative","n":-7,"s":"apricot\u0000x","a":["x","y"],"d":{"x":[1,2,{"z":9}]}}`,
	`{"_id":"nan","n":{"$numberDouble":"NaN"},"s":"ápple","a":[null],"d":{"x":null}}`,
	`{"_id":"infinity","n":{"$numberDouble":"Infinity"},"s":"zebra","a":[{"k":1,"v":10},{"k":2,"v":20}],"d":{"x":{"z":1}}}`,
	`{"_id":"big","n":{"$numberLong":"9007199254740993"},"s":"Zoo","a":[{"k":2,"v":10},{"k":1}],"d":{"x":{"z":[3,4]}}}`,
	`{"_id":"bigdouble","n":9007199254740992.0,"s":"line\nbreak","a":[5,15,25],"d":5}`,
	`{"_id":"text","n":"5","s":["apple","pear"],"a":"x","d":"x"}`,
	`{"_id":"true","n":true,"s":"_x","a":[true],"d":[{"x":1},{"x":5}]}`,
	`{"_id":"list","n":[1,20],"s":"list","a":[[],[1]],"d":[{"x":3,"y":1},{"y":7}]}`,
	`{"_id":"date","t":{"$date":"2024-01-01T00:00:00Z"},"b":{"$binary":{"base64":"AQID","subType":"00"}}}`,
	`{"_id":"olddate","t":{"$date":"1950-01-01T00:00:00.5Z"},"b":{"$binary":{"base64":"AQI=","subType":"05"}}}`,
	`{"_id":"dates","t":[{"$date":"2023-01-01T00:00:00Z"},{"$date":"2025-01-01T00:00:00Z"}],"b":"AQID"}`,
	`{"_id":"oid","o":{"$oid":"5f0000000000000000000001"},"r":{"$regularExpression":{"pattern":"^a","options":"i"}}}`,
}

// findCases hold filters with the _ids that they find among the things, sorted.
var findCases = []struct{ name, filter, want string }{
	{"nothing asked", `{}`, "big bigdouble date dates double empty infinity int list long nan negative null oid olddate text true zero"},
	{"by _id", `{"_id":"int"}`, "int"},
	{"by _id of another type", `{"_id":5}`, ""},
	{"_id in", `{"_id":{"$in":["int","zero","nobody"]}}`, "int zero"},
	{"_id range", `{"_id":{"$gte":"n","$lt":"o"}}`, "nan negative null"},
	{"_id and more", `{"_id":"int","n":5}`, "int"},
	{"_id and what does not hold", `{"_id":"int","n":6}`, ""},

	{"a number of any type", `{"n":5}`, "int long"},
	{"a number as double", `{"n":5.0}`, "int long"},
	{"a number as decimal", `{"n":{"$numberDecimal":"5.5"}}`, "double"},
	{"numbers beyond doubles are exact", `{"n":{"$numberLong":"9007199254740993"}}`, "big"},
	{"a double among them", `{"n":9007199254740992.0}`, "bigdouble"},
	{"NaN", `{"n":{"$numberDouble":"NaN"}}`, "nan"},
	{"a string", `{"n":"5"}`, "text"},
	{"a boolean", `{"n":true}`, "true"},
	{"a whole array", `{"n":[1,20]}`, "list"},
	{"null or missing", `{"n":null}`, "date dates empty null oid olddate"},
	{"null in an array", `{"a":null}`, "date dates empty nan null oid olddate"},
	{"not null", `{"s":{"$ne":null}}`, "big bigdouble double infinity int list long nan negative text true zero"},
	{"exists", `{"t":{"$exists":true}}`, "date dates null olddate"},
	{"does not exist", `{"n":{"$exists":false}}`, "date dates empty oid olddate"},
	{"not equal", `{"n":{"$ne":5}}`, "big bigdouble date dates double empty infinity list nan negative null oid olddate text true zero"},

	{"greater", `{"n":{"$gt":5}}`, "big bigdouble double infinity list"},
	{"greater or equal", `{"n":{"$gte":5}}`, "big bigdouble double infinity int list long"},
	{"less", `{"n":{"$lt":0}}`, "negative"},
	{"less or equal", `{"n":{"$lte":0}}`, "negative zero"},
	{"between", `{"n":{"$gt":0,"$lt":10}}`, "double int list long"},
	{"different elements meet different conditions", `{"n":{"$gt":10,"$lt":5}}`, "list"},
	{"greater than an exact long", `{"n":{"$gt":9007199254740992.0}}`, "big infinity"},
	{"up to null", `{"n":{"$lte":null}}`, "date dates empty null oid olddate"},
	{"strings from", `{"s":{"$gte":"b"}}`, "bigdouble double infinity list nan text"},
	{"strings below", `{"s":{"$lt":"apple"}}`, "big long true zero"},
	{"strings compare by bytes", `{"s":{"$gt":"apricot"}}`, "bigdouble double infinity list nan negative text"},
	{"a string with a null byte", `{"s":"apricot\u0000x"}`, "negative"},
	{"dates from", `{"t":{"$gte":{"$date":"2024-01-01T00:00:00Z"}}}`, "date dates"},
	{"dates before 1970", `{"t":{"$lt":{"$date":"1970-01-01T00:00:00Z"}}}`, "olddate"},
	{"a date", `{"t":{"$date":"2023-01-01T00:00:00Z"}}`, "dates"},
	{"binary data", `{"b":{"$binary":{"base64":"AQID","subType":"00"}}}`, "date"},
	{"binary data of another subtype", `{"b":{"$binary":{"base64":"AQI=","subType":"00"}}}`, ""},
	{"an object id", `{"o":{"$oid":"5f0000000000000000000001"}}`, "oid"},
	{"booleans from", `{"n":{"$gte":false}}`, "true"},
	{"arrays from", `{"a":{"$gte":[1,2]}}`, "big bigdouble double infinity int list long negative true"},
	{"above the least key", `{"o":{"$gt":{"$minKey":1}}}`, "big bigdouble date dates double empty infinity int list long nan negative null oid olddate text true zero"},

	{"an element", `{"a":3}`, "double int long"},
	{"an array as it is", `{"a":[1,2,3]}`, "int"},
	{"an array in an array", `{"a":[1,2]}`, "double"},
	{"an empty array", `{"a":[]}`, "list zero"},
	{"an index", `{"a.0":1}`, "int"},
	{"an index and below", `{"a.0.k":1}`, "infinity"},
	{"documents in arrays", `{"a.k":1}`, "big infinity"},
	{"conditions on different documents", `{"a.k":1,"a.v":20}`, "infinity"},
	{"missing in documents in arrays", `{"a.v":null}`, "big date dates empty null oid olddate text"},
	{"all", `{"a":{"$all":[1,3]}}`, "int long"},
	{"all of nothing", `{"a":{"$all":[]}}`, ""},
	{"all with expressions", `{"s":{"$all":[{"$regularExpression":{"pattern":"^app","options":""}},{"$regularExpression":{"pattern":"^p","options":""}}]}}`, "text"},
	{"size", `{"a":{"$size":2}}`, "big double infinity list long negative"},
	{"size of nothing", `{"a":{"$size":0}}`, "zero"},
	{"an element that meets all", `{"a":{"$elemMatch":{"$gt":10,"$lt":20}}}`, "bigdouble"},
	{"a document in an array that meets all", `{"a":{"$elemMatch":{"k":1,"v":{"$gte":10}}}}`, "infinity"},
	{"contained by", `{"a":{"$type":"array"},"$nor":[{"a":{"$elemMatch":{"$nin":[1,2,3,"x","y"]}}}]}`, "int long negative zero"},

	{"in", `{"n":{"$in":[5,"5",true]}}`, "int long text true"},
	{"in with null", `{"n":{"$in":[null,0]}}`, "date dates empty null oid olddate zero"},
	{"in with an expression", `{"s":{"$in":[{"$regularExpression":{"pattern":"^Z","options":""}},"banana"]}}`, "big double"},
	{"in nothing", `{"n":{"$in":[]}}`, ""},
	{"in with arrays", `{"a":{"$in":[[1,2],"x"]}}`, "double negative text"},
	{"not in", `{"n":{"$nin":[5,null]}}`, "big bigdouble double infinity list nan negative text true zero"},
	{"not in nothing", `{"_id":{"$gt":"o"},"n":{"$nin":[]}}`, "oid olddate text true zero"},

	{"a document as it is", `{"d":{"x":1,"y":2}}`, "int"},
	{"a document in another order", `{"d":{"y":2,"x":1}}`, "long"},
	{"an empty document", `{"d":{}}`, "zero"},
	{"a path", `{"d.x":1}`, "double int long negative true"},
	{"a path through arrays", `{"d.x":{"$gt":2}}`, "list true"},
	{"a long path", `{"d.x.z":{"$gte":3}}`, "big negative"},
	{"null at the end of a path", `{"d.x":null}`, "bigdouble date dates empty list nan null oid olddate text zero"},
	{"a path that exists", `{"d.y":{"$exists":true}}`, "int list long"},

	{"type", `{"n":{"$type":"number"}}`, "big bigdouble double infinity int list long nan negative zero"},
	{"type of an array", `{"n":{"$type":"array"}}`, "list"},
	{"type of null", `{"n":{"$type":10}}`, "null"},
	{"modulo", `{"n":{"$mod":[5,0]}}`, "double int list long zero"},
	{"not", `{"n":{"$not":{"$gt":0}}}`, "date dates empty nan negative null oid olddate text true zero"},
	{"or", `{"$or":[{"n":5},{"s":"zebra"}]}`, "infinity int long"},
	{"or of one path", `{"$or":[{"n":{"$lt":0}},{"n":{"$gt":6,"$lt":30}}]}`, "list negative"},
	{"or and more", `{"d.x":1,"$or":[{"n":5},{"n":5.5}]}`, "double int long"},
	{"and", `{"$and":[{"n":{"$gte":5}},{"n":{"$lte":5}}]}`, "int list long"},
	{"nor", `{"$nor":[{"n":{"$exists":true}},{"t":{"$exists":true}}]}`, "empty oid"},
	{"nested logic", `{"$or":[{"$and":[{"n":5},{"s":"apple"}]},{"$nor":[{"_id":{"$ne":"zero"}}]}]}`, "int zero"},
	{"a comment", `{"$comment":"why","n":0}`, "zero"},

	{"a prefix", `{"s":{"$regex":"^app"}}`, "int text"},
	{"a prefix, quoted", `{"s":{"$regex":"^\\Qapp\\E"}}`, "int text"},
	{"a prefix in any case", `{"s":{"$regex":"^app","$options":"i"}}`, "int long text"},
	{"a part", `{"s":{"$regex":"an"}}`, "double"},
	{"an end", `{"s":{"$regex":"e$"}}`, "int long nan text"},
	{"lines", `{"s":{"$regex":"^break$","$options":"m"}}`, "bigdouble"},
	{"a dot and a line break", `{"s":{"$regex":"e.b"}}`, ""},
	{"a dot for all", `{"s":{"$regex":"e.b","$options":"s"}}`, "bigdouble"},
	{"spaces that do not count", `{"s":{"$regex":"ban # comment\n ana","$options":"x"}}`, "double"},
	{"an expression as value", `{"s":{"$regularExpression":{"pattern":"^z","options":""}}}`, "infinity"},
	{"an expression equals itself", `{"r":{"$regularExpression":{"pattern":"^a","options":"i"}}}`, "oid"},
	{"not an expression", `{"s":{"$not":{"$regularExpression":{"pattern":"a","options":"i"}},"$type":"string"}}`, "big list nan true zero"},
	{"look-ahead", `{"s":{"$regex":"^(?!app)a"}}`, "negative"},
}

// thingIndexes are indexes on the paths of the cases, to be tried beside none.
var thingIndexes = []store.Index{
	{Name: "n", Keys: bson.D{{Key: "n", Value: int32(1)}}},
	{Name: "s_desc", Keys: bson.D{{Key: "s", Value: int32(-1)}}},
	{Name: "a_n", Keys: bson.D{{Key: "a", Value: int32(1)}, {Key: "s", Value: int32(1)}}},
	{Name: "a_k", Keys: bson.D{{Key: "a.k", Value: int32(1)}, {Key: "a.v", Value: int32(-1)}}},
	{Name: "d", Keys: bson.D{{Key: "d", Value: int32(1)}}},
	{Name: "d_x", Keys: bson.D{{Key: "d.x", Value: int32(-1)}}},
	{Name: "t_sparse", Keys: bson.D{{Key: "t", Value: int32(1)}}, Sparse: true},
	{Name: "o_sparse", Keys: bson.D{{Key: "o", Value: int32(-1)}}, Sparse: true},
	{Name: "n_partial", Keys: bson.D{{Key: "n", Value: int32(1)}, {Key: "_id", Value: int32(1)}},
		Partial: bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: int32(0)}}}}},
	{Name: "s_ci", Keys: bson.D{{Key: "s", Value: int32(1)}}, CaseInsensitive: true},
}

func testFind(f *fixture) {
	f.insert("things", things...)
	f.insert("indexed", things...)
	f.index("indexed", thingIndexes...)
	for _, c := range findCases {
		f.run(c.name, func(f *fixture) {
			for _, collection := range []string{"things", "indexed"} {
				docs, err := f.find(collection, store.Find{Filter: f.doc(c.filter)})
				f.mustNot(err)
				ids := strings.Fields(idsOf(docs))
				slices.Sort(ids)
				if got := strings.Join(ids, " "); got != c.want {
					f.Errorf("in %s, %s finds\n     %s\nwant %s", collection, c.filter, got, c.want)
				}
				f.wantIDs(collection, store.Find{Filter: f.doc(c.filter), Sort: f.doc(`{"_id":1}`)}, c.want)
				n, err := f.store.Count(f.ctx, collection, store.Count{Filter: f.doc(c.filter)})
				f.mustNot(err)
				if want := len(strings.Fields(c.want)); int(n) != want {
					f.Errorf("in %s, %s counts %d, want %d", collection, c.filter, n, want)
				}
			}
		})
	}
	f.run("documents come back as they are", func(f *fixture) {
		for _, thing := range things {
			f.wantDoc("things", f.doc(thing)[0].Value, thing)
		}
	})
	f.run("a collection that is not there", func(f *fixture) {
		f.wantIDs("nothing", store.Find{}, "")
	})
}

func testFindCaseInsensitive(f *fixture) {
	f.insert("users",
		`{"_id":1,"name":"Ann","tags":["X"]}`,
		`{"_id":2,"name":"ann"}`,
		`{"_id":3,"name":"Änn"}`,
		`{"_id":4,"name":"BOB"}`,
		`{"_id":5,"name":"bob@x.org"}`)
	for _, indexed := range []bool{false, true} {
		if indexed {
			f.index("users", store.Index{Name: "ci", Keys: f.doc(`{"name":1}`), CaseInsensitive: true})
			f.index("users", store.Index{Name: "cs", Keys: f.doc(`{"name":1}`)})
		}
		for _, c := range []struct{ filter, want string }{
			{`{"name":"ANN"}`, "1 2"},
			{`{"name":"ann","_id":{"$gt":1}}`, "2"},
			{`{"name":"änn"}`, "3"},
			{`{"name":{"$in":["ann","bob"]}}`, "1 2 4"},
			{`{"name":{"$ne":"ANN"}}`, "3 4 5"},
			{`{"name":{"$gte":"bob"}}`, "4 5"},
			{`{"tags":"x"}`, "1"},
			{`{"name":{"$regex":"^b"}}`, "5"},
		} {
			f.wantIDs("users", store.Find{Filter: f.doc(c.filter), CaseInsensitive: true, Sort: f.doc(`{"_id":1}`)}, c.want)
			n, err := f.store.Count(f.ctx, "users", store.Count{Filter: f.doc(c.filter), CaseInsensitive: true})
			f.mustNot(err)
			if want := len(strings.Fields(c.want)); int(n) != want {
				f.Errorf("%s counts %d, want %d", c.filter, n, want)
			}
		}
		f.wantIDs("users", store.Find{Filter: f.doc(`{"name":"ann"}`)}, "2")
		f.wantIDs("users", store.Find{Sort: f.doc(`{"name":1,"_id":1}`), CaseInsensitive: true}, "1 2 3 4 5")
		f.wantIDs("users", store.Find{Sort: f.doc(`{"name":1}`)}, "1 4 2 5 3")
	}
}

func testFindErrors(f *fixture) {
	f.insert("c", `{"_id":1,"a":1}`)
	for _, filter := range []string{
		`{"$foo":1}`,
		`{"a":{"$foo":1}}`,
		`{"$or":[]}`,
		`{"$and":{"a":1}}`,
		`{"a":{"$in":1}}`,
		`{"a":{"$not":1}}`,
		`{"a":{"$all":1}}`,
		`{"a":{"$size":"x"}}`,
		`{"a":{"$size":-1}}`,
		`{"a":{"$mod":[0,0]}}`,
		`{"a":{"$type":"nothing"}}`,
		`{"a":{"$elemMatch":1}}`,
		`{"a":{"$regex":"("}}`,
		`{"a":{"$regex":"a","$options":"q"}}`,
		`{"a":{"$options":"i"}}`,
	} {
		_, err := f.find("c", store.Find{Filter: f.doc(filter)})
		if err == nil {
			f.Errorf("%s is accepted", filter)
			continue
		}
		f.wantRequestError(err)
		_, err = f.store.Count(f.ctx, "c", store.Count{Filter: f.doc(filter)})
		f.wantRequestError(err)
	}
	_, err := f.find("c", store.Find{Sort: f.doc(`{"a":2}`)})
	f.wantRequestError(err)
	_, err = f.find("c", store.Find{Projection: f.doc(`{"a":1,"b":0}`)})
	f.wantRequestError(err)
}

// sortCases hold sorts with the order of the things that they make; _id comes
// last in each, so that there is one order.
var sortCases = []struct{ name, sort, filter, want string }{
	{"by _id", `{"_id":1}`, ``, "big bigdouble date dates double empty infinity int list long nan negative null oid olddate text true zero"},
	{"by _id, backwards", `{"_id":-1}`, ``, "zero true text olddate oid null negative nan long list int infinity empty double dates date bigdouble big"},
	{"types and numbers", `{"n":1,"_id":1}`, ``, "date dates empty null oid olddate nan negative zero list int long double bigdouble big infinity text true"},
	{"backwards, an array by its greatest", `{"n":-1,"_id":1}`, ``, "true text infinity big bigdouble list double int long zero negative nan date dates empty null oid olddate"},
	{"strings, an array by its least", `{"s":1,"_id":1}`, `{"s":{"$exists":true}}`, "null zero long big true int text negative double bigdouble list infinity nan"},
	{"arrays, the empty one first", `{"a":1,"_id":1}`, `{"a":{"$exists":true}}`, "zero nan null int long double bigdouble negative text big infinity list true"},
	{"a path", `{"d.x":1,"_id":1}`, `{"d":{"$type":["object","array"]}}`, "list nan zero double int long negative true infinity big"},
	{"two keys", `{"d.y":-1,"s":1,"_id":1}`, `{"d.y":{"$exists":true}}`, "list long int"},
	{"dates", `{"t":1,"_id":1}`, `{"t":{"$exists":true}}`, "null olddate dates date"},
	{"dates, backwards", `{"t":-1,"_id":1}`, `{"t":{"$exists":true}}`, "dates date olddate null"},
}

func testSort(f *fixture) {
	f.insert("things", things...)
	f.insert("indexed", things...)
	f.index("indexed", thingIndexes...)
	for _, c := range sortCases {
		f.run(c.name, func(f *fixture) {
			for _, collection := range []string{"things", "indexed"} {
				q := store.Find{Filter: f.doc(c.filter), Sort: f.doc(c.sort)}
				f.wantIDs(collection, q, c.want)
				want := strings.Fields(c.want)
				q.Skip, q.Limit = 1, 2
				f.wantIDs(collection, q, strings.Join(want[1:min(3, len(want))], " "))
			}
		})
	}
	f.run("side by side arrays", func(f *fixture) {
		f.insert("parallel", `{"_id":1,"a":[1,2],"b":[1,2]}`)
		_, err := f.find("parallel", store.Find{Sort: f.doc(`{"a":1,"b":1}`)})
		f.wantRequestError(err, 2)
	})
}

func testPage(f *fixture) {
	var docs []string
	for i := range 250 {
		docs = append(docs, fmt.Sprintf(`{"_id":%d,"k":%d,"g":%d}`, i, 249-i, i%2))
	}
	f.insert("c", docs...)
	for _, indexed := range []bool{false, true} {
		if indexed {
			f.index("c", store.Index{Name: "g_k", Keys: f.doc(`{"g":1,"k":1}`)})
		}
		sorted := store.Find{Sort: f.doc(`{"k":1}`)}
		sorted.Limit = 3
		f.wantIDs("c", sorted, "249 248 247")
		sorted.Skip = 2
		f.wantIDs("c", sorted, "247 246 245")
		sorted.Skip = 248
		f.wantIDs("c", sorted, "1 0")
		sorted.Skip = 1000
		f.wantIDs("c", sorted, "")
		f.wantIDs("c", store.Find{Filter: f.doc(`{"g":1}`), Sort: f.doc(`{"k":-1}`), Skip: 1, Limit: 2}, "3 5")
		for _, q := range []store.Find{{Skip: 240}, {Limit: 10}, {Filter: f.doc(`{"g":0}`), Skip: 115}} {
			docs, err := f.find("c", q)
			f.mustNot(err)
			if len(docs) != 10 {
				f.Errorf("%+v finds %d documents, want 10", q, len(docs))
			}
		}
		all, err := f.find("c", store.Find{})
		f.mustNot(err)
		if len(all) != 250 {
			f.Errorf("found %d documents, want 250", len(all))
		}
	}
}

func testProject(f *fixture) {
	f.insert("c", `{"_id":1,"a":1,"b":{"x":1,"y":{"z":2,"w":3}},"c":[{"x":1,"y":2},5,{"y":3},[{"x":4,"y":5}]],"d":null}`)
	for _, c := range []struct{ projection, want string }{
		{``, `{"_id":1,"a":1,"b":{"x":1,"y":{"z":2,"w":3}},"c":[{"x":1,"y":2},5,{"y":3},[{"x":4,"y":5}]],"d":null}`},
		{`{"a":1}`, `{"_id":1,"a":1}`},
		{`{"d":1,"a":true}`, `{"_id":1,"a":1,"d":null}`},
		{`{"a":1,"_id":0}`, `{"a":1}`},
		{`{"_id":1}`, `{"_id":1}`},
		{`{"missing":1}`, `{"_id":1}`},
		{`{"b.y.z":1}`, `{"_id":1,"b":{"y":{"z":2}}}`},
		{`{"b.x":1,"b.y.w":1}`, `{"_id":1,"b":{"x":1,"y":{"w":3}}}`},
		{`{"c.x":1}`, `{"_id":1,"c":[{"x":1},{},[{"x":4}]]}`},
		{`{"a.x":1}`, `{"_id":1}`},
		{`{"b":0,"c":0}`, `{"_id":1,"a":1,"d":null}`},
		{`{"_id":0,"b":0,"c":0}`, `{"a":1,"d":null}`},
		{`{"_id":0}`, `{"a":1,"b":{"x":1,"y":{"z":2,"w":3}},"c":[{"x":1,"y":2},5,{"y":3},[{"x":4,"y":5}]],"d":null}`},
		{`{"b.y":0,"c.y":0}`, `{"_id":1,"a":1,"b":{"x":1},"c":[{"x":1},5,{},[{"x":4}]],"d":null}`},
	} {
		docs, err := f.find("c", store.Find{Projection: f.doc(c.projection)})
		f.mustNot(err)
		if len(docs) != 1 {
			f.Fatalf("found %d documents", len(docs))
		}
		f.wantSame(docs[0], c.want)
	}
}

func testYield(f *fixture) {
	var docs []string
	for i := range 1000 {
		docs = append(docs, fmt.Sprintf(`{"_id":%d}`, i))
	}
	f.insert("c", docs...)
	f.run("an error ends the search and comes back", func(f *fixture) {
		enough := errors.New("enough")
		seen := 0
		err := f.store.Find(f.ctx, "c", store.Find{}, func(bson.Raw) error {
			seen++
			if seen == 3 {
				return enough
			}
			return nil
		})
		if err != enough || seen != 3 {
			f.Errorf("error is %v after %d documents", err, seen)
		}
	})
	f.run("cancelling ends the search", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.ctx)
		defer cancel()
		seen := 0
		err := f.store.Find(ctx, "c", store.Find{}, func(bson.Raw) error {
			seen++
			cancel()
			return nil
		})
		f.wantError(err, context.Canceled)
		if seen == 1000 {
			f.Error("all documents came after the context was cancelled")
		}
	})
}

func testCount(f *fixture) {
	f.insert("things", things...)
	for _, c := range []struct {
		filter string
		limit  int64
		want   int64
	}{
		{``, 0, int64(len(things))},
		{`{}`, 5, 5},
		{`{"n":{"$exists":true}}`, 0, 13},
		{`{"n":{"$exists":true}}`, 4, 4},
		{`{"n":{"$exists":true}}`, 100, 13},
		{`{"n":"nothing"}`, 0, 0},
	} {
		n, err := f.store.Count(f.ctx, "things", store.Count{Filter: f.doc(c.filter), Limit: c.limit})
		f.mustNot(err)
		if n != c.want {
			f.Errorf("%s with limit %d counts %d, want %d", c.filter, c.limit, n, c.want)
		}
	}
	n, err := f.store.Count(f.ctx, "nothing", store.Count{})
	f.mustNot(err)
	if n != 0 {
		f.Errorf("a collection that is not there counts %d", n)
	}
}

func testDistinct(f *fixture) {
	f.insert("c",
		`{"_id":1,"a":1,"d":{"x":"p"}}`,
		`{"_id":2,"a":1.0,"d":{"x":"q"}}`,
		`{"_id":3,"a":[1,2,[3]],"d":[{"x":"q"},{"x":["r","s"]},{"y":1},5]}`,
		`{"_id":4,"a":null}`,
		`{"_id":5}`,
		`{"_id":6,"a":"1"}`,
		`{"_id":7,"a":[]}`)
	for _, c := range []struct {
		path, filter string
		want         []string
	}{
		{"a", ``, []string{"1", "2", `"1"`, `[{"$numberInt":"3"}]`, "null"}},
		{"a", `{"_id":{"$lte":2}}`, []string{"1"}},
		{"d.x", ``, []string{`"p"`, `"q"`, `"r"`, `"s"`}},
		{"d.0.x", ``, []string{`"q"`}},
		{"missing", ``, nil},
		{"_id", `{"_id":{"$gt":5}}`, []string{"6", "7"}},
	} {
		values, err := f.store.Distinct(f.ctx, "c", c.path, f.doc(c.filter))
		f.mustNot(err)
		var got []string
		for _, v := range values {
			// Equal numbers are one value, of whichever type.
			text := v.String()
			if n, ok := v.AsInt64OK(); ok {
				text = fmt.Sprint(n)
			}
			got = append(got, text)
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			f.Errorf("distinct %s of %s: %v, want %v", c.path, c.filter, got, c.want)
		}
	}
	values, err := f.store.Distinct(f.ctx, "nothing", "a", nil)
	f.mustNot(err)
	if len(values) != 0 {
		f.Errorf("a collection that is not there has %v", values)
	}
}
