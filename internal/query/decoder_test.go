package query_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

func TestDecodeWhere(t *testing.T) {
	yes := true
	field := func(path string, c ...query.Constraint) query.Node {
		return &query.Field{Path: path, Constraints: c}
	}
	where := func(n ...query.Node) *query.Where { return &query.Where{Nodes: n} }
	sub := func(w *query.Where) *query.Query { return &query.Query{Where: w} }
	ann := parse.Pointer{ClassName: "_User", ObjectID: "ann"}

	for _, tt := range []struct {
		where string
		want  *query.Where
	}{
		{`{}`, nil},
		{`{"a":1,"b.c":null}`, where(field("a", &query.Equal{Value: parse.Number(1)}), field("b.c", &query.Equal{Value: parse.Null{}}))},
		{`{"a":{}}`, where(field("a", &query.Equal{Value: &parse.Object{Members: []parse.Member{}}}))},
		{`{"a":{"b":1,"$ne":null}}`, where(field("a",
			&query.Equal{Value: &parse.Object{Members: []parse.Member{{Key: "b", Value: parse.Number(1)}}}},
			&query.Compare{Op: "$ne", Value: parse.Null{}}))},
		{`{"a":{"$eq":1,"$gt":"x","$in":[1,[2,3]],"$nin":[],"$exists":true}}`, where(field("a",
			&query.Equal{Value: parse.Number(1)},
			&query.Compare{Op: "$gt", Value: parse.String("x")},
			&query.In{Values: []parse.Value{parse.Number(1), parse.Number(2), parse.Number(3)}},
			&query.In{Negate: true, Values: []parse.Value{}},
			&query.Exists{Value: true}))},
		{`{"_rperm":"x"}`, where(field("_rperm", &query.Equal{Value: parse.String("x")}))},
		{`{"a":{"$regex":"x","$options":"i"}}`, where(field("a", &query.Regex{Pattern: "x", Options: "i"}))},
		{`{"a":{"$text":{"$search":{"$term":"x","$caseSensitive":true}}}}`, where(field("a", &query.Text{Term: "x", CaseSensitive: &yes}))},
		{`{"a":{"$lt":{"$relativeTime":"now"}}}`, where(field("a", &query.RelativeTime{Op: "$lt", Text: "now"}))},
		{`{"$or":[{"a":1},{"$and":[{}]}]}`, where(&query.Logical{Op: query.Or, Clauses: []*query.Where{
			where(field("a", &query.Equal{Value: parse.Number(1)})),
			where(&query.Logical{Op: query.And, Clauses: []*query.Where{nil}}),
		}})},
		{`{"a":{"$inQuery":{"className":"C","where":{"b":1},"limit":5,"order":"x"}}}`, where(field("a",
			&query.InQuery{ClassName: "C", Query: sub(where(field("b", &query.Equal{Value: parse.Number(1)})))}))},
		{`{"$nor":[[]],"a":{"$inQuery":{"className":"C","where":[]}}}`, where(
			&query.Logical{Op: query.Nor, Clauses: []*query.Where{nil}},
			field("a", &query.InQuery{ClassName: "C", Query: sub(nil)}))},
		{`{"a":{"$notInQuery":{"className":"C","where":{},"redirectClassNameForKey":"k"}}}`, where(field("a",
			&query.InQuery{Negate: true, ClassName: "C", Query: &query.Query{RedirectClassNameForKey: "k"}}))},
		{`{"a":{"$select":{"query":{"className":"C"},"key":"b.c"}}}`, where(field("a",
			&query.Select{ClassName: "C", Query: sub(nil), Key: "b.c"}))},
		{`{"a":{"$dontSelect":{"query":{"className":"C","where":{}},"key":"b"}}}`, where(field("a",
			&query.Select{Negate: true, ClassName: "C", Query: sub(nil), Key: "b"}))},
		{`{"$relatedTo":{"object":{"__type":"Pointer","className":"_User","objectId":"ann"},"key":"likes"}}`,
			where(&query.RelatedTo{Object: ann, Key: "likes"})},
		{`{"a":{"$nearSphere":{"__type":"GeoPoint","latitude":1,"longitude":2}}}`, where(field("a",
			&query.NearSphere{Point: parse.GeoPoint{Latitude: 1, Longitude: 2}, MaxDistance: -1}))},
	} {
		got, err := decodeWhere(t, tt.where, query.Limits{})
		if err != nil {
			t.Errorf("%s: %v", tt.where, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.where, diff)
		}
	}
}

