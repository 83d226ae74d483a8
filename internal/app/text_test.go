package app

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// A search by $text goes from a door to the store's index and back.
func TestFullTextSearch(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		c := configured(t)
		c.Keys.MasterIPs = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
		testFullTextSearch(t, openNode(t, c))
	})
	t.Run("through the driver", func(t *testing.T) {
		address, _, _ := serveMongo(t)
		testFullTextSearch(t, openNode(t, onMongo(t, address, "")))
	})
}

func testFullTextSearch(t *testing.T, a *App) {
	t.Helper()
	status, answer := askWith(a, "POST", "/schemas/Shop",
		`{"className":"Shop","fields":{"subject":{"type":"String"}},"indexes":{"t":{"subject":"text"}}}`, "master")
	if status != 200 {
		t.Fatalf("schema: %d %s", status, answer)
	}
	for _, subject := range []string{"coffee", "coffee coffee and tea", "just tea", "a coffee shop"} {
		if status, answer := ask(a, "POST", "/classes/Shop", `{"subject":"`+subject+`"}`); status != 201 {
			t.Fatalf("create: %d %s", status, answer)
		}
	}
	where := "where=" + url.QueryEscape(`{"subject":{"$text":{"$search":{"$term":"coffee"}}}}`)
	for _, test := range []struct{ name, query, member, want string }{
		{"in order of score", "&order=$score", "subject", "coffee coffee and tea, coffee, a coffee shop"},
		{"no score unless it is asked for", "&order=$score", "score", ""},
		{"scores", "&order=$score&keys=subject,$score", "score", "1.25, 1, 0.75"},
		{"scores and nothing else", "&order=$score&keys=$score", "subject", ""},
		{"a page", "&order=$score&skip=2&keys=$score", "score", "0.75"},
		{"a count", "&count=1", "count", "3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, found := ask(a, "GET", "/classes/Shop?limit=3&"+where+test.query, "")
			if status != 200 {
				t.Fatalf("%d %s", status, found)
			}
			var values []string
			for _, m := range regexp.MustCompile(`"`+test.member+`":"?([^",}]*)`).FindAllStringSubmatch(found, -1) {
				values = append(values, m[1])
			}
			if got := strings.Join(values, ", "); got != test.want {
				t.Errorf("%s are %q, want %q, in %s", test.member, got, test.want, found)
			}
		})
	}
	status, answer = ask(a, "GET", "/classes/Other?where="+url.QueryEscape(`{"subject":{"$text":{"$search":{"$term":"coffee"}}}}`), "")
	if status == 200 && !strings.Contains(answer, `"results":[]`) || status >= 500 {
		t.Errorf("without an index: %d %s", status, answer)
	}
}
