package match

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// updateCases hold updates with what they make of a document; no want means that
// the update makes no difference.
var updateCases = []struct{ name, doc, update, want string }{
	{"$set", `{"a":1}`, `{"$set":{"a":2,"b":"x"}}`, `{"a":2,"b":"x"}`},
	{"$set of the same value", `{"a":1}`, `{"$set":{"a":1}}`, ``},
	{"$set of an equal value of another type", `{"a":1}`, `{"$set":{"a":1.0}}`, `{"a":1.0}`},
	{"fields are added in lexicographic order", `{"z":1}`, `{"$inc":{"c":1},"$set":{"b":1,"a":1}}`, `{"z":1,"a":1,"b":1,"c":1}`},
	{"$set below", `{"a":{"b":1,"c":2}}`, `{"$set":{"a.b":5}}`, `{"a":{"b":5,"c":2}}`},
	{"$set makes documents on its way", `{}`, `{"$set":{"a.b.c":1}}`, `{"a":{"b":{"c":1}}}`},
	{"$set of an array's element", `{"a":[1,2]}`, `{"$set":{"a.1":5}}`, `{"a":[1,5]}`},
	{"$set beyond an array's end fills with null", `{"a":[1]}`, `{"$set":{"a.3":5}}`, `{"a":[1,null,null,5]}`},
	{"$set of an index where there is nothing makes a document", `{}`, `{"$set":{"a.0":5}}`, `{"a":{"0":5}}`},
	{"$set in a document in an array", `{"a":[{"b":1}]}`, `{"$set":{"a.0.b":2,"a.0.c":3}}`, `{"a":[{"b":2,"c":3}]}`},
	{"$set replaces a document", `{"a":{"b":1}}`, `{"$set":{"a":[1]}}`, `{"a":[1]}`},
	{"$set of the same _id", `{"_id":1}`, `{"$set":{"_id":1,"a":2}}`, `{"_id":1,"a":2}`},
	{"indexes go by number", `{"a":[]}`, `{"$set":{"a.10":10,"a.2":2}}`, `{"a":[null,null,2,null,null,null,null,null,null,null,10]}`},
	{"$setOnInsert is for inserts", `{"a":1}`, `{"$setOnInsert":{"b":1}}`, ``},

	{"$unset", `{"a":1,"b":2}`, `{"$unset":{"a":""}}`, `{"b":2}`},
	{"$unset below", `{"a":{"b":1}}`, `{"$unset":{"a.b":""}}`, `{"a":{}}`},
	{"$unset of what is missing", `{"a":1}`, `{"$unset":{"b":"","a.x":"","c.d":""}}`, ``},
	{"$unset of an element leaves null", `{"a":[1,2,3]}`, `{"$unset":{"a.1":""}}`, `{"a":[1,null,3]}`},

	{"$inc", `{"a":1}`, `{"$inc":{"a":2}}`, `{"a":3}`},
	{"$inc of what is missing", `{}`, `{"$inc":{"a.b":2}}`, `{"a":{"b":2}}`},
	{"$inc with a double", `{"a":1}`, `{"$inc":{"a":0.5}}`, `{"a":1.5}`},
	{"$inc by nothing", `{"a":1}`, `{"$inc":{"a":0}}`, ``},
	{"$inc beyond an int32", `{"a":2147483647}`, `{"$inc":{"a":1}}`, `{"a":2147483648}`},
	{"$inc of a long stays long", `{"a":{"$numberLong":"1"}}`, `{"$inc":{"a":1}}`, `{"a":{"$numberLong":"2"}}`},
	{"$inc of a decimal", `{"a":{"$numberDecimal":"0.1"}}`, `{"$inc":{"a":{"$numberDecimal":"0.2"}}}`, `{"a":{"$numberDecimal":"0.3"}}`},
	{"$mul", `{"a":3}`, `{"$mul":{"a":-2}}`, `{"a":-6}`},
	{"$mul of what is missing", `{}`, `{"$mul":{"a":2.5,"b":3}}`, `{"a":0.0,"b":0}`},
	{"$mul beyond an int32", `{"a":65536}`, `{"$mul":{"a":65536}}`, `{"a":4294967296}`},
	{"$min", `{"a":5}`, `{"$min":{"a":3}}`, `{"a":3}`},
	{"$min of a greater value", `{"a":5}`, `{"$min":{"a":5.5}}`, ``},
	{"$min across types", `{"a":"x"}`, `{"$min":{"a":3}}`, `{"a":3}`},
	{"$max", `{"a":5}`, `{"$max":{"a":7,"b":1}}`, `{"a":7,"b":1}`},
	{"$max of a less value", `{"a":5}`, `{"$max":{"a":5}}`, ``},
	{"$bit", `{"a":13,"b":3,"c":1}`, `{"$bit":{"a":{"and":10},"b":{"or":5},"c":{"xor":5},"d":{"or":2}}}`, `{"a":8,"b":7,"c":4,"d":2}`},

	{"$push", `{"a":[1]}`, `{"$push":{"a":2}}`, `{"a":[1,2]}`},
	{"$push makes an array", `{}`, `{"$push":{"a":{"b":1}}}`, `{"a":[{"b":1}]}`},
	{"$push of an array adds one element", `{"a":[1]}`, `{"$push":{"a":[2,3]}}`, `{"a":[1,[2,3]]}`},
	{"$push $each", `{"a":[1]}`, `{"$push":{"a":{"$each":[2,3]}}}`, `{"a":[1,2,3]}`},
	{"$push $each of nothing", `{"a":[1]}`, `{"$push":{"a":{"$each":[]}}}`, ``},
	{"$push $each of nothing makes an array", `{}`, `{"$push":{"a":{"$each":[]}}}`, `{"a":[]}`},
	{"$push $position", `{"a":[1,2]}`, `{"$push":{"a":{"$each":[8,9],"$position":1}}}`, `{"a":[1,8,9,2]}`},
	{"$push $position from the end", `{"a":[1,2]}`, `{"$push":{"a":{"$each":[9],"$position":-1}}}`, `{"a":[1,9,2]}`},
	{"$push $slice", `{"a":[1,2]}`, `{"$push":{"a":{"$each":[3,4],"$slice":3}}}`, `{"a":[1,2,3]}`},
	{"$push $slice from the end", `{"a":[1,2]}`, `{"$push":{"a":{"$each":[3,4],"$slice":-3}}}`, `{"a":[2,3,4]}`},
	{"$push $slice to nothing", `{"a":[1,2]}`, `{"$push":{"a":{"$each":[3],"$slice":0}}}`, `{"a":[]}`},
	{"$push $sort of values", `{"a":[3,"x"]}`, `{"$push":{"a":{"$each":[1],"$sort":1}}}`, `{"a":[1,3,"x"]}`},
	{"$push $sort by fields, then $slice", `{"a":[{"s":1},{"s":9}]}`, `{"$push":{"a":{"$each":[{"s":5},{"t":1}],"$sort":{"s":-1},"$slice":3}}}`, `{"a":[{"s":9},{"s":5},{"s":1}]}`},
	{"$addToSet", `{"a":[1]}`, `{"$addToSet":{"a":2}}`, `{"a":[1,2]}`},
	{"$addToSet of what is there, as another type of number", `{"a":[1]}`, `{"$addToSet":{"a":1.0}}`, ``},
	{"$addToSet of documents by order of fields", `{"a":[{"x":1,"y":2}]}`, `{"$addToSet":{"a":{"$each":[{"x":1,"y":2},{"y":2,"x":1}]}}}`, `{"a":[{"x":1,"y":2},{"y":2,"x":1}]}`},
	{"$addToSet $each with duplicates", `{}`, `{"$addToSet":{"a":{"$each":[1,2,1]}}}`, `{"a":[1,2]}`},
	{"$addToSet of an array adds one element", `{"a":[]}`, `{"$addToSet":{"a":[1]}}`, `{"a":[[1]]}`},
	{"$pull of a value", `{"a":[1,2,1.0,"1"]}`, `{"$pull":{"a":1}}`, `{"a":[2,"1"]}`},
	{"$pull of nothing", `{"a":[1]}`, `{"$pull":{"a":5,"b":5}}`, ``},
	{"$pull with operators", `{"a":[1,5,9,[7]]}`, `{"$pull":{"a":{"$gt":4}}}`, `{"a":[1]}`},
	{"$pull with a filter on documents", `{"a":[{"x":1,"y":2},{"x":1},7]}`, `{"$pull":{"a":{"x":1,"y":{"$exists":false}}}}`, `{"a":[{"x":1,"y":2},7]}`},
	{"$pull with $or", `{"a":[{"x":1},{"x":2},{"x":3}]}`, `{"$pull":{"a":{"$or":[{"x":1},{"x":3}]}}}`, `{"a":[{"x":2}]}`},
	{"$pull of an array", `{"a":[[1,2],[2,1]]}`, `{"$pull":{"a":[1,2]}}`, `{"a":[[2,1]]}`},
	{"$pull with an expression", `{"a":["ab","cd"]}`, `{"$pull":{"a":{"$regularExpression":{"pattern":"^a","options":""}}}}`, `{"a":["cd"]}`},
	{"$pull with $in", `{"a":[1,2,3]}`, `{"$pull":{"a":{"$in":[1,3]}}}`, `{"a":[2]}`},
	{"$pullAll", `{"a":[1,2,3,1]}`, `{"$pullAll":{"a":[1,3.0]}}`, `{"a":[2]}`},
	{"$pullAll of documents", `{"a":[{"x":1,"y":1},{"x":1}]}`, `{"$pullAll":{"a":[{"x":1}]}}`, `{"a":[{"x":1,"y":1}]}`},
	{"$pop", `{"a":[1,2,3]}`, `{"$pop":{"a":1}}`, `{"a":[1,2]}`},
	{"$pop from the front", `{"a":[1,2,3]}`, `{"$pop":{"a":-1}}`, `{"a":[2,3]}`},
	{"$pop of nothing", `{"a":[]}`, `{"$pop":{"a":1,"b":1}}`, ``},

	{"$rename", `{"a":1,"b":2}`, `{"$rename":{"a":"c"}}`, `{"b":2,"c":1}`},
	{"$rename over another", `{"a":1,"b":2}`, `{"$rename":{"a":"b"}}`, `{"b":1}`},
	{"$rename into a document", `{"a":1}`, `{"$rename":{"a":"x.y"}}`, `{"x":{"y":1}}`},
	{"$rename out of a document", `{"a":{"b":1,"c":2}}`, `{"$rename":{"a.b":"b"}}`, `{"a":{"c":2},"b":1}`},
	{"$rename of what is missing", `{"b":2}`, `{"$rename":{"a":"b"}}`, ``},
	{"many operators", `{"n":1,"l":[1],"d":{"x":1,"y":2}}`, `{"$inc":{"n":1},"$push":{"l":2},"$unset":{"d.x":1},"$set":{"d.z":3}}`, `{"n":2,"l":[1,2],"d":{"y":2,"z":3}}`},
	{"operators without fields", `{"a":1}`, `{"$set":{},"$unset":{}}`, ``},
}

