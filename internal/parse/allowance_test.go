package parse_test

import (
	"testing"

	"github.com/loam-baas/loam/internal/parse"
)

func TestAllowance(t *testing.T) {
	for _, c := range []struct {
		name  string
		size  int
		takes []int
		want  []bool // whether each take is allowed
	}{
		{"to the last byte", 10, []int{4, 6, 0, 1}, []bool{true, true, true, false}},
		{"used up for good", 10, []int{11, 1}, []bool{false, false}},
		{"none means any number", 0, []int{1 << 60, 1 << 60}, []bool{true, true}},
		{"so does a negative one", -1, []int{1}, []bool{true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := parse.NewAllowance(c.size)
			for i, n := range c.takes {
				if err := a.Take(n); (err == nil) != c.want[i] {
					t.Errorf("take %d, of %d bytes: %v", i, n, err)
				}
			}
		})
	}
}
