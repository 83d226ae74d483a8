package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/account"
)

// Options configure the pages of an app. The fields carry the meaning of Parse
// Server's option pages.
type Options struct {
	// ID is the application id, Name its name: without one there are no pages.
	ID, Name string
	Links    account.Links
	// Endpoint is the path below the mount path, and PublicURL the URL of that.
	Endpoint, PublicURL string
	// Dir has the app's own pages; empty for Loam's.
	Dir string
	// Localize chooses pages by language, TextsFile is a JSON file of texts by
	// language, and FallbackLocale the language when none fits.
	Localize       bool
	TextsFile      string
	FallbackLocale string
	// Placeholders are texts to fill in, by name.
	Placeholders map[string]string
	// ForceRedirect redirects to pages rather than to serve them.
	ForceRedirect bool
	// EncodeHeaders URL-encodes the page parameters that are sent as headers.
	EncodeHeaders bool
	// URLs are those of pages that are kept elsewhere, by the page's name.
	URLs map[string]string
	// FrameURL is a page that may show the others in a frame.
	FrameURL string
}

// App is the pages of one app.
type App struct {
	Options
	dir *os.Root // nil without Dir
	// texts are those of TextsFile, by language.
	texts map[string]map[string]string
	// policy is the Content-Security-Policy of Loam's own pages.
	policy string
}

// maxTextsFile bounds the file of texts, in bytes.
const maxTextsFile = 4 << 20

// NewApp returns the pages of an app, or why they can't be served. Whoever makes
// an App closes it.
func NewApp(o Options) (*App, error) {
	a := &App{Options: o}
	a.policy = a.contentPolicy()
	if o.TextsFile != "" {
		if err := a.readTexts(); err != nil {
			return nil, fmt.Errorf("pages.localizationJsonPath: %w", err)
		}
	}
	if o.Dir != "" {
		// Nothing outside of it can be opened by way of it, links included (advisory G14).
		dir, err := os.OpenRoot(o.Dir)
		if err != nil {
			return nil, fmt.Errorf("pages.pagesPath: %w", err)
		}
		a.dir = dir
	}
	return a, nil
}

// Close lets go of the directory.
func (a *App) Close() error {
	if a.dir == nil {
		return nil
	}
	return a.dir.Close()
}

// readTexts reads texts in the form of i18next: {"de": {"translation": {"name": "text"}}}.
func (a *App) readTexts() error {
	info, err := os.Stat(a.TextsFile)
	if err != nil {
		return err
	}
	if info.Size() > maxTextsFile {
		return fmt.Errorf("%s has more than %d bytes", a.TextsFile, maxTextsFile)
	}
	data, err := os.ReadFile(a.TextsFile)
	if err != nil {
		return err
	}
	var file map[string]struct{ Translation map[string]any }
	if err := json.Unmarshal(data, &file); err != nil {
		return fmt.Errorf("%s: %w", a.TextsFile, err)
	}
	a.texts = make(map[string]map[string]string, len(file))
	for locale, resource := range file {
		lines := make(map[string]string, len(resource.Translation))
		for name, line := range resource.Translation {
			if text, ok := line.(string); ok {
				lines[name] = text
			}
		}
		a.texts[locale] = lines
	}
	return nil
}

var mustache = regexp.MustCompile(`\{\{\{?\s*(\w+)\s*\}?\}\}`)

// textsFor are the texts of the file in a language, with the parameters filled in.
func (a *App) textsFor(locale string, p params) map[string]string {
	if !a.Localize || a.texts == nil {
		return nil
	}
	if locale == "" {
		locale = a.FallbackLocale
	}
	language, _, _ := strings.Cut(locale, "-")
	lines := a.texts[locale]
	for _, other := range []string{language, a.FallbackLocale} {
		if lines == nil {
			lines = a.texts[other]
		}
	}
	filled := make(map[string]string, len(lines))
	for name, line := range lines {
		filled[name] = mustache.ReplaceAllStringFunc(line, func(found string) string {
			return p.get(mustache.FindStringSubmatch(found)[1])
		})
	}
	return filled
}

// locales are what a parameter may name as one: nothing that is a path (row I08).
var locales = regexp.MustCompile(`^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$`)

// contentPolicy lets a page have its own style and form, and nothing else. A form
// may lead on to pages that are kept elsewhere.
func (a *App) contentPolicy() string {
	sum := sha256.Sum256([]byte(style))
	targets := []string{"'self'"}
	for _, address := range append([]string{a.PublicURL}, sortedValues(a.URLs)...) {
		if o := origin(address); o != "" && !slices.Contains(targets, o) {
			targets = append(targets, o)
		}
	}
	frames := "'none'"
	if o := origin(a.FrameURL); o != "" {
		frames = o
	}
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action " +
		strings.Join(targets, " ") + "; frame-ancestors " + frames + "; base-uri 'none'"
}

func sortedValues(m map[string]string) []string {
	values := make([]string, 0, len(m))
	for _, v := range m {
		values = append(values, v)
	}
	slices.Sort(values)
	return values
}

// origin is a URL's scheme and host, "" when it has none.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, " ;,'") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
