package embedded

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/pipeline"
)

func TestAggregate(t *testing.T) {
	s := open(t, Options{})
	define(t, s, "c", store.Index{Keys: doc(t, `{"a":1}`)})
	for i := range 10 {
		insert(t, s, "c", fmt.Sprintf(`{"_id":%d,"a":%d,"b":%d}`, i, i%3, 10-i))
	}
	tests := []struct {
		pipeline string
		want     []string
		code     int32
	}{
		{pipeline: `[]`, want: []string{`{"_id":0,"a":0,"b":10}`, `{"_id":1,"a":1,"b":9}`, `{"_id":2,"a":2,"b":8}`,
			`{"_id":3,"a":0,"b":7}`, `{"_id":4,"a":1,"b":6}`, `{"_id":5,"a":2,"b":5}`, `{"_id":6,"a":0,"b":4}`,
			`{"_id":7,"a":1,"b":3}`, `{"_id":8,"a":2,"b":2}`, `{"_id":9,"a":0,"b":1}`}},
		{pipeline: `[{"$match":{"a":1}},{"$match":{"b":{"$gt":4}}},{"$project":{"b":1}}]`, want: []string{`{"_id":1,"b":9}`, `{"_id":4,"b":6}`}},
		{pipeline: `[{"$match":{"a":1}},{"$sort":{"b":1}},{"$skip":1},{"$limit":1}]`, want: []string{`{"_id":4,"a":1,"b":6}`}},
		{pipeline: `[{"$limit":4},{"$sort":{"b":1}},{"$project":{"_id":1}},{"$limit":2}]`, want: []string{`{"_id":3}`, `{"_id":2}`}},
		{pipeline: `[{"$limit":4},{"$skip":1},{"$match":{"a":{"$ne":1}}},{"$project":{"a":0}}]`, want: []string{`{"_id":2,"b":8}`, `{"_id":3,"b":7}`}},
		{pipeline: `[{"$match":{"a":0}},{"$count":"n"}]`, want: []string{`{"n":4}`}},
		{pipeline: `[{"$match":{"a":7}},{"$count":"n"}]`},
		{pipeline: `[{"$skip":2},{"$limit":3},{"$limit":2},{"$count":"n"}]`, want: []string{`{"n":2}`}},
		{pipeline: `[{"$project":{"b":1}},{"$match":{"a":1}}]`},
		{pipeline: `[{"$group":{"_id":null}}]`, want: []string{`{"_id":null}`}},
		{pipeline: `[{"$match":{"$nope":1}}]`, code: 2},
		{pipeline: `[{"$limit":1},{"$match":1}]`, code: 15959},
		{pipeline: `[{"$limit":0}]`, code: 15958},
		{pipeline: `[{"$match":{},"$limit":1}]`, code: 40323},
		{pipeline: `[{"$sort":{}}]`, code: 15976},
		{pipeline: `[1]`, code: 14},
	}
	for _, test := range tests {
		t.Run(test.pipeline, func(t *testing.T) {
			pipeline := doc(t, `{"p":`+test.pipeline+`}`)[0].Value.(bson.A)
			var got []string
			err := s.Aggregate(t.Context(), "c", pipeline, store.AggregateOptions{}, func(doc bson.Raw) error {
				json, err := bson.MarshalExtJSON(doc, false, false)
				got = append(got, string(json))
				return err
			})
			var request *store.RequestError
			if test.code != 0 {
				if !errors.As(err, &request) || request.Code != test.code {
					t.Fatalf("told as %v, want code %d", err, test.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want(t, got, test.want...)
		})
	}
	boom := errors.New("boom")
	err := s.Aggregate(t.Context(), "c", bson.A{}, store.AggregateOptions{}, func(bson.Raw) error { return boom })
	if err != boom {
		t.Errorf("an error of yield is told as %v", err)
	}
}

// What is about one document, found by an index, does not wait for scans.
func TestAggregate_LeavesTheLaneOfScans(t *testing.T) {
	s := open(t, Options{})
	define(t, s, "c", store.Index{Keys: doc(t, `{"a":1}`)})
	insert(t, s, "c", `{"_id":1,"a":1,"b":1}`)
	for range s.readers.width {
		s.readers.lanes[scans] <- struct{}{}
	}
	defer func() {
		for range s.readers.width {
			<-s.readers.lanes[scans]
		}
	}()
	const join = `{"$lookup":{"from":"c","localField":"b","foreignField":"_id","as":"d"}}]`
	for stages, waits := range map[string]bool{
		`[{"$match":{"a":1}},{"$limit":1},` + join:                   false,
		`[{"$match":{"a":1,"b":1}},{"$limit":1},` + join:             false,
		`[{"$match":{"a":1}},{"$limit":2},` + join:                   true,
		`[{"$match":{"a":1}},` + join:                                true,
		`[{"$match":{"b":1}},{"$limit":1},` + join:                   true,
		`[{"$sort":{"a":1}},{"$limit":1},` + join:                    true,
		`[{"$limit":1},` + join:                                      true,
		`[{"$documents":[{"b":1}]},{"$limit":1},` + join:             true,
		`[{"$match":{"_id":{"$gte":0}}},{"$limit":1},` + join:        false,
		`[{"$limit":1},{"$match":{"a":1}},` + join:                   true,
		`[{"$match":{"a":1}},{"$sort":{"b":1}},{"$limit":1},` + join: false,
	} {
		collection := "c"
		if strings.Contains(stages, "$documents") {
			collection = ""
		}
		pipe := doc(t, `{"p":`+stages+`}`)[0].Value.(bson.A)
		compiled, err := pipeline.Compile(collection, pipe, pipeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if l := s.laneOf(collection, compiled); l == scans != waits {
			t.Errorf("%s runs in lane %d", stages, l)
		}
		if waits {
			continue
		}
		n := 0
		err = s.Aggregate(t.Context(), collection, pipe, store.AggregateOptions{}, func(bson.Raw) error {
			n++
			return nil
		})
		if err != nil || n != 1 {
			t.Errorf("%s: %d results, %v", stages, n, err)
		}
	}
}
