package schema

import (
	"slices"
	"testing"

	"github.com/loam-baas/loam/internal/parse"
)

func permissions(t testing.TB, text string) Permissions {
	t.Helper()
	return decodePermissions(object(t, text))
}

// The expectations are what parse-server 9.10.0 answered, save where a row says
// otherwise.
func TestPermissions(t *testing.T) {
	const (
		denied   = parse.OperationForbidden
		noUser   = parse.ObjectNotFound
		yes      = parse.Code(0)
		signedIn = "u1"
	)
	for _, test := range []struct {
		name        string
		permissions string
		op          Operation
		user        string
		roles       []string
		code        parse.Code
		fields      []string
	}{
		{"closed", `{}`, OpFind, "", nil, denied, nil},
		{"closed to users", `{}`, OpUpdate, signedIn, []string{"admin"}, denied, nil},
		{"public", `{"find": {"*": true}}`, OpFind, "", nil, yes, nil},
		{"public for another operation", `{"find": {"*": true}}`, OpCount, "", nil, denied, nil},
		{"false is no grant", `{"find": {"*": false}}`, OpFind, "", nil, denied, nil},
		{"the user", `{"get": {"u1": true}}`, OpGet, signedIn, nil, yes, nil},
		{"another user", `{"get": {"u2": true}}`, OpGet, signedIn, nil, denied, nil},
		{"the role", `{"delete": {"role:admin": true}}`, OpDelete, signedIn, []string{"fan", "admin"}, yes, nil},
		{"another role", `{"delete": {"role:admin": true}}`, OpDelete, signedIn, []string{"fan"}, denied, nil},
		{"authentication", `{"create": {"requiresAuthentication": true}}`, OpCreate, "", nil, noUser, nil},
		{"authentication given", `{"create": {"requiresAuthentication": true}}`, OpCreate, signedIn, nil, yes, nil},
		{"authentication besides public", `{"find": {"*": true, "requiresAuthentication": true}}`, OpFind, "", nil, yes, nil},
		{"pointer fields", `{"get": {"pointerFields": ["owner", "list"]}}`, OpGet, signedIn, nil, yes, []string{"owner", "list"}},
		{"pointer fields without a user find nothing", `{"find": {"pointerFields": ["owner"]}}`, OpFind, "", nil, yes, []string{"owner"}},
		{"pointer fields of another operation", `{"get": {"pointerFields": ["owner"]}}`, OpFind, signedIn, nil, denied, nil},
		{"no pointer fields", `{"get": {"pointerFields": []}}`, OpGet, signedIn, nil, denied, nil},
		{"pointer fields do not create", `{"create": {"pointerFields": ["owner"]}}`, OpCreate, signedIn, nil, denied, nil},
		{"pointer fields besides authentication restrict", `{"find": {"requiresAuthentication": true, "pointerFields": ["owner"]}}`, OpFind, signedIn, nil, yes, []string{"owner"}},
		{"pointer fields besides a role do not", `{"find": {"role:admin": true, "pointerFields": ["owner"]}}`, OpFind, signedIn, []string{"admin"}, yes, nil},
		{"readers count", `{"readUserFields": ["owner"]}`, OpCount, signedIn, nil, yes, []string{"owner"}},
		{"readers do not write", `{"readUserFields": ["owner"]}`, OpUpdate, signedIn, nil, denied, nil},
		{"writers", `{"writeUserFields": ["owner"]}`, OpDelete, signedIn, nil, yes, []string{"owner"}},
		{"writers do not read", `{"writeUserFields": ["owner"]}`, OpGet, signedIn, nil, denied, nil},
		{"writers do not create", `{"writeUserFields": ["owner"]}`, OpCreate, signedIn, nil, denied, nil},
		{"writers add fields to what is theirs", `{"writeUserFields": ["owner"]}`, OpAddField, signedIn, nil, yes, []string{"owner"}},
		{"both kinds of fields", `{"get": {"pointerFields": ["a", "b"]}, "readUserFields": ["b", "c"]}`, OpGet, signedIn, nil, yes, []string{"a", "b", "c"}},
		{"a group that parse-server does not know here", `{"find": {"authenticated": true}}`, OpFind, signedIn, nil, denied, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := permissions(t, test.permissions)
			fields, err := p.Test("Game", test.op, test.user, test.roles)
			message := ""
			switch test.code {
			case denied:
				message = "Permission denied for action " + test.op.String() + " on class Game."
			case noUser:
				message = "Permission denied, user needs to be authenticated."
			}
			wantError(t, err, test.code, message)
			if !slices.Equal(fields, test.fields) {
				t.Errorf("fields %v, want %v", fields, test.fields)
			}
		})
	}
}

