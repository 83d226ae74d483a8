package apitest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// Transport carries requests to an app at a mount path, and holds each exchange
// to the description.
type Transport struct {
	Description *Description
	// Mount is the mount path, such as /parse.
	Mount string
	Next  http.RoundTripper
	// Report is told what does not fit.
	Report func(*Exchange, error)
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x := &Exchange{Method: r.Method, Query: r.URL.RawQuery, Header: r.Header.Clone()}
	path := r.URL.Opaque
	if path == "" {
		path = r.URL.EscapedPath()
	}
	x.Path = strings.TrimPrefix(path, t.Mount)
	if r.Body != nil {
		var err error
		if x.Body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(x.Body))
	}
	response, err := t.Next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if x.Answer, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(x.Answer))
	x.Status, x.AnswerHeader = response.StatusCode, response.Header
	if err := t.Description.Check(x); err != nil {
		t.Report(x, err)
	}
	return response, nil
}
