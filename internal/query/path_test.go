package query_test

import (
	"testing"

	"github.com/loam-baas/loam/internal/query"
)

func TestPath(t *testing.T) {
	for _, tt := range []struct {
		path            string
		root            string
		valid, internal bool
	}{
		{"a", "a", true, false},
		{"a1_B", "a1_B", true, false},
		{"a.b.c", "a", true, false},
		{"a.0.b", "a", true, false},
		{"_rperm", "_rperm", true, true},
		{"_auth_data_x.id", "_auth_data_x", true, true},
		{"", "", false, false},
		{".", "", false, false},
		{".a", "", false, false},
		{"a.", "a", false, false},
		{"a..b", "a", false, false},
		{"0a", "0a", false, false},
		{"a-b", "a-b", false, false},
		{"a.@", "a", false, false},
		{"a[", "a[", false, false},
		{"a{", "a{", false, false},
		{"a`", "a`", false, false},
		{"$a", "$a", false, false},
		{"a\x00", "a\x00", false, false},
		{"ä", "ä", false, false},
	} {
		if got := query.Root(tt.path); got != tt.root {
			t.Errorf("Root(%q) = %q, want %q", tt.path, got, tt.root)
		}
		if got := query.ValidPath(tt.path); got != tt.valid {
			t.Errorf("ValidPath(%q) = %t", tt.path, got)
		}
		if got := query.Internal(tt.path); got != tt.internal {
			t.Errorf("Internal(%q) = %t", tt.path, got)
		}
	}
}
