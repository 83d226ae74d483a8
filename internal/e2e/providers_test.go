package e2e

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/loam-baas/loam/internal/account/provider/providertest"
)

// TestSDKAndProviders runs providers.mjs against Loam with an issuer of OpenID
// Connect, which signs real tokens, and a second factor.
func TestSDKAndProviders(t *testing.T) {
	n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
	name := "https://" + n.Address()
	n.HandleFunc(n.Address(), func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			providertest.JSON(w, map[string]string{"issuer": name, "jwks_uri": name + "/keys"})
			return
		}
		issuer.ServeHTTP(w, r)
	})
	authority := filepath.Join(t.TempDir(), "authority.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.Authority().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", authority) // whom the program believes

	token := func(subject, audience string, life time.Duration) string {
		now := time.Now()
		return issuer.Sign(jwt.MapClaims{"iss": name, "sub": subject, "aud": audience, "iat": now.Add(-time.Hour).Unix(), "exp": now.Add(life).Unix()})
	}
	tokens, err := json.Marshal(map[string]string{
		"ada": token("ada", "app-1", time.Hour), "bob": token("bob", "app-1", time.Hour),
		"expired": token("ada", "app-1", -time.Hour), "foreign": token("ada", "app-2", time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, func(string) map[string]any {
		return map[string]any{
			"appId": "first", "masterKey": "first-master",
			"auth": map[string]any{
				"works": map[string]any{"module": "oidc", "issuer": name, "clientId": "app-1"},
				"mfa":   map[string]any{"options": []string{"TOTP"}},
			},
		}
	})
	node := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "providers.mjs")
	node.Env = append(os.Environ(), "LOAM_URL="+p.url, "LOAM_APP_ID=first", "LOAM_MASTER_KEY=first-master", "LOAM_TOKENS="+string(tokens),
		"LOAM_OTHER_URL="+p.url, "LOAM_OTHER_APP_ID=first", "LOAM_OTHER_MASTER_KEY=first-master", "LOAM_OTHER_JAVASCRIPT_KEY=none")
	if output, err := node.CombinedOutput(); err != nil {
		t.Errorf("node --test: %v\n%s\n%s", err, output, p.log.String())
	}
}
