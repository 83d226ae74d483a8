package query_test

import (
	"testing"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

func TestCompileOrder(t *testing.T) {
	for _, tt := range []struct {
		name   string
		orders []query.Order
		want   string
	}{
		{"stored names", []query.Order{{Path: "objectId"}, {Path: "createdAt", Descending: true}, {Path: "updatedAt"}, {Path: "author", Descending: true}},
			`{"_id":1,"_created_at":-1,"_updated_at":1,"_p_author":-1}`},
		{"dotted", []query.Order{{Path: "rules.max", Descending: true}}, `{"rules.max":-1}`},
		{"text score", []query.Order{{Path: query.Score, Descending: true}, {Path: "name"}}, `{"score":{"$meta":"textScore"},"name":1}`},
		{"a field that is not there orders nothing", []query.Order{{Path: "nope"}, {Path: "name"}, {Path: "nope.x"}}, `{"name":1}`},
		{"nothing is there", []query.Order{{Path: "nope"}}, `{}`},
	} {
		d, err := query.CompileOrder(tt.orders, game)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := extJSON(t, d); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Orders made otherwise than by Decode are held to the same rules.
func TestAdvisory_F10_SortKeysAreNames(t *testing.T) {
	for _, path := range []string{"a'; DROP TABLE x", "rules.a'--", "$where", "rules.$a", "rules..a", "", "_hashed_password"} {
		_, err := query.CompileOrder([]query.Order{{Path: path}}, game)
		checkError(t, path, err, parse.InvalidKeyName, "Invalid field name: "+path+".")
	}
}
