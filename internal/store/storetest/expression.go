package storetest

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// ExpressionCase is an aggregation expression with its value for a document, in
// extended JSON. Want is "" for a missing value; if there are Codes, the
// expression is an error with one of them.
type ExpressionCase struct {
	Expression, Document, Want string
	Codes                      []int32
}

// ExpressionCases are what MongoDB's expressions come to.
func ExpressionCases() []ExpressionCase {
	return slices.Concat(pathCases, logicCases, arithmeticCases, scopeCases, textCases, typeCases,
		arrayCases, objectCases, dateCases)
}

var pathCases = []ExpressionCase{
	{Expression: `"$a"`, Document: `{"a":1}`, Want: `1`},
	{Expression: `"$a"`, Document: `{}`, Want: ``},
	{Expression: `"$a.b"`, Document: `{"a":{"b":2}}`, Want: `2`},
	{Expression: `"$a.b"`, Document: `{"a":1}`, Want: ``},
	{Expression: `"$a.b"`, Document: `{"a":[{"b":1},{"c":2},3,[{"b":4}],{"b":[5]}]}`, Want: `[1,[5]]`},
	{Expression: `"$a.b.c"`, Document: `{"a":[{"b":[{"c":1},{"c":2}]},{"b":{"c":3}},{"b":4}]}`, Want: `[[1,2],3]`},
	{Expression: `"$a.0"`, Document: `{"a":[1,2]}`, Want: `[]`},
	{Expression: `"$a.0"`, Document: `{"a":{"0":7}}`, Want: `7`},
	{Expression: `"$$ROOT.a"`, Document: `{"a":1}`, Want: `1`},
	{Expression: `"$$CURRENT.a.b"`, Document: `{"a":{"b":1}}`, Want: `1`},
	{Expression: `{"$eq":["$$ROOT.x",{"$literal":"$a"}]}`, Document: `{"x":"$a"}`, Want: `true`},
	{Expression: `"$$REMOVE"`, Document: `{}`, Want: ``},
	{Expression: `{"$type":"$$NOW"}`, Document: `{}`, Want: `"date"`},
	{Expression: `{"a":"$x","b":{"c":["$y","$z"]}}`, Document: `{"y":1}`, Want: `{"b":{"c":[1,null]}}`},
	{Expression: `{"$literal":{"$add":[1,2]}}`, Document: `{}`, Want: `{"$add":[1,2]}`},
	{Expression: `"a"`, Document: `{"a":1}`, Want: `"a"`},
	{Expression: `"$"`, Document: `{}`, Codes: []int32{16872}},
	{Expression: `"$a."`, Document: `{}`, Codes: []int32{40353}},
	{Expression: `"$a..b"`, Document: `{}`, Codes: []int32{15998}},
	{Expression: `"$a.$b"`, Document: `{}`, Codes: []int32{16410}},
	{Expression: `"$$x"`, Document: `{}`, Codes: []int32{17276}},
	{Expression: `{"a":1,"$add":[1]}`, Document: `{}`, Codes: []int32{16410}},
	{Expression: `{"$add":[1],"a":1}`, Document: `{}`, Codes: []int32{15983}},
	{Expression: `{"a.b":1}`, Document: `{}`, Codes: []int32{16412}},
	{Expression: `{"$nope":1}`, Document: `{}`, Codes: []int32{168}},
}

