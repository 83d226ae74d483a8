package engine_test

import (
	"context"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

// aggregate runs an aggregation given by its parameters.
func (a app) aggregate(c engine.Caller, class, parameters string) (string, error) {
	a.t.Helper()
	decoded, err := query.DecodeAggregate(query.ParamsFromObject(object(a.t, parameters)), query.Limits{})
	if err != nil {
		return "", err
	}
	result, err := a.Aggregate(context.Background(), c, class, decoded)
	if err != nil {
		return "", err
	}
	return string(result.JSON()), nil
}

func TestAggregate(t *testing.T) {
	a := open(t)
	ada, bob := a.create(master, "Author", `{"name":"Ada"}`), a.create(master, "Author", `{"name":"Bob"}`)
	for _, body := range []string{
		`{"title":"a","pages":100,"author":{"__type":"Pointer","className":"Author","objectId":"` + ada + `"},"published":{"__type":"Date","iso":"2020-01-02T00:00:00.000Z"},"tags":["x","y"]}`,
		`{"title":"b","pages":300,"author":{"__type":"Pointer","className":"Author","objectId":"` + ada + `"},"published":{"__type":"Date","iso":"2021-01-02T00:00:00.000Z"},"tags":["y"]}`,
		`{"title":"c","pages":50,"author":{"__type":"Pointer","className":"Author","objectId":"` + bob + `"},"published":{"__type":"Date","iso":"2022-01-02T00:00:00.000Z"},"place":{"__type":"GeoPoint","latitude":48,"longitude":16}}`,
	} {
		a.create(master, "Book", body)
	}
	for name, test := range map[string]struct{ parameters, want string }{
		"group by a pointer": {`{"pipeline":[{"$group":{"_id":"$author","pages":{"$sum":"$pages"}}},{"$sort":{"pages":1}}]}`,
			`{"results":[{"objectId":"` + bob + `","pages":50},{"objectId":"` + ada + `","pages":400}]}`},
		"match a pointer by its id": {`{"pipeline":[{"$match":{"author":"` + ada + `"}},{"$group":{"_id":null,"n":{"$sum":1}}}]}`,
			`{"results":[{"objectId":null,"n":2}]}`},
		"match a pointer by a pointer": {`{"pipeline":[{"$match":{"author":{"__type":"Pointer","className":"Author","objectId":"` + bob + `"}}},{"$count":"n"}]}`,
			`{"results":[{"n":1}]}`},
		"match a date by a text": {`{"pipeline":[{"$match":{"$or":[{"published":{"$gte":"2021-06-01T00:00:00.000Z"}}]}},{"$group":{"_id":"$title"}}]}`,
			`{"results":[{"objectId":"c"}]}`},
		"match createdAt": {`{"pipeline":[{"$match":{"createdAt":{"$lt":{"__type":"Date","iso":"2000-01-01T00:00:00.000Z"}}}},{"$count":"n"}]}`,
			`{"results":[]}`},
		"project a pointer and a date": {`{"pipeline":[{"$match":{"title":"a"}},{"$project":{"_id":0,"author":1,"published":1}}]}`,
			`{"results":[{"author":{"__type":"Pointer","className":"Author","objectId":"` + ada + `"},"published":{"__type":"Date","iso":"2020-01-02T00:00:00.000Z"}}]}`},
		"a geo point is one": {`{"pipeline":[{"$match":{"title":"c"}},{"$project":{"_id":0,"place":1}}]}`,
			`{"results":[{"place":{"__type":"GeoPoint","latitude":48,"longitude":16}}]}`},
		"group by several": {`{"pipeline":[{"$group":{"_id":{"year":{"$year":"$published"}},"n":{"$sum":1}}},{"$sort":{"_id.year":1}},{"$limit":1}]}`,
			`{"results":[{"objectId":{"year":2020},"n":1}]}`},
		"group by nothing":          {`{"pipeline":[{"$group":{"_id":{},"n":{"$sum":1}}}]}`, `{"results":[{"objectId":null,"n":3}]}`},
		"an object of stages":       {`{"$match":{"pages":50},"$project":{"_id":0,"title":1}}`, `{"results":[{"title":"c"}]}`},
		"a pipeline as text":        {`{"pipeline":"[{\"$count\":\"n\"}]"}`, `{"results":[{"n":3}]}`},
		"distinct":                  {`{"distinct":"tags"}`, `{"results":["x","y"]}`},
		"distinct with a condition": {`{"distinct":"title","where":{"pages":{"$gt":60}}}`, `{"results":["a","b"]}`},
		"distinct pointers": {`{"distinct":"author","where":{"title":"c"}}`,
			`{"results":[{"__type":"Pointer","className":"Author","objectId":"` + bob + `"}]}`},
		"raw names": {`{"pipeline":[{"$match":{"_p_author":"Author$` + bob + `"}},{"$project":{"_id":0,"_p_author":1,"published":1}}],"rawFieldNames":true}`,
			`{"results":[{"_p_author":"Author$` + bob + `","published":"2022-01-02T00:00:00.000Z"}]}`},
		"raw values": {`{"pipeline":[{"$match":{"published":{"$lt":{"$date":"2020-06-01T00:00:00Z"}}}},{"$project":{"_id":"$title","published":1}}],"rawValues":true}`,
			`{"results":[{"published":{"$date":"2020-01-02T00:00:00Z"},"objectId":"a"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := a.aggregate(master, "Book", test.parameters)
			if err != nil {
				t.Fatal(err)
			}
			if !sameJSON(t, got, test.want) {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	if got, err := a.aggregate(master, "Nothing", `{"pipeline":[]}`); err != nil || got != `{"results":[]}` {
		t.Errorf("a class that is not there: %s, %v", got, err)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	return parse.Equal(mustValue(t, a), mustValue(t, b))
}

func mustValue(t *testing.T, text string) parse.Value {
	t.Helper()
	v, err := parse.DecodeValue([]byte(text), parse.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAggregate_RefusesWhatIsWrong(t *testing.T) {
	a := open(t)
	a.create(master, "Book", `{"title":"a"}`)
	for parameters, code := range map[string]parse.Code{
		`{"pipeline":[{"match":{}}]}`:                     parse.InvalidQuery,
		`{"pipeline":[{"$group":{}}]}`:                    parse.InvalidQuery,
		`{"pipeline":[{"$group":{"objectId":null}}]}`:     parse.InvalidQuery,
		`{"pipeline":[{"$match":{},"$limit":1}]}`:         parse.InvalidQuery,
		`{"pipeline":[7]}`:                                parse.InvalidQuery,
		`{"pipeline":7}`:                                  parse.InvalidQuery,
		`{"pipeline":[{"$fly":{}}]}`:                      parse.InvalidQuery,
		`{"pipeline":[{"$match":{"$bad":1}}]}`:            parse.InvalidQuery,
		`{"pipeline":[{"$out":"Other"}]}`:                 parse.InvalidQuery,
		`{"pipeline":[{"$merge":{"into":"Other"}}]}`:      parse.InvalidQuery,
		`{"pipeline":[{"$match":{"$where":"sleep(1)"}}]}`: parse.InvalidQuery,
		`{"pipeline":[{"$project":{"a":{"$function":{"body":"x","args":[],"lang":"js"}}}}]}`:  parse.InvalidQuery,
		`{"pipeline":[],"explain":"everything"}`:                                              parse.InvalidQuery,
		`{"distinct":"a b"}`:                                                                  parse.InvalidKeyName,
		`{"pipeline":[],"rawValues":"perhaps"}`:                                               parse.InvalidQuery,
		`{"pipeline":[{"$match":{"a":{"$numberLong":"x"}}}],"rawValues":true}`:                parse.InvalidQuery,
		`{"pipeline":[{"$lookup":{"from":"B","as":"b","pipeline":[{"$out":"C"}]}}]}`:          parse.InvalidQuery,
		`{"pipeline":[{"$facet":{"a":[{"$match":{"$expr":{"$function":{"body":"x"}}}}]}}]}`:   parse.InvalidQuery,
		`{"pipeline":[{"$group":{"_id":null,"x":{"$accumulator":{"init":"function(){}"}}}}]}`: parse.InvalidQuery,
	} {
		_, err := a.aggregate(master, "Book", parameters)
		if err == nil {
			t.Errorf("%s is taken", parameters)
			continue
		}
		wantCode(t, err, code)
	}
}

// Root cause R7: the read-only master key reads nothing by which one could
// become somebody else.
func TestAggregate_KeepsSecretsFromReaders(t *testing.T) {
	a := open(t, func(o *engine.Options) { o.AggregationForReadOnlyMaster = true })
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: "u"}, {Key: "username", Value: "u"}, {Key: "_hashed_password", Value: "$2a$secret"}, {Key: "_perishable_token", Value: "secret"},
		{Key: "_auth_data_anonymous", Value: bson.D{{Key: "id", Value: "secret"}}}, {Key: "_auth_data_mfa", Value: bson.D{{Key: "secret", Value: "secret"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.store.Insert(context.Background(), "_User", doc); err != nil {
		t.Fatal(err)
	}
	for _, parameters := range []string{
		`{"pipeline":[{"$project":{"x":"$_hashed_password","y":"$_perishable_token"}}]}`,
		`{"pipeline":[{"$project":{"x":{"$objectToArray":"$$ROOT"}}}]}`,
		`{"pipeline":[],"rawFieldNames":true}`,
		`{"pipeline":[{"$match":{"_perishable_token":{"$regex":"^s"}}},{"$count":"n"}]}`,
		`{"pipeline":[{"$match":{"_auth_data_anonymous.id":{"$regex":"^s"}}},{"$count":"n"}]}`,
		`{"pipeline":[{"$group":{"_id":"$_auth_data_anonymous.id"}}]}`,
	} {
		got, err := a.aggregate(readOnly, "_User", parameters)
		if err != nil {
			t.Errorf("%s: %v", parameters, err)
		}
		if strings.Contains(got, "secret") || strings.Contains(got, `"n":1`) {
			t.Errorf("%s tells %s", parameters, got)
		}
	}
	a.create(master, "Book", `{"title":"a"}`)
	for _, parameters := range []string{
		`{"pipeline":[{"$lookup":{"from":"_User","localField":"x","foreignField":"y","as":"u"}}]}`,
		`{"pipeline":[{"$unionWith":"_Session"}]}`,
		`{"pipeline":[{"$unionWith":{"coll":"_User"}}]}`,
		`{"pipeline":[{"$facet":{"a":[{"$graphLookup":{"from":"_User","startWith":"$a","connectFromField":"a","connectToField":"b","as":"c"}}]}}]}`,
	} {
		_, err := a.aggregate(readOnly, "Book", parameters)
		wantCode(t, err, parse.OperationForbidden)
	}
	for _, field := range []string{"_perishable_token", "_auth_data_anonymous.id", "authData.anonymous.id"} {
		_, err = a.aggregate(readOnly, "_User", `{"distinct":"`+field+`"}`)
		wantCode(t, err, parse.OperationForbidden)
	}
	_, err = a.aggregate(master, "_User", `{"distinct":"_hashed_password"}`)
	wantCode(t, err, parse.InvalidKeyName)
}

func TestAggregate_IsForAdministrators(t *testing.T) {
	a := open(t)
	a.create(master, "Book", `{"title":"a"}`)
	for _, c := range []engine.Caller{anonymous, alice, {Scope: engine.ScopeMaintenance}} {
		_, err := a.aggregate(c, "Book", `{"pipeline":[]}`)
		wantCode(t, err, parse.OperationForbidden)
	}
	_, err := a.aggregate(readOnly, "Book", `{"pipeline":[]}`)
	wantCode(t, err, parse.OperationForbidden)
}
