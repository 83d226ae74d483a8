package account_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

// phone gets the messages of an app's users.
type phone struct {
	mu   sync.Mutex
	last string
}

func (p *phone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var message struct{ Text string }
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = strings.TrimPrefix(message.Text, "Your code is ")
}

func (p *phone) code() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// A code is stored and sent though the request that asks for it is refused: it is
// there for the next one, once.
func TestCodesAreSentBeforeTheyAreAskedFor(t *testing.T) {
	n, phone := providertest.NewInternet(t), &phone{}
	n.Handle("sms.example", phone)
	providers, err := provider.Open(map[string]map[string]any{"mfa": {
		"options": []any{"SMS"},
		"sms":     map[string]any{"driver": "webhook", "url": "https://sms.example/", "secret": strings.Repeat("s", 32)},
	}}, provider.Env{HTTP: n.Client(), Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, with(providers))
	u := d.signUp("ada", `"authData":{"anonymous":{"id":"ada"}}`)
	set := func(mfa string) answer {
		return d.ask(session(u.token), "PUT", "/users/"+u.id, `{"authData":{"mfa":`+mfa+`}}`)
	}
	set(`{"mobile":"+15550100200"}`).must()
	set(`{"mobile":"+15550100200","token":"` + phone.code() + `"}`).must()

	for _, way := range []struct{ path, body string }{
		{"/login", `{"username":"ada","password":"secret","authData":{"mfa":{"token":"%"}}}`},
		{"/users", `{"authData":{"anonymous":{"id":"ada"},"mfa":{"token":"%"}}}`},
	} {
		logIn := func(token string) answer {
			return d.ask(nobody, "POST", way.path, strings.Replace(way.body, "%", token, 1))
		}
		a := logIn("request")
		a.refused(parse.ScriptFailed)
		if !strings.Contains(a.text, "Please enter the token") {
			t.Errorf("%s: %s", way.path, a.text)
		}
		if a := logIn(phone.code()); a.status != http.StatusOK {
			t.Errorf("%s: %s", way.path, a.text)
		}
		logIn(phone.code()).refused(parse.ScriptFailed)
	}
}