// The codes and messages are parse-server's wherever it answers with an error
// of its own; where it runs into an internal error, or takes nonsense for no
// condition at all, Loam says what is wrong.
func TestDecodeWhereErrors(t *testing.T) {
	const (
		badQuery = parse.InvalidQuery
		badJSON  = parse.InvalidJSON
		badKey   = parse.InvalidKeyName
	)
	for _, tt := range []struct {
		where   string
		code    parse.Code
		message string
	}{
		{`{"ACL":{}}`, badQuery, "Cannot query on ACL."},
		{`{"a b":1}`, badKey, "Invalid key name: a b"},
		{`{"1a":1}`, badKey, "Invalid key name: 1a"},
		{`{"":1}`, badKey, "Invalid key name: "},
		{`{".a":1}`, badKey, "Invalid key name: .a"},
		{`{"a..b":1}`, badKey, "Invalid key name: a..b"},
		{`{"a.":1}`, badKey, "Invalid key name: a."},
		{`{"é":1}`, badKey, "Invalid key name: é"},
		{`{"a.$b":1}`, badKey, "Invalid key name: a.$b"},
		{`{"$where":"1"}`, badKey, "Invalid key name: $where"},
		{`{"$expr":{}}`, badKey, "Invalid key name: $expr"},
		{`{"$text":{"$search":{"$term":"x"}}}`, badKey, "Invalid key name: $text"},

		{`{"a":{"$foo":1}}`, badJSON, "bad constraint: $foo"},
		{`{"a":{"$not":{"$eq":1}}}`, badJSON, "bad constraint: $not"},
		{`{"a":{"$and":[]}}`, badJSON, "bad constraint: $and"},
		{`{"a":{"$elemMatch":{}}}`, badJSON, "bad constraint: $elemMatch"},
		{`{"a":{"$where":"1"}}`, badJSON, "bad constraint: $where"},

		{`{"$or":{}}`, badQuery, "Bad $or format - use an array value."},
		{`{"$or":null}`, badQuery, "Bad $or format - use an array value."},
		{`{"$and":"x"}`, badQuery, "Bad $and format - use an array value."},
		{`{"$nor":{}}`, badQuery, "Bad $nor format - use an array of at least 1 value."},
		{`{"$nor":[]}`, badQuery, "Bad $nor format - use an array of at least 1 value."},
		{`{"$or":[]}`, badQuery, "Bad $or format - use an array of at least 1 value."},
		{`{"$or":["a"]}`, badQuery, "Bad $or format - each clause must be an object."},
		{`{"$or":[[1]]}`, badQuery, "Bad $or format - each clause must be an object."},
		{`{"$and":[null]}`, badQuery, "Bad $and format - each clause must be an object."},
		{`{"$or":[{"$and":[{"ACL":1}]}]}`, badQuery, "Cannot query on ACL."},

		{`{"a":{"$in":"x"}}`, badJSON, "bad $in value"},
		{`{"a":{"$in":null}}`, badJSON, "bad $in value"},
		{`{"a":{"$nin":{"0":"x","length":1}}}`, badJSON, "bad $nin value"},
		{`{"a":{"$all":"x"}}`, badJSON, "bad $all value"},
		{`{"a":{"$containedBy":5}}`, badJSON, "bad $containedBy: should be an array"},
		{`{"a":{"$exists":"yes"}}`, badJSON, "bad $exists value"},
		{`{"a":{"$exists":null}}`, badJSON, "bad $exists value"},
		{`{"a":{"$all":[{"$regex":"^\\Qa\\E"},"b"]}}`, badJSON, "All $all values must be of regex type or none"},
		{`{"a":{"$all":[{"$regex":"a"}]}}`, badJSON, "All $all values must be of regex type or none"},
		{`{"a":{"$all":[{"$regex":5}]}}`, badJSON, `bad atom: {"$regex":5}`},

		{`{"a":{"$gt":{"$gt":1}}}`, badJSON, `bad atom: {"$gt":1}`},
		{`{"a":{"$in":[{"$gt":1}]}}`, badJSON, `bad atom: {"$gt":1}`},
		{`{"a":{"b":{"$gt":1}}}`, badJSON, `bad atom: {"b":{"$gt":1}}`},
		{`{"a":[{"b":[{"$ne":1}]}]}`, badJSON, `bad atom: [{"b":[{"$ne":1}]}]`},
		{`{"a":{"b\u0000c":1}}`, badJSON, `bad atom: {"b\u0000c":1}`},
		{`{"a":{"__type":"Date","iso":"soon"}}`, badJSON, `bad atom: {"__type":"Date","iso":"soon"}`},
		{`{"a":{"__type":"Pointer"}}`, badJSON, `bad atom: {"__type":"Pointer"}`},
		{`{"a":{"$ne":{"__type":"GeoPoint","latitude":1}}}`, badJSON, `bad atom: {"__type":"GeoPoint","latitude":1}`},
		{`{"a":{"__type":"Relation","className":"C"}}`, badJSON, `bad atom: {"__type":"Relation","className":"C"}`},

		{`{"a":{"$regex":5}}`, badQuery, "$regex value must be a string"},
		{`{"a":{"$regex":null}}`, badQuery, "$regex value must be a string"},
		{`{"a":{"$regex":{"$regex":"x"}}}`, badQuery, "$regex value must be a string"},
		{`{"a":{"$regex":"x","$options":5}}`, badQuery, "$options value must be a string"},
		{`{"a":{"$regex":"x","$options":""}}`, badQuery, "Bad $options value for query: "},
		{`{"a":{"$regex":"x","$options":"ig"}}`, badQuery, "Bad $options value for query: ig"},
		{`{"a":{"$regex":"x\u0000"}}`, badQuery, "$regex value must not contain a null character"},
		{`{"a":{"$options":"i"}}`, badQuery, "$options needs a $regex"},

		{`{"a":{"$lt":{"$relativeTime":5}}}`, badJSON, `bad atom: {"$relativeTime":5}`},
		{`{"a":{"$lt":{"$relativeTime":"now","x":1}}}`, badJSON, `bad atom: {"$relativeTime":"now","x":1}`},
		{`{"a":{"$eq":{"$relativeTime":"now"}}}`, badJSON, "$relativeTime can only be used with the $lt, $lte, $gt, and $gte operators"},
		{`{"a":{"$ne":{"$relativeTime":"now"}}}`, badJSON, "$relativeTime can only be used with the $lt, $lte, $gt, and $gte operators"},
		{`{"a":{"$gt":{"$relativeTime":"1 day"}}}`, badJSON, "bad $relativeTime (1 day) value. Time should either start with 'in' or end with 'ago'"},

		{`{"a":{"$inQuery":5}}`, badQuery, "improper usage of $inQuery"},
		{`{"a":{"$inQuery":{"className":"C"}}}`, badQuery, "improper usage of $inQuery"},
		{`{"a":{"$inQuery":{"where":{}}}}`, badQuery, "improper usage of $inQuery"},
		{`{"a":{"$inQuery":{"className":5,"where":{}}}}`, badQuery, "improper usage of $inQuery"},
		{`{"a":{"$inQuery":{"className":"C","where":[1]}}}`, badQuery, "improper usage of $inQuery"},
		{`{"a":{"$notInQuery":{"className":"C","where":"{}"}}}`, badQuery, "improper usage of $notInQuery"},
		{`{"a":{"$inQuery":{"className":"C","where":{"$where":1}}}}`, badKey, "Invalid key name: $where"},
		{`{"a":{"$select":{"query":{"className":"C"}}}}`, badQuery, "improper usage of $select"},
		{`{"a":{"$select":{"query":{"className":"C"},"key":"k","x":1}}}`, badQuery, "improper usage of $select"},
		{`{"a":{"$select":{"query":{"where":{}},"key":"k"}}}`, badQuery, "improper usage of $select"},
		{`{"a":{"$select":{"query":{"className":"C"},"key":"a b"}}}`, badQuery, "improper usage of $select"},
		{`{"a":{"$dontSelect":5}}`, badQuery, "improper usage of $dontSelect"},
		{`{"$relatedTo":5}`, badQuery, "improper usage of $relatedTo"},
		{`{"$relatedTo":{"object":{"__type":"Pointer","className":"A","objectId":"b"}}}`, badQuery, "improper usage of $relatedTo"},
		{`{"$relatedTo":{"object":"b","key":"k"}}`, badQuery, "improper usage of $relatedTo"},

		{`{"a":{"$nearSphere":[1,2]}}`, badJSON, "bad $nearSphere value"},
		{`{"a":{"$nearSphere":{"__type":"GeoPoint","latitude":91,"longitude":0}}}`, badJSON, "bad $nearSphere value"},
		{`{"a":{"$nearSphere":{"__type":"GeoPoint","latitude":1,"longitude":0},"$maxDistance":"1"}}`, badJSON, "bad $maxDistance value"},
		{`{"a":{"$nearSphere":{"__type":"GeoPoint","latitude":1,"longitude":0},"$maxDistance":-1}}`, badJSON, "bad $maxDistance value"},
		{`{"a":{"$nearSphere":{"__type":"GeoPoint","latitude":1,"longitude":0},"$minDistance":1}}`, badJSON, "bad constraint: $minDistance"},
		{`{"a":{"$maxDistance":1}}`, badQuery, "$maxDistance needs a $nearSphere"},
		{`{"a":{"$within":{"$box":[1]}}}`, badJSON, "malformatted $within arg"},
		{`{"a":{"$within":5}}`, badJSON, "malformatted $within arg"},
		{`{"a":{"$geoWithin":5}}`, badJSON, "bad $geoWithin value"},
		{`{"a":{"$geoWithin":{"$geometry":{}}}}`, badJSON, "bad $geoWithin value"},
		{`{"a":{"$geoWithin":{"$polygon":5}}}`, badJSON, "bad $geoWithin value; $polygon should be Polygon object or Array of Parse.GeoPoint's"},
		{`{"a":{"$geoWithin":{"$polygon":{}}}}`, badJSON, "bad $geoWithin value; $polygon should be Polygon object or Array of Parse.GeoPoint's"},
		{`{"a":{"$geoWithin":{"$polygon":[[1,2]]}}}`, badJSON, "bad $geoWithin value; $polygon should contain at least 3 GeoPoints"},
		{`{"a":{"$geoWithin":{"$polygon":[1,2,3]}}}`, badJSON, "bad $geoWithin value"},
		{`{"a":{"$geoWithin":{"$polygon":[[0,95],[0,1],[1,1]]}}}`, badJSON, "bad $geoWithin value"},
		{`{"a":{"$geoWithin":{"$polygon":{"__type":"Polygon","coordinates":[[40,0],[1,1]]}}}}`, badJSON, "bad $geoWithin value; Polygon.coordinates should contain at least 3 lon/lat pairs"},
		{`{"a":{"$geoWithin":{"$polygon":{"__type":"Polygon","coordinates":[[40,0],[1,95],[0,0]]}}}}`, badJSON, "bad $geoWithin value"},
		{`{"a":{"$geoWithin":{"$centerSphere":5}}}`, badJSON, "bad $geoWithin value; $centerSphere should be an array of Parse.GeoPoint and distance"},
		{`{"a":{"$geoWithin":{"$centerSphere":[5,1]}}}`, badJSON, "bad $geoWithin value; $centerSphere geo point invalid"},
		{`{"a":{"$geoWithin":{"$centerSphere":[[500,1],1]}}}`, badJSON, "bad $geoWithin value; $centerSphere geo point invalid"},
		{`{"a":{"$geoWithin":{"$centerSphere":[[50,1],-1]}}}`, badJSON, "bad $geoWithin value; $centerSphere distance invalid"},
		{`{"a":{"$geoIntersects":5}}`, badJSON, "bad $geoIntersect value; $point should be GeoPoint"},
		{`{"a":{"$geoIntersects":{"$point":[1,2]}}}`, badJSON, "bad $geoIntersect value; $point should be GeoPoint"},

		{`{"a":{"$text":5}}`, badJSON, "bad $text: $search, should be object"},
		{`{"a":{"$text":{"$search":"x"}}}`, badJSON, "bad $text: $search, should be object"},
		{`{"a":{"$text":{"$search":{}}}}`, badJSON, "bad $text: $term, should be string"},
		{`{"a":{"$text":{"$search":{"$term":5}}}}`, badJSON, "bad $text: $term, should be string"},
		{`{"a":{"$text":{"$search":{"$term":"x","$language":5}}}}`, badJSON, "bad $text: $language, should be string"},
		{`{"a":{"$text":{"$search":{"$term":"x","$caseSensitive":5}}}}`, badJSON, "bad $text: $caseSensitive, should be boolean"},
		{`{"a":{"$text":{"$search":{"$term":"x","$diacriticSensitive":"y"}}}}`, badJSON, "bad $text: $diacriticSensitive, should be boolean"},
		{`{"a":{"$text":{"$search":{"$term":"x","$where":1}}}}`, badJSON, "bad $text: $where"},
	} {
		_, err := decodeWhere(t, tt.where, query.Limits{})
		checkError(t, tt.where, err, tt.code, tt.message)
	}
}