func TestApply(t *testing.T) {
	for _, c := range updateCases {
		t.Run(c.name, func(t *testing.T) {
			u, err := CompileUpdate(document(t, c.update))
			if err != nil {
				t.Fatal(err)
			}
			doc := rawDocument(t, c.doc)
			before := extJSON(t, doc)
			got, changed, err := u.Apply(doc, false)
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			if want == "" {
				want = c.doc
			}
			if extJSON(t, got) != extJSON(t, rawDocument(t, want)) {
				t.Errorf("%s of %s is %s, want %s", c.update, c.doc, extJSON(t, got), want)
			}
			if changed != (c.want != "") {
				t.Errorf("changed is %v", changed)
			}
			if extJSON(t, doc) != before {
				t.Error("the update changed the document it was given")
			}
		})
	}
}

func TestApplyErrors(t *testing.T) {
	for _, c := range []struct {
		doc, update string
		code        int32
	}{
		{`{"a":"x"}`, `{"$inc":{"a":1}}`, 14},
		{`{"a":null}`, `{"$inc":{"a":1}}`, 14},
		{`{"a":"x"}`, `{"$mul":{"a":2}}`, 14},
		{`{"a":{"$numberLong":"9223372036854775807"}}`, `{"$inc":{"a":1}}`, 2},
		{`{"a":{"$numberLong":"-9223372036854775808"}}`, `{"$inc":{"a":-1}}`, 2},
		{`{"a":{"$numberLong":"4611686018427387904"}}`, `{"$mul":{"a":2}}`, 2},
		{`{"a":5}`, `{"$set":{"a.b":1}}`, 28},
		{`{"a":null}`, `{"$inc":{"a.b":1}}`, 28},
		{`{"a":[1]}`, `{"$set":{"a.b":1}}`, 28},
		{`{"a":[1]}`, `{"$set":{"a.0.b":1}}`, 28},
		{`{"a":[]}`, `{"$set":{"a.99999999":1}}`, 34},
		{`{"_id":1}`, `{"$set":{"_id":2}}`, 66},
		{`{"_id":1}`, `{"$unset":{"_id":""}}`, 66},
		{`{"_id":{"a":1}}`, `{"$set":{"_id.a":2}}`, 66},
		{`{"_id":1}`, `{"$rename":{"_id":"x"}}`, 66},
		{`{"a":5}`, `{"$push":{"a":1}}`, 2},
		{`{"a":5}`, `{"$addToSet":{"a":1}}`, 2},
		{`{"a":5}`, `{"$pull":{"a":1}}`, 2},
		{`{"a":5}`, `{"$pullAll":{"a":[1]}}`, 2},
		{`{"a":5}`, `{"$pop":{"a":1}}`, 14},
		{`{"a":"x"}`, `{"$bit":{"a":{"or":1}}}`, 2},
		{`{"a":[{"b":1}]}`, `{"$rename":{"a.0.b":"c"}}`, 2},
		{`{"a":[1],"b":1}`, `{"$rename":{"b":"a.0"}}`, 2},
	} {
		t.Run(c.update+" of "+c.doc, func(t *testing.T) {
			u, err := CompileUpdate(document(t, c.update))
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = u.Apply(rawDocument(t, c.doc), false)
			wantCode(t, err, c.code)
		})
	}
}