var logicCases = []ExpressionCase{
	{Expression: `{"$eq":["$a",1]}`, Document: `{"a":{"$numberLong":"1"}}`, Want: `true`},
	{Expression: `{"$eq":["$a",null]}`, Document: `{}`, Want: `false`},
	{Expression: `{"$lt":["$a",null]}`, Document: `{}`, Want: `true`},
	{Expression: `{"$gt":["$a",5]}`, Document: `{"a":"x"}`, Want: `true`},
	{Expression: `{"$gte":["$a",[1,2]]}`, Document: `{"a":[1,2]}`, Want: `true`},
	{Expression: `{"$ne":["$a","$b"]}`, Document: `{"a":1,"b":2}`, Want: `true`},
	{Expression: `{"$cmp":["$a","$b"]}`, Document: `{"a":1,"b":2}`, Want: `-1`},
	{Expression: `{"$cmp":["$a"]}`, Document: `{}`, Codes: []int32{16020}},
	{Expression: `{"$and":["$a","$b"]}`, Document: `{"a":1,"b":"x"}`, Want: `true`},
	{Expression: `{"$and":["$a","$b"]}`, Document: `{"a":1,"b":0}`, Want: `false`},
	{Expression: `{"$and":[]}`, Document: `{}`, Want: `true`},
	{Expression: `{"$or":["$a","$b"]}`, Document: `{"a":null,"b":[]}`, Want: `true`},
	{Expression: `{"$or":[]}`, Document: `{}`, Want: `false`},
	{Expression: `{"$not":["$a"]}`, Document: `{}`, Want: `true`},
	{Expression: `{"$not":"$a"}`, Document: `{"a":{}}`, Want: `false`},
	{Expression: `{"$cond":["$a","yes","no"]}`, Document: `{"a":1}`, Want: `"yes"`},
	{Expression: `{"$cond":{"if":{"$gt":["$a",1]},"then":"$b","else":"$c"}}`, Document: `{"a":1,"b":2,"c":3}`, Want: `3`},
	{Expression: `{"$cond":{"if":1,"then":2}}`, Document: `{}`, Codes: []int32{17082}},
	{Expression: `{"$cond":{"if":1,"then":2,"else":3,"x":4}}`, Document: `{}`, Codes: []int32{17083}},
	{Expression: `{"$cond":[1,2]}`, Document: `{}`, Codes: []int32{16020}},
	{Expression: `{"$ifNull":["$a","$b",3]}`, Document: `{"a":null}`, Want: `3`},
	{Expression: `{"$ifNull":["$a","$b"]}`, Document: `{}`, Want: ``},
	{Expression: `{"$ifNull":["$a"]}`, Document: `{}`, Codes: []int32{1257300}},
	{Expression: `{"$switch":{"branches":[{"case":{"$lt":["$a",0]},"then":"neg"},{"case":{"$gt":["$a",0]},"then":"pos"}],"default":"zero"}}`, Document: `{"a":0}`, Want: `"zero"`},
	{Expression: `{"$switch":{"branches":[{"case":"$a","then":1}]}}`, Document: `{"a":false}`, Codes: []int32{40066}},
	{Expression: `{"$switch":{"branches":[]}}`, Document: `{}`, Codes: []int32{40068}},
}

