package match

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// filterCases hold, for filters, documents that satisfy them and documents that
// do not.
var filterCases = []struct {
	name, filter string
	yes, no      []string
}{
	// Query for null or missing fields (MongoDB manual).
	{"equality of null", `{"a":null}`, []string{`{"a":null}`, `{}`, `{"a":[1,null]}`}, []string{`{"a":0}`, `{"a":[]}`, `{"a":false}`}},
	{"equality of null below a scalar", `{"a.b":null}`, []string{`{"a":5}`, `{}`, `{"a":{}}`, `{"a":[{"b":1},{}]}`}, []string{`{"a":[1,2]}`, `{"a":[]}`, `{"a":{"b":1}}`}},
	{"inequality of null", `{"a":{"$ne":null}}`, []string{`{"a":0}`, `{"a":[]}`}, []string{`{"a":null}`, `{}`, `{"a":[null]}`}},
	{"no more than null", `{"a":{"$lte":null}}`, []string{`{"a":null}`, `{}`}, []string{`{"a":0}`}},
	{"less than null", `{"a":{"$lt":null}}`, nil, []string{`{"a":null}`, `{}`, `{"a":0}`}},
	{"$exists true", `{"a":{"$exists":true}}`, []string{`{"a":null}`, `{"a":[]}`}, []string{`{}`, `{"b":1}`}},
	{"$exists false", `{"a.b":{"$exists":false}}`, []string{`{}`, `{"a":1}`, `{"a":[1]}`, `{"a":[]}`}, []string{`{"a":{"b":null}}`, `{"a":[{},{"b":1}]}`}},
	{"$exists takes numbers", `{"a":{"$exists":0}}`, []string{`{}`}, []string{`{"a":1}`}},

	// Query an array (MongoDB manual).
	{"an element", `{"a":5}`, []string{`{"a":5}`, `{"a":[1,5]}`, `{"a":5.0}`, `{"a":{"$numberLong":"5"}}`, `{"a":{"$numberDecimal":"5.0"}}`}, []string{`{"a":[[5]]}`, `{"a":"5"}`, `{"a":{"b":5}}`}},
	{"a whole array", `{"a":[1,2]}`, []string{`{"a":[1,2]}`, `{"a":[[1,2],3]}`, `{"a":[1.0,2]}`}, []string{`{"a":[2,1]}`, `{"a":[1,2,3]}`, `{"a":1}`}},
	{"an empty array", `{"a":[]}`, []string{`{"a":[]}`, `{"a":[[]]}`}, []string{`{}`, `{"a":[1]}`}},
	{"conditions met by different elements", `{"a":{"$gt":15,"$lt":5}}`, []string{`{"a":[1,20]}`}, []string{`{"a":10}`, `{"a":[10]}`}},
	{"no element equals", `{"a":{"$ne":1}}`, []string{`{"a":[2,3]}`, `{}`, `{"a":[[1]]}`}, []string{`{"a":[1,2]}`, `{"a":1}`}},
	{"an index", `{"a.1":5}`, []string{`{"a":[1,5]}`, `{"a":{"1":5}}`, `{"a":[{"1":5}]}`}, []string{`{"a":[5,1]}`, `{"a":[5]}`, `{"a":[0,[5]]}`}},
	{"an array at an index", `{"a.1":[2,4]}`, []string{`{"a":[5,[2,4]]}`}, []string{`{"a":[[2,4],5]}`}},
	{"an index with leading zero", `{"a.01":5}`, nil, []string{`{"a":[1,5]}`}},
	{"nested indexes", `{"a.0.1":2}`, []string{`{"a":[[1,2]]}`, `{"a":[{"1":2}]}`}, []string{`{"a":[[2,1]]}`, `{"a":[1,2]}`}},
	{"documents in an array at an index", `{"a.0.b":1}`, []string{`{"a":[{"b":1}]}`, `{"a":[[{"b":1}]]}`}, []string{`{"a":[{"b":2},{"b":1}]}`}},
	{"documents in an array", `{"a.b":1}`, []string{`{"a":[{"b":2},{"b":1}]}`, `{"a":[{"b":[0,1]}]}`, `{"a":{"b":1}}`}, []string{`{"a":[[{"b":1}]]}`, `{"a":[{"c":1}]}`}},
	{"arrays in documents in arrays", `{"a.b.c":1}`, []string{`{"a":[{"b":[{"c":1}]}]}`}, []string{`{"a":[{"b":[{"d":1}]}]}`}},

	// Query on embedded documents: order and all fields count.
	{"a whole document", `{"a":{"x":1,"y":2}}`, []string{`{"a":{"x":1,"y":2}}`, `{"a":[{"x":1,"y":2}]}`, `{"a":{"x":1.0,"y":2}}`}, []string{`{"a":{"y":2,"x":1}}`, `{"a":{"x":1}}`, `{"a":{"x":1,"y":2,"z":3}}`}},
	{"an empty document", `{"a":{}}`, []string{`{"a":{}}`}, []string{`{"a":{"x":1}}`, `{}`}},
	{"a DBRef is a value", `{"a":{"$ref":"c","$id":1}}`, []string{`{"a":{"$ref":"c","$id":1}}`}, []string{`{"a":1}`}},

	// Comparison: only values of the operand's type compare (type bracketing).
	{"$gt number", `{"a":{"$gt":5}}`, []string{`{"a":6}`, `{"a":5.5}`, `{"a":[1,9]}`, `{"a":{"$numberDecimal":"5.0001"}}`}, []string{`{"a":5}`, `{"a":"9"}`, `{}`, `{"a":null}`, `{"a":{"$numberDouble":"NaN"}}`, `{"a":true}`}},
	{"$gte number", `{"a":{"$gte":5}}`, []string{`{"a":5}`, `{"a":5.0}`}, []string{`{"a":4.999}`}},
	{"$lt string", `{"a":{"$lt":"m"}}`, []string{`{"a":""}`, `{"a":"Z"}`, `{"a":"lz"}`}, []string{`{"a":"m"}`, `{"a":1}`, `{}`}},
	{"$lte date", `{"a":{"$lte":{"$date":"2020-01-01T00:00:00Z"}}}`, []string{`{"a":{"$date":"1960-01-01T00:00:00Z"}}`}, []string{`{"a":{"$date":"2020-01-01T00:00:00.001Z"}}`, `{"a":0}`}},
	{"$gt boolean", `{"a":{"$gt":false}}`, []string{`{"a":true}`}, []string{`{"a":false}`, `{"a":1}`}},
	{"$gt array", `{"a":{"$gt":[1,2]}}`, []string{`{"a":[1,3]}`, `{"a":[2]}`, `{"a":[[5]]}`}, []string{`{"a":[1,2]}`, `{"a":[1]}`, `{"a":9}`}},
	{"$lt document", `{"a":{"$lt":{"b":2}}}`, []string{`{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"a":9}}`}, []string{`{"a":{"b":2}}`, `{"a":{"b":"x"}}`}},
	{"$gte NaN", `{"a":{"$gte":{"$numberDouble":"NaN"}}}`, []string{`{"a":{"$numberDouble":"NaN"}}`, `{"a":{"$numberDecimal":"NaN"}}`}, []string{`{"a":1}`}},
	{"$gt MinKey", `{"a":{"$gt":{"$minKey":1}}}`, []string{`{"a":1}`, `{}`, `{"a":"x"}`}, []string{`{"a":{"$minKey":1}}`}},
	{"$lt MaxKey", `{"a":{"$lt":{"$maxKey":1}}}`, []string{`{"a":1}`, `{}`}, []string{`{"a":{"$maxKey":1}}`}},
	{"integers beyond doubles", `{"a":{"$gt":9007199254740992.0}}`, []string{`{"a":{"$numberLong":"9007199254740993"}}`}, []string{`{"a":{"$numberLong":"9007199254740992"}}`}},
	{"$eq", `{"a":{"$eq":[1]}}`, []string{`{"a":[1]}`, `{"a":[[1]]}`}, []string{`{"a":1}`}},
	{"symbols are strings", `{"a":"x"}`, []string{`{"a":{"$symbol":"x"}}`}, nil},
	{"binary data", `{"a":{"$binary":{"base64":"AQI=","subType":"00"}}}`, []string{`{"a":{"$binary":{"base64":"AQI=","subType":"00"}}}`}, []string{`{"a":{"$binary":{"base64":"AQI=","subType":"05"}}}`, `{"a":"AQI="}`}},

	{"$in", `{"a":{"$in":[1,"x",null]}}`, []string{`{"a":1.0}`, `{"a":"x"}`, `{}`, `{"a":null}`, `{"a":[5,1]}`}, []string{`{"a":2}`, `{"a":"y"}`, `{"a":[]}`}},
	{"$in with arrays and documents", `{"a":{"$in":[[1,2],{"b":1}]}}`, []string{`{"a":[1,2]}`, `{"a":{"b":1}}`, `{"a":[{"b":1}]}`}, []string{`{"a":1}`, `{"a":[2,1]}`}},
	{"$in with regular expressions", `{"a":{"$in":[{"$regularExpression":{"pattern":"^x","options":""}},"q"]}}`, []string{`{"a":"xy"}`, `{"a":["b","xz"]}`, `{"a":"q"}`}, []string{`{"a":"yx"}`}},
	{"$in of many", `{"a":{"$in":["a","b","c","d","e","f","g","h","i","j"]}}`, []string{`{"a":"j"}`, `{"a":["z","a"]}`}, []string{`{"a":"k"}`, `{}`}},
	{"$in of nothing", `{"a":{"$in":[]}}`, nil, []string{`{}`, `{"a":1}`, `{"a":[]}`}},
	{"$nin", `{"a":{"$nin":[1,null]}}`, []string{`{"a":2}`, `{"a":[]}`, `{"a":[2]}`}, []string{`{"a":1}`, `{}`, `{"a":[2,1]}`}},

	{"$all", `{"a":{"$all":[1,2]}}`, []string{`{"a":[2,3,1]}`}, []string{`{"a":[1]}`, `{"a":1}`, `{}`}},
	{"$all of one", `{"a":{"$all":[1]}}`, []string{`{"a":1}`, `{"a":[1,2]}`}, []string{`{"a":2}`}},
	{"$all of an array", `{"a":{"$all":[["x","y"]]}}`, []string{`{"a":[["x","y"]]}`, `{"a":["x","y"]}`}, []string{`{"a":["x"]}`}},
	{"$all of nothing", `{"a":{"$all":[]}}`, nil, []string{`{"a":[]}`, `{}`, `{"a":[1]}`}},
	{"$all with regular expressions", `{"a":{"$all":[{"$regularExpression":{"pattern":"^x","options":""}},{"$regularExpression":{"pattern":"z$","options":""}}]}}`, []string{`{"a":["xa","bz"]}`, `{"a":"xz"}`}, []string{`{"a":["xa"]}`}},
	{"$all with $elemMatch", `{"a":{"$all":[{"$elemMatch":{"s":"M","n":{"$gt":5}}},{"$elemMatch":{"s":"L"}}]}}`, []string{`{"a":[{"s":"M","n":6},{"s":"L"}]}`}, []string{`{"a":[{"s":"M","n":1},{"s":"L"}]}`}},

	{"$size", `{"a":{"$size":2}}`, []string{`{"a":[1,2]}`, `{"a":[[],[]]}`}, []string{`{"a":[1]}`, `{"a":[1,2,3]}`, `{"a":"ab"}`, `{}`, `{"a":[[1,2]]}`}},
	{"$size 0", `{"a":{"$size":0}}`, []string{`{"a":[]}`}, []string{`{}`, `{"a":[1]}`}},
	{"$elemMatch of values", `{"a":{"$elemMatch":{"$gte":80,"$lt":85}}}`, []string{`{"a":[82,85,88]}`}, []string{`{"a":[75,88,89]}`, `{"a":82}`, `{"a":[[82]]}`}},
	{"$elemMatch of documents", `{"a":{"$elemMatch":{"b":1,"c":{"$gt":2}}}}`, []string{`{"a":[{"b":1,"c":3}]}`}, []string{`{"a":[{"b":1},{"c":3}]}`, `{"a":{"b":1,"c":3}}`}},
	{"$elemMatch with $or", `{"a":{"$elemMatch":{"$or":[{"b":1},{"b":2}]}}}`, []string{`{"a":[{"b":2}]}`}, []string{`{"a":[{"b":3}]}`}},
	{"$elemMatch with $nin", `{"a":{"$elemMatch":{"$nin":[1,2]}}}`, []string{`{"a":[1,3]}`}, []string{`{"a":[1,2]}`, `{"a":[]}`}},
	{"contained by, as Parse asks", `{"$nor":[{"a":{"$elemMatch":{"$nin":[1,2]}}}]}`, []string{`{"a":[1,2]}`, `{"a":[]}`, `{"a":[2]}`}, []string{`{"a":[1,3]}`}},
	{"$elemMatch in $elemMatch", `{"a":{"$elemMatch":{"$elemMatch":{"$gt":5}}}}`, []string{`{"a":[[1,6]]}`}, []string{`{"a":[6]}`, `{"a":[[1]]}`}},
	{"$elemMatch below arrays", `{"a.b":{"$elemMatch":{"$eq":1}}}`, []string{`{"a":[{"b":[1]}]}`}, []string{`{"a":[{"b":1}]}`}},

	{"$mod", `{"a":{"$mod":[4,0]}}`, []string{`{"a":8}`, `{"a":8.9}`, `{"a":[1,12]}`, `{"a":{"$numberDecimal":"8.5"}}`}, []string{`{"a":9}`, `{"a":"8"}`, `{"a":{"$numberDouble":"NaN"}}`}},
	{"$mod negative", `{"a":{"$mod":[3,-1]}}`, []string{`{"a":-4}`}, []string{`{"a":4}`}},
	{"$type name", `{"a":{"$type":"string"}}`, []string{`{"a":"x"}`, `{"a":[1,"x"]}`}, []string{`{"a":1}`, `{}`, `{"a":{"$symbol":"x"}}`}},
	{"$type number", `{"a":{"$type":["number",10]}}`, []string{`{"a":1}`, `{"a":1.5}`, `{"a":null}`}, []string{`{"a":"1"}`, `{}`}},
	{"$type array", `{"a":{"$type":4}}`, []string{`{"a":[]}`, `{"a":[1]}`}, []string{`{"a":1}`}},
	{"$type -1", `{"a":{"$type":-1}}`, []string{`{"a":{"$minKey":1}}`}, []string{`{"a":1}`}},
	{"$bitsAllSet", `{"a":{"$bitsAllSet":[1,5]}}`, []string{`{"a":50}`, `{"a":{"$binary":{"base64":"Ig==","subType":"00"}}}`}, []string{`{"a":2}`, `{"a":"x"}`, `{"a":2.5}`}},
	{"$bitsAnyClear", `{"a":{"$bitsAnyClear":35}}`, []string{`{"a":34}`, `{"a":0}`}, []string{`{"a":35}`}},
	{"$bitsAllClear", `{"a":{"$bitsAllClear":35}}`, []string{`{"a":4}`}, []string{`{"a":1}`}},
	{"$bitsAnySet extends the sign", `{"a":{"$bitsAnySet":[200]}}`, []string{`{"a":-1}`}, []string{`{"a":1}`}},

	{"$not", `{"a":{"$not":{"$gt":5}}}`, []string{`{"a":5}`, `{}`, `{"a":"x"}`}, []string{`{"a":6}`, `{"a":[1,6]}`}},
	{"$not of a conjunction", `{"a":{"$not":{"$gt":1,"$lt":5}}}`, []string{`{"a":7}`}, []string{`{"a":3}`}},
	{"$not of an expression", `{"a":{"$not":{"$regularExpression":{"pattern":"^x","options":""}}}}`, []string{`{"a":"y"}`, `{}`, `{"a":1}`}, []string{`{"a":"xy"}`}},
	{"$or", `{"$or":[{"a":1},{"b":2}]}`, []string{`{"a":1}`, `{"b":2}`}, []string{`{"a":2,"b":1}`}},
	{"$and", `{"$and":[{"a":{"$gt":1}},{"a":{"$lt":5}}]}`, []string{`{"a":3}`}, []string{`{"a":9}`}},
	{"$nor", `{"$nor":[{"a":1},{"b":2}]}`, []string{`{}`, `{"a":2}`}, []string{`{"a":1}`, `{"b":2}`}},
	{"one path twice", `{"a":{"$gt":1},"a":{"$lt":5}}`, []string{`{"a":3}`}, []string{`{"a":9}`, `{"a":0}`}},
	{"$comment", `{"$comment":"why","a":{"$eq":1,"$comment":"x"}}`, []string{`{"a":1}`}, []string{`{"a":2}`}},
	{"$alwaysFalse", `{"$alwaysFalse":1}`, nil, []string{`{}`}},
	{"an empty filter", `{}`, []string{`{}`, `{"a":1}`}, nil},

	{"$regex", `{"a":{"$regex":"b.d"}}`, []string{`{"a":"abcde"}`, `{"a":["x","bad"]}`, `{"a":{"$symbol":"bed"}}`}, []string{`{"a":"b\nd"}`, `{"a":1}`, `{}`}},
	{"$regex with options", `{"a":{"$regex":"^B.D$","$options":"is"}}`, []string{`{"a":"b\nd"}`, `{"a":"BxD"}`, `{"a":"bad\n"}`}, []string{`{"a":"abad"}`}},
	{"a regular expression as a value", `{"a":{"$regularExpression":{"pattern":"^x","options":"i"}}}`, []string{`{"a":"Xy"}`, `{"a":{"$regularExpression":{"pattern":"^x","options":"i"}}}`}, []string{`{"a":{"$regularExpression":{"pattern":"^x","options":""}}}`}},
	{"$regex beside another operator", `{"a":{"$regex":"a","$ne":"ab"}}`, []string{`{"a":"ac"}`}, []string{`{"a":"ab"}`}},
	{"names with dollar inside", `{"a$b":1}`, []string{`{"a$b":1}`}, []string{`{"a":1}`}},
	{"an empty name", `{"":1}`, []string{`{"":1}`}, []string{`{}`}},
}

