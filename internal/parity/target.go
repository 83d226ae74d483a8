package parity

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// credentials are the headers that the word "by" sends; every app of
// reference/apps.json has these keys.
var credentials = map[string][2]string{
	"master":      {"X-Parse-Master-Key", "master"},
	"readonly":    {"X-Parse-Master-Key", "readonly"},
	"maintenance": {"X-Parse-Maintenance-Key", "maintenance"},
}

// recordedHeaders are those response headers that are part of every answer
// that has them.
var recordedHeaders = []string{"Location", "Retry-After", "X-Parse-Job-Status-Id", "X-Parse-Push-Status-Id"}

// Ask sends an exchange's request to an app and returns the answer.
func (t *Target) Ask(ctx context.Context, app string, x *Exchange, b Bindings) (*Answer, error) {
	base, ok := t.Apps[app]
	if !ok {
		return nil, fmt.Errorf("no app is named %q", app)
	}
	request, err := x.request(ctx, base, app, b)
	if err != nil {
		return nil, err
	}
	response, err := t.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	answer := &Answer{Status: response.StatusCode, Headers: http.Header{}, Body: string(body)}
	for _, name := range append(recordedHeaders[:len(recordedHeaders):len(recordedHeaders)], x.Showing...) {
		if v := response.Header.Get(name); v != "" {
			answer.Headers.Set(name, v)
		}
	}
	// What a router says of a path that it does not know is no part of the protocol.
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		answer.Body = "<any>"
	}
	return answer, nil
}

func (x *Exchange) request(ctx context.Context, base *url.URL, app string, b Bindings) (*http.Request, error) {
	body := b.Fill(x.Body)
	if x.Escaped {
		var err error
		if body, err = strconv.Unquote(`"` + strings.ReplaceAll(body, `"`, `\"`) + `"`); err != nil {
			return nil, fmt.Errorf("escaped body: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, x.Method, base.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body == "" {
		request.Body, request.ContentLength = nil, 0
	}
	// The path goes out as it is written, slashes, escapes and all.
	request.URL.Opaque = base.Path + b.Fill(x.Path)
	var query []string
	for _, parameter := range x.Parameters {
		name, value, _ := strings.Cut(b.Fill(parameter), "=")
		query = append(query, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	request.URL.RawQuery = strings.Join(query, "&")

	request.Header.Set("X-Parse-Application-Id", app)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if key, ok := credentials[x.By]; ok {
		request.Header.Set(key[0], key[1])
	}
	for _, line := range x.Headers {
		name, value, _ := strings.Cut(line, ":")
		if value = b.Fill(strings.TrimSpace(value)); value == "" {
			request.Header.Del(name)
			continue
		}
		request.Header.Set(name, value)
	}
	return request, nil
}

// NewClient returns a client that shows answers as they are: it follows no
// redirects, and it keeps no connections, as the reference closes some of them
// after errors without saying so before.
func NewClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
