package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	// fetchTime bounds a request to a provider.
	fetchTime = 10 * time.Second
	// answerSize bounds a provider's answer, in bytes: the largest are key sets.
	answerSize = 1 << 20
)

// bounded is a client that waits for a bounded time and goes only where it is
// sent: a redirect could lead into the server's own network (advisory D05).
func bounded(c *http.Client) *http.Client {
	own := http.Client{}
	if c != nil {
		own = *c
	}
	if own.Timeout == 0 || own.Timeout > fetchTime {
		own.Timeout = fetchTime
	}
	own.Jar = nil
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// answer is what a provider said: the members of a JSON object. Numbers are
// json.Number, so that no id loses digits.
type answer map[string]any

// text returns a member that is text, or a whole number written out: some
// providers' ids are numbers.
func (a answer) text(key string) string {
	switch v := a[key].(type) {
	case string:
		return v
	case json.Number:
		if wholeNumber.MatchString(v.String()) {
			return v.String()
		}
	}
	return ""
}

var wholeNumber = regexp.MustCompile(`^[0-9]{1,40}$`)

// get asks for an object.
func get(ctx context.Context, c *http.Client, url string, header http.Header) (answer, error) {
	return ask(ctx, c, http.MethodGet, url, header, nil)
}

// post sends a form and asks for an object.
func post(ctx context.Context, c *http.Client, url string, header http.Header, form url.Values) (answer, error) {
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	return ask(ctx, c, http.MethodPost, url, header, strings.NewReader(form.Encode()))
}

func bearer(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}}
}

func ask(ctx context.Context, c *http.Client, method, url string, header http.Header, body io.Reader) (answer, error) {
	text, err := fetch(ctx, c, method, url, header, body)
	if err != nil {
		return nil, err
	}
	return decodeAnswer(text)
}

// decodeAnswer decodes the forms in which providers answer: JSON, the call of a
// function with JSON, or a URL-encoded form.
func decodeAnswer(text []byte) (answer, error) {
	text = bytes.TrimSpace(text)
	if inner, ok := bytes.CutPrefix(text, []byte("callback(")); ok {
		text = bytes.TrimSpace(bytes.TrimRight(inner, "); \t\r\n"))
	}
	if len(text) > 0 && text[0] != '{' {
		form, err := url.ParseQuery(string(text))
		if err != nil {
			return nil, errors.New("the answer is neither JSON nor a form")
		}
		a := answer{}
		for key := range form {
			a[key] = form.Get(key)
		}
		return a, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var a answer
	if err := d.Decode(&a); err != nil {
		return nil, fmt.Errorf("the answer is no JSON object: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("the answer goes on behind its JSON")
	}
	return a, nil
}

// statusError is an answer whose status is not 200.
type statusError struct {
	request string
	code    int
}

func (e *statusError) Error() string { return fmt.Sprintf("%s: status %d", e.request, e.code) }

// fetch returns the body of an answer whose status is 200. Its errors don't hold
// the URL's query, where some providers want secrets to be.
func fetch(ctx context.Context, c *http.Client, method, target string, header http.Header, body io.Reader) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, errors.New("the URL is none")
	}
	if header != nil {
		r.Header = header
	}
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json")
	}
	r.Header.Set("User-Agent", "Loam")
	response, err := c.Do(r)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, fmt.Errorf("%s %s: %w", method, r.URL.Host, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", method, r.URL.Host, err)
	case response.StatusCode != http.StatusOK:
		return nil, &statusError{method + " " + r.URL.Host + r.URL.Path, response.StatusCode}
	case len(text) > answerSize:
		return nil, fmt.Errorf("%s %s: the answer has more than %d bytes", method, r.URL.Host, answerSize)
	}
	return text, nil
}

// texts returns a member that is a list of texts, or one text as a list of one.
func (a answer) texts(key string) []string {
	list, isList := a[key].([]any)
	if !isList {
		list = []any{a[key]}
	}
	var texts []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

func (a answer) object(key string) answer {
	o, _ := a[key].(map[string]any)
	return o
}