func TestAdvisory_B08_LogicalOperatorIsAnArray(t *testing.T) {
	for _, op := range []string{"$or", "$and", "$nor"} {
		where := fmt.Sprintf(`{%q:{"0":{"secret":"x"},"length":1}}`, op)
		if _, err := decodeWhere(t, where, query.Limits{}); parse.CodeOf(err) != parse.InvalidQuery {
			t.Errorf("%s: got %v, want code %d", where, err, parse.InvalidQuery)
		}
	}
}

// nest puts where into n pairs of brackets such as {"$or":[ and ]}.
func nest(n int, open, where, end string) string {
	return strings.Repeat(open, n) + where + strings.Repeat(end, n)
}

func TestLimits(t *testing.T) {
	const or, orEnd = `{"$or":[`, `]}`
	const in, inEnd = `{"p":{"$inQuery":{"className":"C","where":`, `}}}`
	const sel, selEnd = `{"p":{"$select":{"key":"k","query":{"className":"C","where":`, `}}}}`
	for _, tt := range []struct {
		name    string
		limits  query.Limits
		within  string
		beyond  string
		message string
	}{
		{"QueryDepth", query.Limits{QueryDepth: 2}, nest(2, or, `{"a":1}`, orEnd), nest(3, or, `{"a":1}`, orEnd),
			"Query condition nesting depth exceeds maximum allowed depth of 2"},
		{"QueryDepth adds up over subqueries", query.Limits{QueryDepth: 2}, `{"$or":[` + nest(1, in, nest(1, or, `{"a":1}`, orEnd), inEnd) + `]}`,
			`{"$or":[` + nest(1, in, nest(2, or, `{"a":1}`, orEnd), inEnd) + `]}`,
			"Query condition nesting depth exceeds maximum allowed depth of 2"},
		{"SubqueryDepth of $inQuery", query.Limits{SubqueryDepth: 1}, nest(1, in, `{}`, inEnd), nest(2, in, `{}`, inEnd),
			"Subquery nesting depth exceeds maximum allowed depth of 1"},
		{"SubqueryDepth of $select", query.Limits{SubqueryDepth: 2}, nest(2, sel, `{}`, selEnd), nest(3, sel, `{}`, selEnd),
			"Subquery nesting depth exceeds maximum allowed depth of 2"},
		{"WhereNodes", query.Limits{WhereNodes: 3}, `{"a":1,"b":{"$gt":1,"$lt":2}}`, `{"a":1,"b":{"$gt":1,"$lt":2},"c":3}`,
			"Number of query constraints exceeds maximum allowed (3)"},
		{"WhereNodes in clauses and subqueries", query.Limits{WhereNodes: 3}, `{"$or":[{"a":1},{"b":1}]}`, `{"$or":[{"a":1},{"p":{"$inQuery":{"className":"C","where":{"b":1}}}}]}`,
			"Number of query constraints exceeds maximum allowed (3)"},
		{"InValues", query.Limits{InValues: 2}, `{"a":{"$in":[1,2]}}`, `{"a":{"$in":[1,2,3]}}`, "Number of $in values (3) exceeds maximum allowed (2)"},
		{"InValues, flattened", query.Limits{InValues: 2}, `{"a":{"$nin":[[1,2]]}}`, `{"a":{"$nin":[[1,2],[3]]}}`, "Number of $nin values (3) exceeds maximum allowed (2)"},
		{"InValues of $all", query.Limits{InValues: 1}, `{"a":{"$all":[1]}}`, `{"a":{"$all":[1,2]}}`, "Number of $all values (2) exceeds maximum allowed (1)"},
		{"InValues of $containedBy", query.Limits{InValues: 1}, `{"a":{"$containedBy":[1]}}`, `{"a":{"$containedBy":[1,2]}}`, "Number of $containedBy values (2) exceeds maximum allowed (1)"},
		{"RegexLength", query.Limits{RegexLength: 3}, `{"a":{"$regex":"abc"}}`, `{"a":{"$regex":"abcd"}}`, "$regex length of 4 exceeds maximum allowed (3)"},
		{"RegexLength in $all", query.Limits{RegexLength: 6}, `{"a":{"$all":[{"$regex":"^\\Qa\\E"}]}}`, `{"a":{"$all":[{"$regex":"^\\Qab\\E"}]}}`, "$regex length of 7 exceeds maximum allowed (6)"},
		{"DenyRegex", query.Limits{DenyRegex: true}, `{"a":1}`, `{"$or":[{"a":{"$regex":"x"}}]}`, "$regex operator is not allowed"},
		{"DenyRegex in $all", query.Limits{DenyRegex: true}, `{"a":{"$all":["x"]}}`, `{"a":{"$all":[{"$regex":"^\\Qab\\E"}]}}`, "$regex operator is not allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := decodeWhere(t, tt.within, tt.limits); err != nil {
				t.Errorf("within the limit: %v", err)
			}
			_, err := decodeWhere(t, tt.beyond, tt.limits)
			checkError(t, tt.beyond, err, parse.InvalidQuery, tt.message)
			if _, err := decodeWhere(t, tt.beyond, query.Limits{}); err != nil {
				t.Errorf("without limits: %v", err)
			}
		})
	}
}

// A bomb is refused at the limit: what lies beyond it is not even looked at, as
// its being invalid shows.
func TestAdvisory_F21_DepthIsCheckedOnTheWayDown(t *testing.T) {
	bomb := nest(20, `{"$or":[`, `{"$invalid":1}`, `]}`)
	_, err := decodeWhere(t, bomb, query.Limits{QueryDepth: 5})
	checkError(t, "bomb", err, parse.InvalidQuery, "Query condition nesting depth exceeds maximum allowed depth of 5")
}