var arithmeticCases = []ExpressionCase{
	{Expression: `{"$add":["$a",1,2]}`, Document: `{"a":1}`, Want: `4`},
	{Expression: `{"$add":["$a",1.5]}`, Document: `{"a":1}`, Want: `2.5`},
	{Expression: `{"$add":["$a",1]}`, Document: `{"a":2147483647}`, Want: `{"$numberLong":"2147483648"}`},
	{Expression: `{"$add":["$a",1]}`, Document: `{"a":{"$numberLong":"1"}}`, Want: `{"$numberLong":"2"}`},
	{Expression: `{"$add":["$a",1]}`, Document: `{"a":{"$numberLong":"9223372036854775807"}}`, Want: `9.2233720368547758e18`},
	{Expression: `{"$add":["$a",{"$numberDecimal":"2.20"}]}`, Document: `{"a":{"$numberDecimal":"1.10"}}`, Want: `{"$numberDecimal":"3.30"}`},
	{Expression: `{"$add":["$a",null]}`, Document: `{"a":1}`, Want: `null`},
	{Expression: `{"$add":[]}`, Document: `{}`, Want: `0`},
	{Expression: `{"$add":["$a",1000]}`, Document: `{"a":{"$date":"2024-01-01T00:00:00Z"}}`, Want: `{"$date":"2024-01-01T00:00:01Z"}`},
	{Expression: `{"$add":["$a","x"]}`, Document: `{"a":1}`, Codes: []int32{16554, 14}},
	{Expression: `{"$add":["$a","$a"]}`, Document: `{"a":{"$date":"2024-01-01T00:00:00Z"}}`, Codes: []int32{16612}},
	{Expression: `{"$subtract":["$a",3]}`, Document: `{"a":1}`, Want: `-2`},
	{Expression: `{"$subtract":["$a","$b"]}`, Document: `{"a":{"$date":"2024-01-01T00:00:01Z"},"b":{"$date":"2024-01-01T00:00:00Z"}}`, Want: `{"$numberLong":"1000"}`},
	{Expression: `{"$subtract":["$a",1000]}`, Document: `{"a":{"$date":"2024-01-01T00:00:01Z"}}`, Want: `{"$date":"2024-01-01T00:00:00Z"}`},
	{Expression: `{"$subtract":[1,"$a"]}`, Document: `{"a":{"$date":"2024-01-01T00:00:01Z"}}`, Codes: []int32{16556, 14}},
	{Expression: `{"$multiply":["$a",2,3]}`, Document: `{"a":2}`, Want: `12`},
	{Expression: `{"$multiply":["$a","$a"]}`, Document: `{"a":100000}`, Want: `{"$numberLong":"10000000000"}`},
	{Expression: `{"$multiply":["$a","x"]}`, Document: `{"a":2}`, Codes: []int32{16555, 14}},
	{Expression: `{"$divide":["$a",2]}`, Document: `{"a":4}`, Want: `2.0`},
	{Expression: `{"$divide":["$a",{"$numberDecimal":"3"}]}`, Document: `{"a":1}`, Want: `{"$numberDecimal":"0.3333333333333333333333333333333333"}`},
	{Expression: `{"$divide":["$a",{"$numberDecimal":"2"}]}`, Document: `{"a":10}`, Want: `{"$numberDecimal":"5"}`},
	{Expression: `{"$divide":["$a",0]}`, Document: `{"a":4}`, Codes: []int32{16608, 2}},
	{Expression: `{"$divide":["$a","x"]}`, Document: `{"a":4}`, Codes: []int32{16609, 14}},
	{Expression: `{"$mod":["$a",3]}`, Document: `{"a":-7}`, Want: `-1`},
	{Expression: `{"$mod":["$a",2.5]}`, Document: `{"a":7}`, Want: `2.0`},
	{Expression: `{"$mod":["$a",3.0]}`, Document: `{"a":7}`, Want: `1`},
	{Expression: `{"$mod":["$a",{"$numberDecimal":"2.5"}]}`, Document: `{"a":7}`, Want: `{"$numberDecimal":"2.0"}`},
	{Expression: `{"$mod":["$a",0]}`, Document: `{"a":7}`, Codes: []int32{16610, 2}},
	{Expression: `{"$abs":"$a"}`, Document: `{"a":-5}`, Want: `5`},
	{Expression: `{"$abs":"$a"}`, Document: `{"a":{"$numberInt":"-2147483648"}}`, Want: `{"$numberLong":"2147483648"}`},
	{Expression: `{"$abs":"$a"}`, Document: `{"a":{"$numberDecimal":"-1.5"}}`, Want: `{"$numberDecimal":"1.5"}`},
	{Expression: `{"$abs":"$a"}`, Document: `{"a":"x"}`, Codes: []int32{28765}},
	{Expression: `{"$ceil":"$a"}`, Document: `{"a":1.2}`, Want: `2.0`},
	{Expression: `{"$floor":"$a"}`, Document: `{"a":-1.2}`, Want: `-2.0`},
	{Expression: `{"$floor":"$a"}`, Document: `{"a":7}`, Want: `7`},
	{Expression: `{"$round":"$a"}`, Document: `{"a":2.5}`, Want: `2.0`},
	{Expression: `{"$round":["$a",1]}`, Document: `{"a":1.25}`, Want: `1.2`},
	{Expression: `{"$round":["$a",2]}`, Document: `{"a":1.005}`, Want: `1.0`},
	{Expression: `{"$round":["$a",-1]}`, Document: `{"a":19}`, Want: `20`},
	{Expression: `{"$round":["$a",1]}`, Document: `{"a":{"$numberDecimal":"1.25"}}`, Want: `{"$numberDecimal":"1.2"}`},
	{Expression: `{"$trunc":["$a",1]}`, Document: `{"a":-1.29}`, Want: `-1.2`},
	{Expression: `{"$trunc":["$a",101]}`, Document: `{"a":1}`, Codes: []int32{51083}},
	{Expression: `{"$sqrt":"$a"}`, Document: `{"a":16}`, Want: `4.0`},
	{Expression: `{"$sqrt":"$a"}`, Document: `{"a":{"$numberDecimal":"4"}}`, Want: `{"$numberDecimal":"2"}`},
	{Expression: `{"$sqrt":"$a"}`, Document: `{"a":-1}`, Codes: []int32{28714}},
	{Expression: `{"$pow":["$a",3]}`, Document: `{"a":2}`, Want: `8`},
	{Expression: `{"$pow":["$a",40]}`, Document: `{"a":2}`, Want: `{"$numberLong":"1099511627776"}`},
	{Expression: `{"$pow":["$a",-1]}`, Document: `{"a":2}`, Want: `0.5`},
	{Expression: `{"$pow":["$a",100]}`, Document: `{"a":2}`, Want: `1.2676506002282294e30`},
	{Expression: `{"$pow":["$a",-1]}`, Document: `{"a":0}`, Codes: []int32{28764}},
	{Expression: `{"$exp":"$a"}`, Document: `{"a":0}`, Want: `1.0`},
	{Expression: `{"$ln":"$a"}`, Document: `{"a":1}`, Want: `0.0`},
	{Expression: `{"$ln":"$a"}`, Document: `{"a":0}`, Codes: []int32{28766}},
	{Expression: `{"$log10":"$a"}`, Document: `{"a":1000}`, Want: `3.0`},
	{Expression: `{"$log":["$a",2]}`, Document: `{"a":8}`, Want: `3.0`},
	{Expression: `{"$log":["$a",1]}`, Document: `{"a":8}`, Codes: []int32{28759}},
	{Expression: `{"$bitAnd":["$a",6]}`, Document: `{"a":12}`, Want: `4`},
	{Expression: `{"$bitOr":["$a",{"$numberLong":"1"}]}`, Document: `{"a":4}`, Want: `{"$numberLong":"5"}`},
	{Expression: `{"$bitXor":["$a",1]}`, Document: `{"a":5}`, Want: `4`},
	{Expression: `{"$bitNot":"$a"}`, Document: `{"a":5}`, Want: `-6`},
	{Expression: `{"$bitAnd":["$a",1.5]}`, Document: `{"a":5}`, Codes: []int32{14}},
}

