package pages

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// file answers with a page or a file by its path below the endpoint.
func (v *visit) file(endpoint, name string) {
	app := v.app
	if app == nil {
		app = v.door.only(endpoint)
	}
	if name == "" || !fs.ValidPath(name) {
		v.notFound()
		return
	}
	locale := v.locale()
	var p params
	if v.app != nil {
		v.complete(&p, locale)
	}
	if app != nil && app.dir != nil {
		if v.showFile(app, name, p, locale) {
			return
		}
	}
	directory, base := path.Split(name)
	if language := strings.TrimSuffix(directory, "/"); directory != "" && !locales.MatchString(language) {
		v.notFound()
		return
	} else if locale == "" && language != "" {
		v.query.Set("locale", language)
	}
	for _, known := range all {
		if known.file == base {
			v.show(http.StatusOK, known, p)
			return
		}
	}
	v.notFound()
}

// only is the app of an endpoint that has no other; nil if it has.
func (d *Door) only(endpoint string) *App {
	var found *App
	for _, a := range d.apps {
		if a.Endpoint != endpoint {
			continue
		}
		if found != nil {
			return nil
		}
		found = a
	}
	return found
}

// showOwn answers with the app's own page, if it has one of its own.
func (v *visit) showOwn(name string, p params, locale string) bool {
	return v.app.dir != nil && v.showFile(v.app, name, p, locale)
}

// maxPage bounds a page of the app's own, in bytes.
const maxPage = 8 << 20

// showFile answers with a file of the app's directory: a page has its
// placeholders filled in, every other file goes out as it is.
func (v *visit) showFile(app *App, name string, p params, locale string) bool {
	content, err := app.read(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			v.door.logger.WarnContext(v.r.Context(), "a page can't be read", "page", name, "error", err)
		}
		return false
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if path.Ext(name) == ".html" {
		kind = contentHTML
		if content, err = app.fill(name, content, p, locale); err != nil {
			v.door.logger.WarnContext(v.r.Context(), "a page can't be filled in", "page", name, "error", err)
			return false
		}
	}
	if kind == "" {
		kind = "application/octet-stream"
	}
	v.headers(kind)
	if v.app != nil {
		v.paramHeaders(p)
	}
	// What the page may load is its author's to say; who may frame it, and where
	// its links begin, is not a reader's.
	v.w.Header().Set("Content-Security-Policy", "base-uri 'none'; object-src 'none'; frame-ancestors "+app.framedBy())
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(content) // the client has gone when it fails
	return true
}

func (a *App) framedBy() string {
	if o := origin(a.FrameURL); o != "" {
		return "'self' " + o
	}
	return "'self'"
}

func (a *App) read(name string) ([]byte, error) {
	file, err := a.dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	if info.Size() > maxPage {
		return nil, fmt.Errorf("it has more than %d bytes", maxPage)
	}
	return io.ReadAll(file)
}

// fill fills the placeholders of a page, {{name}}, as text that fits its place:
// what three braces ask for, to take it for markup, nobody gets (advisory G15).
// Names that stand for nothing are left out.
func (a *App) fill(name string, content []byte, p params, locale string) ([]byte, error) {
	values := make(map[string]string)
	for _, pair := range p.pairs {
		values[pair[0]] = pair[1]
	}
	for key, text := range a.Placeholders {
		values[key] = text
	}
	for key, text := range a.textsFor(locale, p) {
		values[key] = text
	}
	look := template.FuncMap{"placeholder": func(name string) string { return values[name] }}
	source := tags.ReplaceAllStringFunc(string(content), func(tag string) string {
		if named := mustache.FindStringSubmatch(tag); named != nil {
			return `{{placeholder "` + named[1] + `"}}`
		}
		return "" // sections and comments: pages have no values that would be lists
	})
	t, err := template.New(name).Funcs(look).Parse(source)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, nil); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// tags are what Mustache takes for its own. None of them is left to a template,
// whose commands are nothing that a page may use.
var tags = regexp.MustCompile(`\{\{\{?[^{}]*\}?\}\}`)
