package query_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

func ptr[T any](v T) *T { return &v }

// params reads parameters from a JSON object, or from a URL query.
func params(t testing.TB, text string) query.Params {
	t.Helper()
	if strings.HasPrefix(text, "{") {
		o, err := parse.DecodeObject([]byte(text), parse.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return query.ParamsFromObject(o)
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return query.ParamsFromValues(values)
}

func TestDecode(t *testing.T) {
	a1 := &query.Where{Nodes: []query.Node{&query.Field{Path: "a", Constraints: []query.Constraint{&query.Equal{Value: parse.Number(1)}}}}}
	for _, tt := range []struct {
		params string
		want   query.Query
	}{
		{``, query.Query{}},
		{`{}`, query.Query{}},
		{`where={"a":1}`, query.Query{Where: a1}},
		{`{"where":{"a":1}}`, query.Query{Where: a1}},
		{`{"where":"{\"a\":1}"}`, query.Query{Where: a1}},
		{`where={}`, query.Query{}},
		{`where=[]`, query.Query{}},
		{`where=null`, query.Query{}},

		{`limit=5&skip=10`, query.Query{Limit: ptr(5), Skip: 10}},
		{`{"limit":5,"skip":10}`, query.Query{Limit: ptr(5), Skip: 10}},
		{`{"limit":"5","skip":"10"}`, query.Query{Limit: ptr(5), Skip: 10}},
		{`limit="5"`, query.Query{Limit: ptr(5)}},
		{`limit=1e2`, query.Query{Limit: ptr(100)}},
		{`limit=0`, query.Query{Limit: ptr(0)}},
		{`limit=&skip=`, query.Query{}},
		{`{"limit":null,"skip":null}`, query.Query{}},

		{`count=1`, query.Query{Count: true}},
		{`count=0`, query.Query{}},
		{`{"count":1}`, query.Query{Count: true}},
		{`{"count":true,"includeAll":true}`, query.Query{Count: true, IncludeAll: true}},
		{`count=true&includeAll=false`, query.Query{Count: true}},

		{`order=name,-age`, query.Query{Order: []query.Order{{Path: "name"}, {Path: "age", Descending: true}}}},
		{`order= a , -b `, query.Query{Order: []query.Order{{Path: "a"}, {Path: "b", Descending: true}}}},
		{`{"order":["-a","b"]}`, query.Query{Order: []query.Order{{Path: "a", Descending: true}, {Path: "b"}}}},
		{`order=a,b,-a`, query.Query{Order: []query.Order{{Path: "a", Descending: true}, {Path: "b"}}}},
		{`order=-$score`, query.Query{Order: []query.Order{{Path: query.Score, Descending: true}}}},
		{`order=-_created_at,_updated_at`, query.Query{Order: []query.Order{{Path: "createdAt", Descending: true}, {Path: "updatedAt"}}}},
		{`order=a.b`, query.Query{Order: []query.Order{{Path: "a.b"}}}},
		{`order=`, query.Query{}},

		{`keys=a,b,,c`, query.Query{Keys: []string{"a", "b", "c"}}},
		{`keys=`, query.Query{Keys: []string{}}},
		{`{"keys":["a","b,c"]}`, query.Query{Keys: []string{"a", "b", "c"}}},
		{`keys=a&keys=b`, query.Query{Keys: []string{"a", "b"}}},
		{`{"keys":null}`, query.Query{}},
		{`excludeKeys=a,objectId,createdAt,updatedAt,ACL`, query.Query{ExcludeKeys: []string{"a"}}},

		{`include=a`, query.Query{Include: []string{"a"}}},
		{`include=a.b.c,d,a.b`, query.Query{Include: []string{"a", "d", "a.b", "a.b.c"}}},
		{`include=["a","b"]`, query.Query{Include: []string{"a", "b"}}},
		{`include=a.b c, d,e..f`, query.Query{Include: []string{"a", "e"}}},
		{`include=`, query.Query{}},
		{`include=*`, query.Query{IncludeAll: true}},
		{`include=a.b,*&keys=c.d`, query.Query{IncludeAll: true, Keys: []string{"c.d"}}},
		{`includeAll=1&include=a`, query.Query{IncludeAll: true, Include: []string{"a"}}},
		{`keys=author.name,title`, query.Query{Keys: []string{"author.name", "title"}, Include: []string{"author"}}},
		{`keys=a.b.c&include=d&excludeKeys=e.f`, query.Query{Keys: []string{"a.b.c"}, ExcludeKeys: []string{"e.f"}, Include: []string{"d", "a", "e", "a.b"}}},

		{`readPreference=SECONDARY&includeReadPreference=nearest&subqueryReadPreference=PRIMARY_PREFERRED`,
			query.Query{ReadPreference: "SECONDARY", IncludeReadPreference: "nearest", SubqueryReadPreference: "PRIMARY_PREFERRED"}},
		{`hint=_id_`, query.Query{Hint: parse.String("_id_")}},
		{`hint={"a":-1}`, query.Query{Hint: &parse.Object{Members: []parse.Member{{Key: "a", Value: parse.Number(-1)}}}}},
		{`explain=true`, query.Query{Explain: true}},
		{`{"explain":"executionStats"}`, query.Query{Explain: true}},
		{`{"explain":false}`, query.Query{}},
		{`comment=5`, query.Query{Comment: "5"}},
		{`redirectClassNameForKey=likes`, query.Query{RedirectClassNameForKey: "likes"}},
	} {
		got, err := query.Decode(params(t, tt.params), query.Limits{})
		if err != nil {
			t.Errorf("%s: %v", tt.params, err)
			continue
		}
		if diff := cmp.Diff(&tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.params, diff)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	const badQuery, badJSON, badKey = parse.InvalidQuery, parse.InvalidJSON, parse.InvalidKeyName
	wantCount := func(name string) string {
		return "Invalid value for parameter " + name + ": must be a non-negative integer"
	}
	for _, tt := range []struct {
		params  string
		code    parse.Code
		message string
	}{
		{`bogus=1`, badQuery, "Invalid parameter for query: bogus"},
		{`{"watch":["a"]}`, badQuery, "Invalid parameter for query: watch"},
		{`{"_method":"GET"}`, badQuery, "Invalid parameter for query: _method"},

		{`where=x`, badJSON, "where parameter is not valid JSON"},
		{`where=`, badJSON, "where parameter is not valid JSON"},
		{`where=[1]`, badJSON, "where parameter is not valid JSON"},
		{`where="s"`, badJSON, "where parameter is not valid JSON"},
		{`{"where":5}`, badJSON, "where parameter is not valid JSON"},
		{`{"where":{"__type":"Date","iso":"2020-01-01"}}`, badJSON, "where parameter is not valid JSON"},
		{`where={"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, badJSON, "JSON is nested deeper than the limit of 64 levels"},

		{`limit=abc`, badQuery, wantCount("limit")},
		{`limit=-1`, badQuery, wantCount("limit")},
		{`limit=1.5`, badQuery, wantCount("limit")},
		{`limit=NaN`, badQuery, wantCount("limit")},
		{`limit=Infinity`, badQuery, wantCount("limit")},
		{`limit=1e300`, badQuery, wantCount("limit")},
		{`limit=1&limit=2`, badQuery, wantCount("limit")},
		{`{"limit":true}`, badQuery, wantCount("limit")},
		{`{"limit":{"$gt":1}}`, badQuery, wantCount("limit")},
		{`skip=-1`, badQuery, wantCount("skip")},
		{`{"skip":[1]}`, badQuery, wantCount("skip")},

		{`count=many`, badQuery, "Invalid value for parameter count: must be a boolean"},
		{`{"includeAll":{}}`, badQuery, "Invalid value for parameter includeAll: must be a boolean"},

		{`order=a b`, badKey, "Invalid field name: a b."},
		{`order=$x`, badKey, "Invalid field name: $x."},
		{`order=a,,b`, badKey, "Invalid field name: ."},
		{`order=--a`, badKey, "Invalid field name: -a."},
		{`order=a.b c`, badKey, "Invalid field name: a.b c."},
		{`order=a.$b`, badKey, "Invalid field name: a.$b."},
		{`order=className`, badKey, "Invalid field name: className."},
		{`order=length.x`, badKey, "Invalid field name: length.x."},
		{`order=_rperm`, badKey, "Invalid field name: _rperm."},
		{`order=_hashed_password`, badKey, "Invalid field name: _hashed_password."},
		{`order=authData.facebook.id`, badKey, "Cannot sort by authData.facebook.id"},
		{`{"order":5}`, badQuery, "Invalid value for parameter order: must be a string"},
		{`{"order":["a",5]}`, badQuery, "Invalid value for parameter order: must be a string"},
		{`order=` + strings.Repeat("a,", 32) + "a", badQuery, "Number of order keys (33) exceeds maximum allowed (32)"},

		{`{"keys":5}`, badQuery, "Invalid value for parameter keys: must be a string"},
		{`{"include":{"a":1}}`, badQuery, "Invalid value for parameter include: must be a string"},
		{`{"excludeKeys":[5]}`, badQuery, "Invalid value for parameter excludeKeys: must be a string"},
		{`include=` + strings.Repeat("a.", 64) + "a", badQuery, "Include depth of 65 exceeds maximum allowed depth of 64"},

		{`readPreference=foo`, badQuery, "Not supported read preference."},
		{`{"includeReadPreference":5}`, badQuery, "Invalid value for parameter includeReadPreference: must be a string"},
		{`{"hint":5}`, badQuery, "Invalid value for parameter hint: must be the name or the keys of an index"},
		{`{"hint":{"a":{"$gt":1}}}`, badQuery, "Invalid value for parameter hint: must be the name or the keys of an index"},
		{`{"hint":{"a\u0000":1}}`, badQuery, "Invalid value for parameter hint: must be the name or the keys of an index"},
		{`{"comment":5}`, badQuery, "Invalid value for parameter comment: must be a string"},
		{`{"redirectClassNameForKey":{"a":1}}`, badQuery, "Invalid value for parameter redirectClassNameForKey: must be a string"},
	} {
		_, err := query.Decode(params(t, tt.params), query.Limits{})
		checkError(t, tt.params, err, tt.code, tt.message)
	}
}

func TestAdvisory_F02_ExplainTakesListedValuesOnly(t *testing.T) {
	for _, p := range []string{`explain=foo`, `{"explain":5}`, `{"explain":{"verbosity":"x"}}`} {
		_, err := query.Decode(params(t, p), query.Limits{})
		checkError(t, p, err, parse.InvalidQuery, "Invalid value for explain")
	}
}

func TestDecodeGet(t *testing.T) {
	got, err := query.DecodeGet(params(t, `keys=a,p.b&excludeKeys=c&include=q.r&readPreference=NEAREST`), query.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := &query.Query{Keys: []string{"a", "p.b"}, ExcludeKeys: []string{"c"}, Include: []string{"q", "p", "q.r"}, ReadPreference: "NEAREST"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, p := range []string{`where={}`, `limit=1`, `includeAll=1`, `hint=x`, `explain=true`, `comment=x`, `count=1`, `order=a`, `bogus=1`} {
		_, err := query.DecodeGet(params(t, p), query.Limits{})
		checkError(t, p, err, parse.InvalidQuery, "Improper encode of parameter")
	}
}

func TestIncludeLimits(t *testing.T) {
	for _, tt := range []struct {
		params  string
		limits  query.Limits
		message string // "" when within the limits
	}{
		{`include=a.b`, query.Limits{IncludeDepth: 2}, ""},
		{`include=a.b.c`, query.Limits{IncludeDepth: 2}, "Include depth of 3 exceeds maximum allowed depth of 2"},
		{`keys=a.b.c.d`, query.Limits{IncludeDepth: 2}, "Include depth of 3 exceeds maximum allowed depth of 2"},
		{`include=a.b`, query.Limits{IncludeCount: 2}, ""},
		{`include=a.b,c`, query.Limits{IncludeCount: 2}, "Number of include fields (3) exceeds maximum allowed (2)"},
	} {
		for _, decode := range []func(query.Params, query.Limits) (*query.Query, error){query.Decode, query.DecodeGet} {
			_, err := decode(params(t, tt.params), tt.limits)
			if tt.message == "" && err != nil {
				t.Errorf("%s: %v", tt.params, err)
			}
			if tt.message != "" {
				checkError(t, tt.params, err, parse.InvalidQuery, tt.message)
			}
		}
	}
}

func TestParamsOverride(t *testing.T) {
	body, values := params(t, `{"limit":1,"skip":2}`), params(t, `limit=3&count=1`)
	got, err := query.Decode(body.Override(values), query.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&query.Query{Limit: ptr(3), Skip: 2, Count: true}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if again, _ := query.Decode(body, query.Limits{}); *again.Limit != 1 || again.Count {
		t.Errorf("Override changed its receiver: %+v", again)
	}
}
