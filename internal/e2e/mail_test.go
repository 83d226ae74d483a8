package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/loam-baas/loam/internal/mail/mailtest"
)

// A mail that is waiting for its server outlives a process that is killed.
func TestMailOutlivesAKilledProcess(t *testing.T) {
	t.Parallel()
	var refused atomic.Int32
	var up atomic.Bool
	post := mailtest.Start(t, mailtest.Options{Refuse: func(string) error {
		if up.Load() {
			return nil
		}
		refused.Add(1)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Try later"}
	}})
	p := start(t, func(url string) map[string]any {
		return map[string]any{
			"appId": "game", "masterKey": "master", "appName": "Game", "serverURL": url, "verifyUserEmails": true,
			"emailAdapter": fmt.Sprintf("smtp://127.0.0.1:%d?from=game@example.com&starttls=none", post.Port),
		}
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/users",
		strings.NewReader(`{"username":"ada","password":"secret","email":"ada@example.com"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Parse-Application-Id", "game")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("the sign-up is answered with %s", response.Status)
	}
	for deadline := time.Now().Add(patience); refused.Load() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was sent")
		}
	}
	p.kill()
	up.Store(true)
	p.run()
	// The next try is up to 15 seconds after the first.
	if m := post.Next(t); strings.Join(m.To, ",") != "ada@example.com" || !strings.HasPrefix(m.Link(), p.url+"/apps/game/verify_email?token=") {
		t.Errorf("mail to %v with %q", m.To, m.Link())
	}
}
