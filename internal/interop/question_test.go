package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/parity"
)

// record is what the script leaves behind.
type record struct {
	People    map[string]person `json:"people"`
	Questions []question        `json:"questions"`
}

// person is a user who signed up with parse-server.
type person struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Password string `json:"password"`
	Token    string `json:"token"` // of a session
}

// question is a request that changes nothing.
type question struct {
	Path   string   `json:"path"`
	Who    string   `json:"who"`    // master, public, one of the people, or a session's token
	Params []string `json:"params"` // name=value
}

func (q question) String() string {
	return fmt.Sprintf("GET %s as %s %s", q.Path, q.Who, strings.Join(q.Params, " "))
}

func readRecord(t *testing.T, path string) *record {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// exchange is the request of a question.
func (r *record) exchange(q question) *parity.Exchange {
	x := &parity.Exchange{Method: http.MethodGet, Path: q.Path, Parameters: q.Params}
	switch q.Who {
	case "public":
	case "master":
		x.By = "master"
	default:
		token := q.Who
		if p, ok := r.People[q.Who]; ok {
			token = p.Token
		}
		x.Headers = []string{"X-Parse-Session-Token: " + token}
	}
	return x
}

// everything asks for all objects of the classes, as each of the people and with
// what they point to, beside what the script asked.
func (r *record) everything(classes []string) []question {
	all := append(slices.Clone(r.Questions), question{Path: "/schemas", Who: "master"})
	callers := []string{"master", "public"}
	for name := range r.People {
		callers = append(callers, name)
	}
	for _, class := range classes {
		all = append(all, question{Path: "/schemas/" + class, Who: "master"})
		for _, who := range callers {
			page := []string{"order=createdAt,objectId", "limit=1000"}
			all = append(all,
				question{Path: "/classes/" + class, Who: who, Params: page},
				question{Path: "/classes/" + class, Who: who, Params: append(page[:2:2], "include=*", "count=1")})
		}
	}
	return all
}

// app is the app, whichever server serves it.
func app(port int) *parity.Target {
	return &parity.Target{
		Apps:   map[string]*url.URL{"app": {Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/parse"}},
		Client: parity.NewClient(),
	}
}

// answers asks all questions, in order.
func (r *record) answers(t *testing.T, target *parity.Target, questions []question) []*parity.Answer {
	t.Helper()
	all := make([]*parity.Answer, len(questions))
	for i, q := range questions {
		answer, err := target.Ask(t.Context(), "app", r.exchange(q), nil)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		all[i] = answer
	}
	return all
}

// classNames asks for the names of all classes.
func classNames(ctx context.Context, target *parity.Target) ([]string, error) {
	answer, err := target.Ask(ctx, "app", &parity.Exchange{Method: http.MethodGet, Path: "/schemas", By: "master"}, nil)
	if err != nil {
		return nil, err
	}
	var schemas struct {
		Results []struct {
			ClassName string `json:"className"`
		} `json:"results"`
	}
	if err := json.Unmarshal([]byte(answer.Body), &schemas); err != nil {
		return nil, fmt.Errorf("%d %s: %w", answer.Status, answer.Body, err)
	}
	var names []string
	for _, s := range schemas.Results {
		names = append(names, s.ClassName)
	}
	return names, nil
}