var scopeCases = []ExpressionCase{
	{Expression: `{"$let":{"vars":{"x":"$a","y":2},"in":{"$add":["$$x","$$y"]}}}`, Document: `{"a":1}`, Want: `3`},
	{Expression: `{"$let":{"vars":{"x":1},"in":{"$let":{"vars":{"x":2,"y":"$$x"},"in":["$$x","$$y"]}}}}`, Document: `{}`, Want: `[2,1]`},
	{Expression: `{"$let":{"vars":{"CURRENT":"$a"},"in":"$b"}}`, Document: `{"a":{"b":1}}`, Want: `1`},
	{Expression: `{"$let":{"vars":{"X":1},"in":"$$X"}}`, Document: `{}`, Codes: []int32{9}},
	{Expression: `{"$let":{"vars":{"x":1}}}`, Document: `{}`, Codes: []int32{16877}},
	{Expression: `{"$map":{"input":"$a","as":"x","in":{"$multiply":["$$x",2]}}}`, Document: `{"a":[1,2,3]}`, Want: `[2,4,6]`},
	{Expression: `{"$map":{"input":"$a","in":"$$this.b"}}`, Document: `{"a":[{"b":1},{}]}`, Want: `[1,null]`},
	{Expression: `{"$map":{"input":"$a","in":{"$map":{"input":"$$this","as":"y","in":["$$y",{"$size":"$$this"}]}}}}`, Document: `{"a":[[1],[2,3]]}`, Want: `[[[1,1]],[[2,2],[3,2]]]`},
	{Expression: `{"$map":{"input":"$a","in":1}}`, Document: `{}`, Want: `null`},
	{Expression: `{"$map":{"input":"$a","in":1}}`, Document: `{"a":5}`, Codes: []int32{16883}},
	{Expression: `{"$filter":{"input":"$a","cond":{"$gt":["$$this",1]}}}`, Document: `{"a":[1,2,3]}`, Want: `[2,3]`},
	{Expression: `{"$filter":{"input":"$a","as":"x","cond":{"$gt":["$$x",0]},"limit":2}}`, Document: `{"a":[1,2,3]}`, Want: `[1,2]`},
	{Expression: `{"$filter":{"input":"$a","cond":true}}`, Document: `{"a":"x"}`, Codes: []int32{28651}},
	{Expression: `{"$filter":{"input":"$a","cond":true,"limit":0}}`, Document: `{"a":[]}`, Codes: []int32{327392}},
	{Expression: `{"$reduce":{"input":"$a","initialValue":0,"in":{"$add":["$$value","$$this"]}}}`, Document: `{"a":[1,2,3]}`, Want: `6`},
	{Expression: `{"$reduce":{"input":"$a","initialValue":[],"in":{"$concatArrays":[["$$this"],"$$value"]}}}`, Document: `{"a":[1,2,3]}`, Want: `[3,2,1]`},
	{Expression: `{"$reduce":{"input":"$a","initialValue":0,"in":1}}`, Document: `{"a":1}`, Codes: []int32{40080}},
}