// Fields may be added to a new object by who is granted it, not by way of a
// pointer field. parse-server lets writeUserFields pass here, so that anybody
// who may create adds fields to the class; Loam does not.
func TestAddFieldToNewObject(t *testing.T) {
	for _, test := range []struct {
		name, permissions string
		user              string
		allowed           bool
	}{
		{"granted", `{"addField": {"u1": true}}`, "u1", true},
		{"authenticated", `{"addField": {"requiresAuthentication": true}, "writeUserFields": ["owner"]}`, "u1", true},
		{"pointer fields", `{"addField": {"pointerFields": ["owner"]}}`, "u1", false},
		{"writers", `{"writeUserFields": ["owner"]}`, "u1", false},
		{"nobody", `{}`, "u1", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := permissions(t, test.permissions)
			if err := p.TestNew("Game", OpAddField, test.user, nil); (err == nil) != test.allowed {
				t.Errorf("error %v, want allowed %v", err, test.allowed)
			}
		})
	}
}

// A user whose id looks like a group must not gain what the group may.
func TestAdvisory_A20(t *testing.T) {
	p := permissions(t, `{"find": {"role:admin": true}, "get": {"requiresAuthentication": true, "pointerFields": ["owner"]},
		"protectedFields": {"*": ["email", "phone"], "role:admin": [], "userField:owner": []}}`)
	for _, id := range []string{"role:admin", "*", "requiresAuthentication", "pointerFields"} {
		if _, err := p.Test("_User", OpFind, id, nil); err == nil {
			t.Errorf("user %q passes for the role", id)
		}
	}
	for _, id := range []string{"role:admin", "userField:owner", "*", "authenticated"} {
		if hidden, _ := p.ProtectedFieldsFor(id, nil); len(hidden) != 2 {
			t.Errorf("user %q has only %v hidden", id, hidden)
		}
	}
	if _, err := p.Test("_User", OpFind, "u1", []string{"role:admin"}); err == nil {
		t.Error(`a role named "role:admin" passes for the role "admin"`)
	}
}

func TestProtectedFieldsFor(t *testing.T) {
	for _, test := range []struct {
		name, protected string
		user            string
		roles           []string
		hidden          []string
		owners          []OwnerMask
	}{
		{name: "none", protected: `{}`},
		{name: "public", protected: `{"*": ["a", "b"]}`, hidden: []string{"a", "b"}},
		{name: "public, signed in", protected: `{"*": ["a", "b"]}`, user: "u1", hidden: []string{"a", "b"}},
		{name: "signed in sees more", protected: `{"*": ["a", "b"], "authenticated": ["b", "c"]}`, user: "u1", hidden: []string{"b"}},
		{name: "signed in sees all", protected: `{"*": ["a", "b"], "authenticated": []}`, user: "u1"},
		{name: "not signed in", protected: `{"*": ["a", "b"], "authenticated": [], "role:r": [], "u1": []}`, hidden: []string{"a", "b"}},
		{name: "no rule applies", protected: `{"role:r": ["a"]}`, user: "u1"},
		{name: "one rule applies", protected: `{"role:r": ["a"]}`, user: "u1", roles: []string{"r"}, hidden: []string{"a"}},
		{name: "every role must hide", protected: `{"role:r": ["a", "b"], "role:s": ["b", "c"]}`, user: "u1", roles: []string{"s", "r"}, hidden: []string{"b"}},
		{name: "the user's own rule", protected: `{"*": ["a", "b"], "u1": ["a"], "u2": []}`, user: "u1", hidden: []string{"a"}},
		{name: "owners", protected: `{"*": ["a", "b"], "userField:owner": ["a"]}`, user: "u1", hidden: []string{"a", "b"},
			owners: []OwnerMask{{Field: "owner", Hidden: []string{"a"}}}},
		{name: "owners are signed in", protected: `{"*": ["a"], "userField:owner": []}`, hidden: []string{"a"}},
		{name: "owners do not hide by themselves", protected: `{"userField:owner": ["a"]}`, user: "u1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := permissions(t, `{"protectedFields": `+test.protected+`}`)
			hidden, owners := p.ProtectedFieldsFor(test.user, test.roles)
			if !slices.Equal(hidden, test.hidden) {
				t.Errorf("hidden %v, want %v", hidden, test.hidden)
			}
			if !slices.EqualFunc(owners, test.owners, func(a, b OwnerMask) bool { return a.Field == b.Field && slices.Equal(a.Hidden, b.Hidden) }) {
				t.Errorf("owners %v, want %v", owners, test.owners)
			}
		})
	}
}

func BenchmarkPermissions(b *testing.B) {
	p := permissions(b, `{"find": {"role:admin": true, "u1": true}, "protectedFields": {"*": ["email"]}}`)
	roles := []string{"fan", "admin"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Test("Game", OpFind, "u2", roles); err != nil {
			b.Fatal(err)
		}
		if hidden, _ := p.ProtectedFieldsFor("u2", roles); len(hidden) != 1 {
			b.Fatal(hidden)
		}
	}
}
