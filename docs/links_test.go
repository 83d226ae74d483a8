// Package docs holds what users read. Its tests hold the pages to each other
// and to the repository.
package docs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	code    = regexp.MustCompile("(?ms)^```.*?^```$")
	// silent is what an anchor leaves out of its heading.
	silent = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// pages are the paths of all Markdown files that people read, from here.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{"../README.md", "../CONTRIBUTING.md"}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// links are the relative links of a page: the path from here, and the anchor.
func links(t *testing.T, page string) (targets [][2]string) {
	t.Helper()
	for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, page), ""), -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		path, anchor, _ := strings.Cut(m[1], "#")
		target := page
		if path != "" {
			target = filepath.Join(filepath.Dir(page), filepath.FromSlash(path))
		}
		targets = append(targets, [2]string{target, anchor})
	}
	return targets
}

func hasAnchor(text, anchor string) bool {
	for _, m := range heading.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
		plain := silent.ReplaceAllString(strings.ToLower(m[1]), "")
		if strings.ReplaceAll(plain, " ", "-") == anchor {
			return true
		}
	}
	return false
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, to := range links(t, page) {
			path, anchor := to[0], to[1]
			switch _, err := os.Stat(path); {
			case errors.Is(err, fs.ErrNotExist):
				t.Errorf("%s links to %s, which is not there", page, path)
			case err != nil:
				t.Error(err)
			case anchor != "" && !hasAnchor(read(t, path), anchor):
				t.Errorf("%s links to %s#%s, which has no such heading", page, path, anchor)
			}
		}
	}
}

// linked tells which files a page links to.
func linked(t *testing.T, page string) map[string]bool {
	t.Helper()
	to := make(map[string]bool)
	for _, l := range links(t, page) {
		to[l[0]] = true
	}
	return to
}

func TestIndexesAreComplete(t *testing.T) {
	for _, index := range []string{"README.md", "decisions/README.md"} {
		listed := linked(t, index)
		pages, err := filepath.Glob(filepath.Join(filepath.Dir(index), "*.md"))
		if err != nil || len(pages) < 2 {
			t.Fatalf("beside %s are %v, %v", index, pages, err)
		}
		for _, page := range pages {
			if page != index && !listed[page] {
				t.Errorf("%s does not list %s", index, page)
			}
		}
	}
}

// Where Loam answers otherwise on purpose, users are told so.
func TestCompatibilityListsDifferences(t *testing.T) {
	const page = "compatibility.md"
	listed := linked(t, page)
	scenarios, err := filepath.Glob("../internal/parity/scenarios/*/*.txt")
	if err != nil || len(scenarios) == 0 {
		t.Fatalf("scenarios: %v, %v", scenarios, err)
	}
	for _, path := range scenarios {
		if strings.Contains(read(t, path), "\ndiffers: ") != listed[path] {
			t.Errorf("%s: %s lists it: %v", path, page, listed[path])
		}
	}
}
