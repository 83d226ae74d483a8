package query_test

import (
	"slices"
	"testing"

	"github.com/loam-baas/loam/internal/query"
)

func TestBelow(t *testing.T) {
	keys := []string{"title", "author", "author.name", "author.pet.name", "authority.x"}
	for _, tt := range []struct {
		prefix string
		want   []string
	}{
		{"author", []string{"name", "pet.name"}},
		{"author.pet", []string{"name"}},
		{"title", nil},
		{"auth", nil},
	} {
		if got := query.Below(keys, tt.prefix); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.prefix, got, tt.want)
		}
	}
}
