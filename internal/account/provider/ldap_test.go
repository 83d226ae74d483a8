package provider_test

import (
	"context"
	"maps"
	"net"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

const people = `
dn: dc=example,dc=com
objectClass: domain
dc: example

dn: ou=users,dc=example,dc=com
objectClass: organizationalUnit
ou: users

dn: uid=ada,ou=users,dc=example,dc=com
objectClass: inetOrgPerson
uid: ada
cn: Ada
sn: Lovelace
userPassword: engine

dn: uid=bob,ou=users,dc=example,dc=com
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Builder
userPassword: brick

dn: uid=c\2Ben\2C (x)*,ou=users,dc=example,dc=com
objectClass: inetOrgPerson
uid: c+en, (x)*
cn: Odd
sn: Odd
userPassword: odd

dn: cn=staff,ou=users,dc=example,dc=com
objectClass: groupOfUniqueNames
cn: staff
uniqueMember: uid=ada,ou=users,dc=example,dc=com
uniqueMember: uid=c\2Ben\2C (x)*,ou=users,dc=example,dc=com

dn: cn=posix,ou=users,dc=example,dc=com
objectClass: posixGroup
cn: posix
gidNumber: 1
memberUid: bob

dn: cn=odd,ou=users,dc=example,dc=com
objectClass: posixGroup
cn: odd
gidNumber: 2
memberUid: c+en, (x)*
`

func TestLDAPBindsAsTheUser(t *testing.T) {
	d := providertest.NewDirectory(t, people)
	base := options{"url": d.SecureURL, "suffix": "ou=users,dc=example,dc=com", "tlsOptions": options{"ca": d.Authority}}
	with := func(more options) options {
		o := maps.Clone(base)
		maps.Copy(o, more)
		return o
	}
	const wrong, noMember, failed = "LDAP: Wrong username or password", "LDAP: User not in group", "LDAP API request failed."
	for _, c := range []struct {
		why     string
		options options
		data    string
		refused string // "" accepts
	}{
		{"over TLS", base, `{"id":"ada","password":"engine"}`, ""},
		{"over TLS that begins on the connection", with(options{"url": d.URL}), `{"id":"ada","password":"engine"}`, ""},
		{"a name of the configuration", with(options{"dn": "uid={{id}},ou=users,dc=example,dc=com", "suffix": "dc=example,dc=com"}), `{"id":"ada","password":"engine"}`, ""},
		{"a wrong password", base, `{"id":"ada","password":"brick"}`, wrong},
		{"a name that is not there", base, `{"id":"eve","password":"engine"}`, wrong},
		{"no password", base, `{"id":"ada"}`, wrong},
		{"an empty password, which directories take", base, `{"id":"ada","password":""}`, wrong},
		{"a password that is no text", base, `{"id":"ada","password":true}`, wrong},
		{"no name", base, `{"id":"","password":"engine"}`, wrong},
		{"a name that is no text", base, `{"id":["ada"],"password":"engine"}`, wrong},
		{"a name in other words", base, `{"id":"ada ","password":"engine"}`, wrong},
		{"a name with a zero", base, `{"id":"ada\u0000","password":"engine"}`, wrong},
		{"a member of the group", with(options{"groupCn": "staff"}), `{"id":"ada","password":"engine"}`, ""},
		{"no member of the group", with(options{"groupCn": "staff"}), `{"id":"bob","password":"brick"}`, noMember},
		{"a member by a filter", with(options{"groupCn": "posix", "groupFilter": "(memberUid={{id}})"}), `{"id":"bob","password":"brick"}`, ""},
		{"no member by a filter", with(options{"groupCn": "posix", "groupFilter": "(memberUid={{id}})"}), `{"id":"ada","password":"engine"}`, noMember},
		{"a group that is not there", with(options{"groupCn": "board"}), `{"id":"ada","password":"engine"}`, noMember},
		{"a member of the group, with a wrong password", with(options{"groupCn": "staff"}), `{"id":"ada","password":"brick"}`, wrong},
		{"a certificate of a stranger", options{"url": d.SecureURL, "suffix": "ou=users,dc=example,dc=com"}, `{"id":"ada","password":"engine"}`, failed},
		{"a certificate of a stranger, on the connection", options{"url": d.URL, "suffix": "ou=users,dc=example,dc=com"}, `{"id":"ada","password":"engine"}`, failed},
		{"a certificate of another host", with(options{"tlsOptions": options{"ca": d.Authority, "servername": "ldap.example.com"}}), `{"id":"ada","password":"engine"}`, failed},
		{"any certificate, where that is allowed", with(options{"tlsOptions": options{"rejectUnauthorized": false}}), `{"id":"ada","password":"engine"}`, ""},
		{"in the clear, where that is allowed", options{"url": d.URL, "suffix": "ou=users,dc=example,dc=com", "enableInsecureAuth": true}, `{"id":"ada","password":"engine"}`, ""},
		{"nobody there", with(options{"url": "ldaps://127.0.0.1:1"}), `{"id":"ada","password":"engine"}`, failed},
	} {
		kept, err := signUp(open(t, nil, "ldap", c.options), data(t, c.data))
		switch {
		case c.refused != "" && err == nil:
			t.Errorf("%s: accepted", c.why)
		case c.refused != "":
			refused(t, err, parse.ObjectNotFound, c.refused)
		case err != nil:
			t.Errorf("%s: %v", c.why, err)
		case strings.Contains(written(t, kept), "password"):
			t.Errorf("%s keeps %s", c.why, written(t, kept))
		}
	}
}

// An id is one name in a name, and one value in a filter.
func TestAdvisory_D12_NamesAreEscaped(t *testing.T) {
	d := providertest.NewDirectory(t, people)
	base := options{"url": d.SecureURL, "suffix": "ou=users,dc=example,dc=com", "tlsOptions": options{"ca": d.Authority}}
	grouped := maps.Clone(base)
	grouped["groupCn"] = "staff"
	filtered := maps.Clone(base)
	filtered["groupCn"], filtered["groupFilter"] = "posix", "(memberUid={{id}})"

	odd := maps.Clone(filtered)
	odd["groupCn"] = "odd"
	for name, o := range map[string]options{"alone": base, "in a group": grouped, "in a group by a filter": odd} {
		if _, err := signUp(open(t, nil, "ldap", o), data(t, `{"id":"c+en, (x)*","password":"odd"}`)); err != nil {
			t.Errorf("%s: a name of special characters is refused: %v", name, err)
		}
	}
	if _, err := signUp(open(t, nil, "ldap", filtered), data(t, `{"id":"c+en, (x)*","password":"odd"}`)); err == nil {
		t.Error("a name of special characters is in any group")
	}
	for _, id := range []string{
		`ada,ou=users,dc=example,dc=com`, `bob+uid=ada`, `*`, `a*`, `ada)(uid=*`, `*)(objectClass=*`, `ada\\2c`, `#04036164`,
		`bob)(|(memberUid=*)`, `\\61da`, `ada;x`, `"ada"`, `{{id}}`,
	} {
		for _, o := range []options{base, grouped, filtered} {
			for _, password := range []string{"engine", "brick"} {
				_, err := signUp(open(t, nil, "ldap", o), data(t, `{"id":"`+strings.ReplaceAll(id, `"`, `\"`)+`","password":"`+password+`"}`))
				refused(t, err, parse.ObjectNotFound, "LDAP: Wrong username or password")
			}
		}
	}
}

// A password opens more than the app; it is for the directory alone.
func TestAdvisory_C02_PasswordsGoNoFurtherThanTheDirectory(t *testing.T) {
	d := providertest.NewDirectory(t, people)
	p := open(t, nil, "ldap", options{"url": d.SecureURL, "suffix": "ou=users,dc=example,dc=com", "tlsOptions": options{"ca": d.Authority}})
	exchanged, err := p.Exchange(context.Background(), data(t, `{"id":"ada","password":"engine","Password":"engine"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range map[string]func(context.Context, provider.Check) (provider.Answer, error){"SetUp": p.SetUp, "LogIn": p.LogIn, "Update": p.Update} {
		a, err := check(context.Background(), provider.Check{Data: exchanged})
		if err != nil || written(t, a.Save) != `{"id":"ada"}` || a.Response != nil {
			t.Errorf("%s keeps %s %v", name, written(t, a.Save), err)
		}
	}
	if strings.Contains(written(t, exchanged), "engine") {
		t.Errorf("the password is still in %s", written(t, exchanged))
	}
	_, err = p.Exchange(context.Background(), data(t, `{"id":"ada","password":"a wrong one"}`))
	if err == nil || strings.Contains(err.Error(), "a wrong one") {
		t.Errorf("%v", err)
	}
}

func TestLDAPDoesNotWaitForADirectoryThatIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	taken := make(chan net.Conn, 2)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			taken <- conn
			cancel()
		}
	}()
	for _, scheme := range []string{"ldap", "ldaps"} {
		p := open(t, nil, "ldap", options{"url": scheme + "://" + l.Addr().String(), "suffix": "dc=example,dc=com"})
		_, err = p.Exchange(ctx, data(t, `{"id":"ada","password":"engine"}`))
		refused(t, err, parse.ObjectNotFound, "LDAP API request failed.")
	}
	(<-taken).Close()
}

func TestLDAPRefusesToStartUnsafely(t *testing.T) {
	safe := options{"url": "ldaps://ldap.example.com", "suffix": "dc=example,dc=com"}
	for says, change := range map[string]options{
		"auth.ldap.url is missing":               {"url": nil},
		"auth.ldap.suffix is missing":            {"suffix": nil},
		"auth.ldap.url must be ldaps://":         {"url": "https://ldap.example.com"},
		"url must be ldaps:// or":                {"url": "ldaps://admin:secret@ldap.example.com"},
		"enableInsecureAuthAdapters":             {"url": "ldap://ldap.example.com", "enableInsecureAuth": true},
		"rejectUnauthorized lets anybody":        {"tlsOptions": options{"rejectUnauthorized": false}},
		"tlsOptions.ca must hold certificates":   {"tlsOptions": options{"ca": "none"}},
		"tlsOptions.checkServerIdentity is no":   {"tlsOptions": options{"checkServerIdentity": "x"}},
		"auth.ldap.dn must hold {{id}}":          {"dn": "uid=ada,dc=example,dc=com"},
		"auth.ldap.dn must be a distinguished":   {"suffix": "example"},
		"auth.ldap.groupFilter must be a filter": {"groupCn": "staff", "groupFilter": "(memberUid={{id}}"},
		"auth.ldap.groupCn is missing":           {"groupFilter": "(memberUid={{id}})"},
	} {
		o := maps.Clone(safe)
		maps.Copy(o, change)
		_, err := provider.Open(map[string]map[string]any{"ldap": o}, provider.Env{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v does not say %q", change, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v tells a secret", err)
		}
	}
	if _, err := provider.Open(map[string]map[string]any{"ldap": safe}, provider.Env{}); err != nil {
		t.Error(err)
	}
}