func TestCompileUpdateErrors(t *testing.T) {
	for _, c := range []struct {
		update string
		code   int32
	}{
		{`{}`, 9},
		{`{"a":1}`, 9},
		{`{"$foo":{"a":1}}`, 9},
		{`{"$set":1}`, 9},
		{`{"$set":{"a":1},"$inc":{"a":1}}`, 40},
		{`{"$set":{"a":1,"a.b":1}}`, 40},
		{`{"$set":{"a.b":1},"$unset":{"a":1}}`, 40},
		{`{"$rename":{"a":"b"},"$set":{"b":1}}`, 40},
		{`{"$rename":{"a":"b"},"$set":{"a":1}}`, 40},
		{`{"$rename":{"a":"a"}}`, 2},
		{`{"$rename":{"a":1}}`, 2},
		{`{"$set":{"":1}}`, 56},
		{`{"$set":{"a..b":1}}`, 56},
		{`{"$set":{"a.":1}}`, 56},
		{`{"$set":{"$a":1}}`, 52},
		{`{"$set":{"$.b":1}}`, 2},
		{`{"$set":{"$[].b":1}}`, 2},
		{`{"$set":{"a.$x.b":1}}`, 52},
		{`{"$inc":{"a":"x"}}`, 14},
		{`{"$mul":{"a":null}}`, 14},
		{`{"$push":{"a":{"$each":1}}}`, 2},
		{`{"$push":{"a":{"$each":[],"$foo":1}}}`, 2},
		{`{"$push":{"a":{"$each":[],"$slice":"x"}}}`, 2},
		{`{"$push":{"a":{"$each":[],"$position":1.5}}}`, 2},
		{`{"$push":{"a":{"$each":[],"$sort":2}}}`, 2},
		{`{"$push":{"a":{"$each":[],"$sort":{}}}}`, 2},
		{`{"$push":{"a":{"$each":[],"$sort":{"a":"x"}}}}`, 2},
		{`{"$addToSet":{"a":{"$each":1}}}`, 2},
		{`{"$addToSet":{"a":{"$each":[1],"$slice":1}}}`, 2},
		{`{"$pullAll":{"a":1}}`, 2},
		{`{"$pull":{"a":{"$foo":1}}}`, 2},
		{`{"$pop":{"a":2}}`, 9},
		{`{"$bit":{"a":{"nand":1}}}`, 2},
		{`{"$currentDate":{"a":1}}`, 2},
		{`{"$currentDate":{"a":{"$type":"x"}}}`, 2},
	} {
		t.Run(c.update, func(t *testing.T) {
			_, err := CompileUpdate(document(t, c.update))
			wantCode(t, err, c.code)
		})
	}
}

