package engine

import (
	"net/url"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// checkFileURLs refuses a value with a file, however deep in it, whose URL names a
// host that FilePolicy.Domains does not have: whoever fetches files of objects,
// as cloud code may, is not to be led elsewhere (row I13).
func (e *Engine) checkFileURLs(v parse.Value) error {
	if e.FilePolicy.Domains == nil {
		return nil
	}
	switch v := v.(type) {
	case parse.File:
		return e.checkFileURL(v.URL)
	case parse.Array:
		for _, element := range v {
			if err := e.checkFileURLs(element); err != nil {
				return err
			}
		}
	case *parse.Object:
		if kind, _ := v.Get("__type"); kind == parse.String("File") {
			at, _ := v.Get("url")
			text, _ := at.(parse.String)
			if at != nil && !emptyValue(at) && text == "" {
				return errFileURL
			}
			return e.checkFileURL(string(text))
		}
		for _, m := range v.Members {
			if err := e.checkFileURLs(m.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

var errFileURL = parse.NewError(parse.FileSaveError, "Invalid file URL.")

// checkFileURL refuses a URL at another host; none at all is Loam's to give.
func (e *Engine) checkFileURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return errFileURL
	}
	host := strings.ToLower(u.Hostname())
	for _, domain := range e.FilePolicy.Domains {
		domain = strings.ToLower(domain)
		if host == domain || strings.HasPrefix(domain, "*.") && strings.HasSuffix(host, domain[1:]) {
			return nil
		}
	}
	return parse.Errorf(parse.FileSaveError, "File URL domain '%s' is not allowed.", host)
}