// testExpressions runs every case as an $expr: the value, and what its type is
// called, must be as told.
func testExpressions(f *fixture) {
	for i, c := range ExpressionCases() {
		collection := fmt.Sprintf("c%d", i)
		doc := append(bson.D{{Key: "_id", Value: int32(1)}}, f.doc(c.Document)...)
		raw, err := bson.Marshal(doc)
		f.mustNot(err)
		f.mustNot(f.store.Insert(f.ctx, collection, raw))
		expression := f.doc(`{"v":` + c.Expression + `}`)[0].Value
		conditions := bson.A{bson.D{{Key: "$eq", Value: bson.A{bson.D{{Key: "$type", Value: expression}}, "missing"}}}}
		if c.Want != "" {
			want := f.raw(`{"v":` + c.Want + `}`).Lookup("v")
			literal := bson.D{{Key: "$literal", Value: want}}
			conditions = bson.A{
				bson.D{{Key: "$eq", Value: bson.A{expression, literal}}},
				bson.D{{Key: "$eq", Value: bson.A{bson.D{{Key: "$type", Value: expression}}, bson.D{{Key: "$type", Value: literal}}}}},
			}
		}
		filter := bson.D{{Key: "$expr", Value: bson.D{{Key: "$and", Value: conditions}}}}
		docs, err := f.find(collection, store.Find{Filter: filter})
		switch {
		case len(c.Codes) > 0:
			f.wantRequestError(err, c.Codes...)
			if f.Failed() {
				f.Fatalf("in %s", c.Expression)
			}
		case err != nil:
			f.Errorf("%s: %v", c.Expression, err)
		case len(docs) != 1:
			f.Errorf("%s of %s is not %s", c.Expression, c.Document, c.Want)
		}
	}
}

// testExpr holds filters to where $expr may be in them.
func testExpr(f *fixture) {
	f.insert("c", `{"_id":1,"a":1,"b":2}`, `{"_id":2,"a":2,"b":1}`, `{"_id":3,"a":3}`, `{"_id":4,"a":"x","b":"x"}`)
	f.index("c", store.Index{Name: "a", Keys: f.doc(`{"a":1}`)})
	for _, c := range []struct{ filter, want string }{
		{`{"$expr":{"$gt":["$a","$b"]}}`, "2 3"},
		{`{"$expr":{"$lt":["$a","$b"]},"_id":1}`, "1"},
		{`{"a":{"$gte":2},"$expr":{"$lt":["$b","$a"]}}`, "2 3"},
		{`{"$or":[{"$expr":{"$eq":["$a","$b"]}},{"_id":3}]}`, "3 4"},
		{`{"$nor":[{"$expr":{"$gt":["$a","$b"]}}]}`, "1 4"},
		{`{"$expr":true}`, "1 2 3 4"},
		{`{"$expr":"$missing"}`, ""},
	} {
		f.wantIDs("c", store.Find{Filter: f.doc(c.filter), Sort: f.doc(`{"_id":1}`)}, c.want)
	}
	n, err := f.store.Count(f.ctx, "c", store.Count{Filter: f.doc(`{"$expr":{"$gt":["$a","$b"]}}`)})
	f.mustNot(err)
	if n != 2 {
		f.Errorf("counted %d, want 2", n)
	}
	f.update("c", `{"$expr":{"$eq":["$a","$b"]}}`, `{"$set":{"same":true}}`)
	f.wantDoc("c", int32(4), `{"_id":4,"a":"x","b":"x","same":true}`)

	for _, c := range []struct {
		filter string
		codes  []int32
	}{
		{`{"a":{"$elemMatch":{"$expr":true}}}`, []int32{2}},
		{`{"a":{"$expr":true}}`, []int32{2}},
		{`{"$expr":{"$nope":1}}`, []int32{168}},
		{`{"$expr":{"$add":["$a",1]}}`, []int32{16554, 14}},
		{`{"_id":4,"$expr":{"$add":["$a",1]}}`, []int32{16554, 14}},
		{`{"$nor":[{"$expr":{"$add":["$a",1]}}]}`, []int32{16554, 14}},
	} {
		_, err := f.find("c", store.Find{Filter: f.doc(c.filter)})
		f.wantRequestError(err, c.codes...)
	}
	_, err = f.store.Update(f.ctx, "c", store.Update{
		Filter: f.doc(`{"$expr":{"$eq":["$a",9]}}`), Change: f.doc(`{"$set":{"a":9}}`), Upsert: true,
	})
	f.wantRequestError(err, 224)
}