func TestMatch(t *testing.T) {
	for _, c := range filterCases {
		t.Run(c.name, func(t *testing.T) {
			m, err := Compile(document(t, c.filter))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range c.yes {
				if !m.Match(rawDocument(t, d)) {
					t.Errorf("%s does not match %s", c.filter, d)
				}
			}
			for _, d := range c.no {
				if m.Match(rawDocument(t, d)) {
					t.Errorf("%s matches %s", c.filter, d)
				}
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct {
		filter string
		code   int32
	}{
		{`{"$foo":1}`, 2},
		{`{"a":{"$foo":1}}`, 2},
		{`{"a":{"$gt":1,"b":2}}`, 2},
		{`{"$or":[]}`, 2},
		{`{"$or":{"a":1}}`, 2},
		{`{"$and":[1]}`, 2},
		{`{"a":{"$in":5}}`, 2},
		{`{"a":{"$in":[{"$gt":1}]}}`, 2},
		{`{"a":{"$nin":"x"}}`, 2},
		{`{"a":{"$all":5}}`, 2},
		{`{"a":{"$all":[{"$gt":1}]}}`, 2},
		{`{"a":{"$all":[{"$elemMatch":{"b":1}},5]}}`, 2},
		{`{"a":{"$not":5}}`, 2},
		{`{"a":{"$not":{}}}`, 2},
		{`{"a":{"$not":{"b":1}}}`, 2},
		{`{"a":{"$elemMatch":5}}`, 2},
		{`{"a":{"$size":"2"}}`, 9},
		{`{"a":{"$size":-1}}`, 9},
		{`{"a":{"$size":1.5}}`, 9},
		{`{"a":{"$mod":[0,1]}}`, 2},
		{`{"a":{"$mod":[4]}}`, 2},
		{`{"a":{"$mod":[4,1,1]}}`, 2},
		{`{"a":{"$mod":4}}`, 2},
		{`{"a":{"$type":"nothing"}}`, 2},
		{`{"a":{"$type":99}}`, 2},
		{`{"a":{"$type":{}}}`, 14},
		{`{"a":{"$type":[]}}`, 9},
		{`{"a":{"$ne":{"$regularExpression":{"pattern":"x","options":""}}}}`, 2},
		{`{"a":{"$gt":{"$regularExpression":{"pattern":"x","options":""}}}}`, 2},
		{`{"a":{"$regex":5}}`, 2},
		{`{"a":{"$regex":"("}}`, 51091},
		{`{"a":{"$regex":"a","$options":"g"}}`, 51108},
		{`{"a":{"$regex":"a","$options":5}}`, 2},
		{`{"a":{"$options":"i"}}`, 2},
		{`{"$text":{"$search":"x"}}`, 2},
		{`{"$where":"true"}`, 2},
		{`{"$expr":{}}`, 2},
		{`{"$jsonSchema":{}}`, 2},
		{`{"a":{"$geoWithin":{"$box":[[1,2]]}}}`, 2},
		{`{"a":{"$geoWithin":{"$polygon":[[1,2],[3,4]]}}}`, 2},
		{`{"a":{"$geoWithin":{"$center":[[1,2],-1]}}}`, 2},
		{`{"a":{"$geoWithin":{"$centerSphere":[[500,2],1]}}}`, 2},
		{`{"a":{"$geoWithin":{"$geometry":{"type":"Point","coordinates":[1,2]}}}}`, 2},
		{`{"a":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1]]]}}}}`, 2},
		{`{"a":{"$geoIntersects":{}}}`, 2},
		{`{"a":{"$nearSphere":[500,0]}}`, 2},
		{`{"a":{"$nearSphere":["x",0]}}`, 2},
		{`{"a":{"$near":[0,0],"$maxDistance":-1}}`, 2},
		{`{"a":{"$maxDistance":1}}`, 2},
		{`{"$or":[{"a":{"$near":[0,0]}},{"b":1}]}`, 2},
		{`{"a":{"$near":[0,0]},"b":{"$near":[0,0]}}`, 2},
	} {
		_, err := Compile(document(t, c.filter))
		if err == nil {
			t.Errorf("%s compiles", c.filter)
			continue
		}
		t.Run(c.filter, func(t *testing.T) { wantCode(t, err, c.code) })
	}
}

// A filter as deep as a client can make it is refused and does not exhaust the
// stack; one as deep as MongoDB allows works.
func TestCompileDepth(t *testing.T) {
	nested := func(depth int) bson.D {
		f := bson.D{{Key: "a", Value: int32(1)}}
		for range depth {
			f = bson.D{{Key: "$or", Value: bson.A{f}}}
		}
		return f
	}
	m, err := Compile(nested(90))
	if err != nil {
		t.Fatal(err)
	}
	if !m.Match(rawDocument(t, `{"a":1}`)) {
		t.Error("a deep filter does not match")
	}
	raw, err := bson.Marshal(nested(150))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Simple.CompileRaw(raw)
	wantCode(t, err, 2)
	_, err = Compile(nested(100_000))
	wantCode(t, err, 15)

	_, err = Compile(bson.D{{Key: strings.Repeat("a.", 500) + "a", Value: 1}})
	wantCode(t, err, 15)
	_, err = Compile(bson.D{{Key: strings.Repeat("0.", 20) + "a", Value: 1}})
	wantCode(t, err, 2)
}

func TestMatchCaseInsensitive(t *testing.T) {
	for _, c := range []struct {
		filter, doc string
		want        bool
	}{
		{`{"a":"JOHN"}`, `{"a":"john"}`, true},
		{`{"a":"john@x.org"}`, `{"a":"John@X.ORG"}`, true},
		{`{"a":"STRASSE"}`, `{"a":"straße"}`, false},
		{`{"a":"É"}`, `{"a":"é"}`, true},
		{`{"a":"é"}`, `{"a":"é"}`, true},
		{`{"a":"e"}`, `{"a":"é"}`, false},
		{`{"a":"a b"}`, `{"a":"a-b"}`, false},
		{`{"a":{"$in":["X","Y"]}}`, `{"a":"y"}`, true},
		{`{"a":{"$nin":["X","Y"]}}`, `{"a":"y"}`, false},
		{`{"a":{"$gt":"a"}}`, `{"a":"B"}`, true},
		{`{"a":{"$gt":"a"}}`, `{"a":"A"}`, false},
		{`{"a":{"$regex":"x"}}`, `{"a":"X"}`, false},
		{`{"a":{"b":"X"}}`, `{"a":{"b":"x"}}`, true},
	} {
		m, err := CaseInsensitive.Compile(document(t, c.filter))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Match(rawDocument(t, c.doc)); got != c.want {
			t.Errorf("%s on %s: %v, want %v", c.filter, c.doc, got, c.want)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	doc := benchmarkDocument(t)
	for _, filter := range []string{
		`{"category":"c7","score":{"$gte":10},"_rperm":{"$in":[null,"*","u1"]}}`,
		`{"$or":[{"title":{"$regex":"^T"}},{"tags":"t9"}]}`,
		`{"location":{"$geoWithin":{"$box":[[-10,-10],[10,10]]}}}`,
		`{"nested.a":{"$ne":5}}`,
	} {
		m, err := Compile(document(t, filter))
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { m.Match(doc) }); n != 0 {
			t.Errorf("%s: %v allocations", filter, n)
		}
	}
}

// benchmarkDocument is the document of performance measurements: 12 fields, 600 bytes.
func benchmarkDocument(t testing.TB) bson.Raw {
	t.Helper()
	return rawDocument(t, `{
		"_id":"abcdefghij",
		"_created_at":{"$date":"2024-01-02T03:04:05.678Z"},
		"_updated_at":{"$date":"2024-02-02T03:04:05.678Z"},
		"_rperm":["*","u1"],
		"_wperm":["u1"],
		"title":"The quick brown fox jumps over the lazy dog",
		"category":"c7",
		"score":42,
		"_p_owner":"_User$klmnopqrst",
		"tags":["t1","t2","t3"],
		"location":[13.4,52.5],
		"nested":{"a":1,"b":"`+strings.Repeat("lorem ipsum ", 22)+`"}}`)
}

func BenchmarkMatch(b *testing.B) {
	doc := benchmarkDocument(b)
	for _, c := range []struct{ name, filter string }{
		{"equality", `{"category":"c7"}`},
		{"permission and two conditions", `{"_rperm":{"$in":[null,"*","u9"]},"category":"c7","score":{"$gte":10}}`},
		{"or", `{"$or":[{"category":"c1"},{"score":42}]}`},
		{"prefix", `{"title":{"$regex":"^The quick"}}`},
		{"contains", `{"title":{"$regex":"lazy"}}`},
		{"contains in any case", `{"title":{"$regex":"LAZY","$options":"i"}}`},
		{"expression", `{"title":{"$regex":"qu.ck.*l[a-z]zy"}}`},
		{"last field", `{"nested.a":1}`},
	} {
		m, err := Compile(document(b, c.filter))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !m.Match(doc) {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	filter := document(b, `{"_rperm":{"$in":[null,"*","u9"]},"category":"c7","score":{"$gte":10}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(filter); err != nil {
			b.Fatal(err)
		}
	}
}
