package interop

import (
	"regexp"
	"testing"

	"github.com/loam-baas/loam/internal/parity"
)

// difference is one between the answers of parse-server and Loam that is
// accepted.
type difference struct {
	path  *regexp.Regexp // of the request
	where *regexp.Regexp // in the answer
	why   string
}

var accepted = []difference{{
	regexp.MustCompile(`^/schemas/`), regexp.MustCompile(`^body\.indexes\._id_$`),
	"parse-server leaves the index of _id out of a class's indexes until it starts again",
}, {
	regexp.MustCompile(`^/classes/Owned$`), regexp.MustCompile(`^body\.count$`),
	"where nobody may find anything, parse-server counts [], not 0",
}, {
	regexp.MustCompile(`^/config$`), regexp.MustCompile(`^body\.masterKeyOnly\.`),
	"parse-server tells whom parameters were for that are gone",
}}

// differences know which of the accepted differences there are.
type differences struct{ met []bool }

func newDifferences() *differences { return &differences{make([]bool, len(accepted))} }

// report reports those that are not accepted.
func (d *differences) report(t *testing.T, path, request string, found []parity.Difference) {
	t.Helper()
	for _, f := range found {
		if !d.accepts(path, f.Where) {
			t.Errorf("%s\n\t%s", request, f)
		}
	}
}

func (d *differences) accepts(path, where string) bool {
	for i, a := range accepted {
		if a.path.MatchString(path) && a.where.MatchString(where) {
			d.met[i] = true
			return true
		}
	}
	return false
}

// checkAllMet reports the accepted differences that are none any more.
func (d *differences) checkAllMet(t *testing.T) {
	for i, a := range accepted {
		if !d.met[i] {
			t.Errorf("%s %s does not differ any more, take it off the list: %s", a.path, a.where, a.why)
		}
	}
}