func TestApplyCurrentDate(t *testing.T) {
	u, err := CompileUpdate(document(t, `{"$currentDate":{"a":true,"b":{"$type":"date"},"c":{"$type":"timestamp"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Truncate(time.Millisecond)
	doc, _, err := u.Apply(rawDocument(t, `{"a":"x"}`), false)
	if err != nil {
		t.Fatal(err)
	}
	a := doc.Lookup("a").Time()
	if a.Before(before) || a.After(time.Now()) {
		t.Errorf("a is %v", a)
	}
	if b := doc.Lookup("b").Time(); !b.Equal(a) {
		t.Errorf("b is %v, a is %v", b, a)
	}
	if seconds, _ := doc.Lookup("c").Timestamp(); int64(seconds) != a.Unix() {
		t.Errorf("c is %v, a is %v", seconds, a)
	}
}

func TestApplyBoundsTheDocument(t *testing.T) {
	u, err := CompileUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: strings.Repeat("x", MaxDocumentSize)}}}})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = u.Apply(rawDocument(t, `{}`), false)
	wantCode(t, err, 17419)
}

func TestApplyBoundsSelections(t *testing.T) {
	elements := func(n int, v any) bson.Raw {
		array := make(bson.A, n)
		for i := range array {
			array[i] = v
		}
		doc, err := Encode(bson.D{{Key: "a", Value: array}})
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	var unset bson.D
	for i := range 400 {
		unset = append(unset, bson.E{Key: fmt.Sprintf("a.$[].f%d", i), Value: ""})
	}
	for _, c := range []struct {
		name   string
		doc    bson.Raw
		update bson.D
		code   int32
	}{
		{"long values", elements(20, 1), bson.D{{Key: "$set", Value: bson.D{{Key: "a.$[]", Value: strings.Repeat("x", 1<<20)}}}}, 17419},
		{"many paths", elements(50_000, bson.D{}), bson.D{{Key: "$unset", Value: unset}}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := CompileUpdate(c.update)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = u.Apply(c.doc, false)
			wantCode(t, err, c.code)
		})
	}
}

func TestPosition(t *testing.T) {
	for _, c := range []struct {
		filter, doc string
		want        int
	}{
		{`{"a":2}`, `{"a":[1,2,2]}`, 1},
		{`{"a":2}`, `{"a":2}`, -1},
		{`{"a.b":2}`, `{"a":[{"b":1},3,{"b":[1,2]}]}`, 2},
		{`{"a.b":2}`, `{"a":{"b":[1,2]}}`, 1},
		{`{"a.b":{"$elemMatch":{"c":1}}}`, `{"a":[{"b":[]},{"b":[{"c":0},{"c":1}]}]}`, 1},
		{`{"a":{"$elemMatch":{"$gt":1,"$lt":3}}}`, `{"a":[0,2]}`, 1},
		{`{"a":{"$gt":1,"$lt":9}}`, `{"a":[0,2,20]}`, 0}, // each by another element, the last by the first
		{`{"a":1,"b":{"$in":["y"]}}`, `{"a":[1],"b":["x","y"]}`, 1},
		{`{"b":{"$in":["y"]},"a":1}`, `{"a":[1],"b":["x","y"]}`, 0},
		{`{"$or":[{"a":9},{"b":"y"}]}`, `{"a":[1],"b":["x","y"]}`, 1},
		{`{"$and":[{"a":1},{"c":null}]}`, `{"a":[0,1]}`, 1},
		{`{"a":{"$ne":5}}`, `{"a":[1]}`, -1},
		{`{"$nor":[{"a":5}]}`, `{"a":[1]}`, -1},
		{`{"a":[1,2]}`, `{"a":[1,2]}`, -1},
		{`{"a":{"$size":1}}`, `{"a":[1]}`, -1},
	} {
		t.Run(c.filter+" of "+c.doc, func(t *testing.T) {
			m, err := Compile(document(t, c.filter))
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Position(rawDocument(t, c.doc)); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestUpsertDocument(t *testing.T) {
	for _, c := range []struct{ name, filter, update, want string }{
		{"equalities", `{"_id":1,"a":2,"b":{"$eq":3},"c":{"$gt":4},"d":{"$in":[5]},"e":{"$in":[5,6]},"f":{"$all":[7]}}`, `{"$set":{"z":1}}`, `{"_id":1,"a":2,"b":3,"d":5,"f":7,"z":1}`},
		{"$and and single $or", `{"$and":[{"_id":1},{"a":2}],"$or":[{"b":3}],"$nor":[{"c":1}]}`, `{"$set":{"z":1}}`, `{"_id":1,"a":2,"b":3,"z":1}`},
		{"$or of two", `{"_id":1,"$or":[{"b":3},{"b":4}]}`, `{"$set":{"z":1}}`, `{"_id":1,"z":1}`},
		{"dotted paths", `{"_id":1,"a.b":2,"a.c":3}`, `{"$set":{"a.d":4}}`, `{"_id":1,"a":{"b":2,"c":3,"d":4}}`},
		{"the update wins", `{"_id":1,"a":2}`, `{"$set":{"a":3},"$inc":{"n":1}}`, `{"_id":1,"a":3,"n":1}`},
		{"$inc of an equality", `{"_id":1,"a":2}`, `{"$inc":{"a":3}}`, `{"_id":1,"a":5}`},
		{"$setOnInsert", `{"_id":1}`, `{"$setOnInsert":{"a":1},"$set":{"b":2}}`, `{"_id":1,"a":1,"b":2}`},
		{"_id of the update comes first", `{"a":1}`, `{"$setOnInsert":{"_id":9}}`, `{"_id":9,"a":1}`},
		{"null", `{"_id":1,"a":null}`, `{"$set":{"z":1}}`, `{"_id":1,"a":null,"z":1}`},
		{"expressions are no equalities", `{"_id":1,"a":{"$regularExpression":{"pattern":"x","options":""}}}`, `{"$set":{"z":1}}`, `{"_id":1,"z":1}`},
		{"$exists is no equality", `{"_id":1,"a":{"$exists":false}}`, `{"$set":{"a":1}}`, `{"_id":1,"a":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := CompileUpdate(document(t, c.update))
			if err != nil {
				t.Fatal(err)
			}
			got, err := UpsertDocument(document(t, c.filter), u)
			if err != nil {
				t.Fatal(err)
			}
			if extJSON(t, got) != extJSON(t, rawDocument(t, c.want)) {
				t.Errorf("got %s, want %s", extJSON(t, got), c.want)
			}
		})
	}

	u, err := CompileUpdate(document(t, `{"$set":{"a":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := UpsertDocument(nil, u)
	if err != nil {
		t.Fatal(err)
	}
	if kind := doc.Lookup("_id").Type; kind != bson.TypeObjectID {
		t.Errorf("the _id made is a %v", kind)
	}
	for filter, code := range map[string]int32{
		`{"b":1,"$and":[{"b":1}]}`: 54,
		`{"b":1,"b.c":1}`:          54,
		`{"_id":[1]}`:              53,
	} {
		_, err := UpsertDocument(document(t, filter), u)
		wantCode(t, err, code)
	}
	id, err := CompileUpdate(document(t, `{"$set":{"_id":2}}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = UpsertDocument(document(t, `{"_id":1}`), id)
	wantCode(t, err, 66)
}

// FuzzApply applies updates to documents, all of arbitrary bytes, with array
// filters and a query: what comes out is well formed, and changed tells whether
// it differs.
func FuzzApply(f *testing.F) {
	none := []byte(rawDocument(f, `{}`))
	for _, c := range updateCases {
		f.Add([]byte(rawDocument(f, c.doc)), []byte(rawDocument(f, c.update)), none)
	}
	for _, c := range [][3]string{
		{`{"a":[{"k":1,"b":[1]},{"k":2,"b":[1]}]}`, `{"$set":{"a.$[].x":1,"a.$[e].y":2,"a.$[].b.$[]":3}}`, `{"f":[{"e.k":2}]}`},
		{`{"a":[{"k":1},{"k":2}]}`, `{"$inc":{"a.$.n":1,"a.0.m":1}}`, `{"q":{"a.k":1}}`},
		{`{"a":[[1],[2]]}`, `{"$push":{"a.$.$[x]":1}}`, `{"q":{"$or":[{"a":[1]},{"a.0":[2]}]},"f":[{"x":{"$in":[1]}}]}`},
	} {
		f.Add([]byte(rawDocument(f, c[0])), []byte(rawDocument(f, c[1])), []byte(rawDocument(f, c[2])))
	}
	f.Fuzz(func(t *testing.T, doc, update, options []byte) {
		var d bson.D
		var given struct {
			Query   bson.D   `bson:"q"`
			Filters []bson.D `bson:"f"`
		}
		if bson.Raw(doc).Validate() != nil || bson.Unmarshal(update, &d) != nil || bson.Unmarshal(options, &given) != nil {
			return
		}
		query, err := Compile(given.Query)
		if err != nil {
			return
		}
		u, err := UpdateOptions{ArrayFilters: given.Filters, Query: query}.Compile(d)
		if err != nil {
			return
		}
		got, changed, err := u.Apply(doc, false)
		if err != nil {
			return
		}
		if err := got.Validate(); err != nil {
			t.Fatalf("malformed result %x: %v", []byte(got), err)
		}
		if changed == (string(got) == string(doc)) {
			t.Fatalf("changed is %v for %x and %x", changed, doc, []byte(got))
		}
	})
}

func BenchmarkApply(b *testing.B) {
	doc := benchmarkDocument(b)
	for _, c := range []struct{ name, update string }{
		{"set and increment", `{"$set":{"_updated_at":{"$date":"2025-01-01T00:00:00Z"},"title":"x"},"$inc":{"score":1}}`},
		{"push", `{"$push":{"tags":{"$each":["t4"]}}}`},
		{"nested", `{"$set":{"nested.a":2}}`},
	} {
		u, err := CompileUpdate(document(b, c.update))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, changed, err := u.Apply(doc, false); err != nil || !changed {
					b.Fatal(changed, err)
				}
			}
		})
	}
}
