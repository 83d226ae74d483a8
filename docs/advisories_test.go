package docs

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	advisoryRow  = regexp.MustCompile(`(?m)^\| ([A-Z]\d\d) \|.*\| ([^|]+) \|$`)
	advisoryTest = regexp.MustCompile("`(TestAdvisory_[A-Za-z0-9_]+)`")
	advisoryFunc = regexp.MustCompile(`(?m)^func (TestAdvisory_\w+)\(`)
	rowID        = regexp.MustCompile(`_([A-Z]\d\d)`)
)

// advisoryGroups are how many rows each group of advisories has.
var advisoryGroups = []struct {
	letter byte
	rows   int
}{{'A', 28}, {'B', 15}, {'C', 21}, {'D', 13}, {'E', 10}, {'F', 27}, {'G', 15}, {'H', 2}, {'I', 20}, {'J', 12}}

// comingParts are those that a row without a test may belong to.
var comingParts = []string{"*accounts*", "*files*", "*push*", "*LiveQuery*", "*GraphQL*", "*cloud code*", "*dashboard*", "*release*"}

// advisoryTests are the names of all tests of advisories in the repository.
func advisoryTests(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			for _, m := range advisoryFunc.FindAllStringSubmatch(read(t, path), -1) {
				names = append(names, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Every advisory has its row, every row a test that is there and is named after
// it, or a part that is to come; and every test named after a row is in it.
func TestAdvisoriesAreListed(t *testing.T) {
	const page = "security.md"
	tests := advisoryTests(t)
	var ids []string
	held := make(map[string][]string)
	for _, m := range advisoryRow.FindAllStringSubmatch(read(t, page), -1) {
		id, by := m[1], m[2]
		ids = append(ids, id)
		for _, name := range advisoryTest.FindAllStringSubmatch(by, -1) {
			held[id] = append(held[id], name[1])
			if !slices.Contains(tests, name[1]) {
				t.Errorf("%s: %s is held by %s, which is not there", page, id, name[1])
			}
			if !slices.Contains(rowsOf(name[1]), id) {
				t.Errorf("%s: %s is held by %s, which is not named after it", page, id, name[1])
			}
		}
		if len(held[id]) == 0 && !slices.Contains(comingParts, by) {
			t.Errorf("%s: %s is held by %q: name a test, or one of %v", page, id, by, comingParts)
		}
	}
	var want []string
	for _, group := range advisoryGroups {
		for n := range group.rows {
			want = append(want, fmt.Sprintf("%c%02d", group.letter, n+1))
		}
	}
	if !slices.Equal(ids, want) {
		t.Errorf("%s has the rows %v, want %v", page, ids, want)
	}
	for _, name := range tests {
		if len(rowsOf(name)) == 0 {
			t.Errorf("%s is named after no row", name)
		}
		for _, id := range rowsOf(name) {
			if !slices.Contains(held[id], name) {
				t.Errorf("%s: the row of %s lacks %s", page, id, name)
			}
		}
	}
}

// rowsOf are the rows that a test is named after.
func rowsOf(name string) []string {
	var ids []string
	for _, m := range rowID.FindAllStringSubmatch(name, -1) {
		ids = append(ids, m[1])
	}
	return ids
}
