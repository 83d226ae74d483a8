package parse_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

func TestACL(t *testing.T) {
	acl, err := parse.ACLOf(decode(t, `{"*":{"read":true},"u1":{"read":true,"write":true},"role:Admin":{"write":true,"read":false},"none":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := parse.ACL{Entries: []parse.ACLEntry{
		{Key: "*", Read: true}, {Key: "u1", Read: true, Write: true}, {Key: "role:Admin", Write: true}, {Key: "none"},
	}}
	if diff := cmp.Diff(want, acl); diff != "" {
		t.Errorf("ACLOf: (-want +got)\n%s", diff)
	}
	if got, want := string(parse.AppendJSON(nil, acl.Value())), `{"*":{"read":true},"u1":{"read":true,"write":true},"role:Admin":{"write":true}}`; got != want {
		t.Errorf("Value: got %s, want %s", got, want)
	}

	rperm, wperm, legacy := acl.Stored()
	if diff := cmp.Diff(bson.A{"*", "u1"}, rperm); diff != "" {
		t.Errorf("_rperm: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(bson.A{"u1", "role:Admin"}, wperm); diff != "" {
		t.Errorf("_wperm: (-want +got)\n%s", diff)
	}
	wantLegacy := bson.D{{Key: "*", Value: bson.D{{Key: "r", Value: true}}}, {Key: "u1", Value: bson.D{{Key: "r", Value: true}, {Key: "w", Value: true}}},
		{Key: "role:Admin", Value: bson.D{{Key: "w", Value: true}}}}
	if diff := cmp.Diff(wantLegacy, legacy); diff != "" {
		t.Errorf("_acl: (-want +got)\n%s", diff)
	}

	if shown, ok := shownACL(t, bson.D{{Key: "_rperm", Value: rperm}, {Key: "_wperm", Value: wperm}}); !ok || !parse.Equal(shown, acl.Value()) {
		t.Errorf("read back: got %v, %v, want %v", shown, ok, acl)
	}
}

// An empty ACL shuts everyone out but master; it is not the same as none.
func TestEmptyACLIsStored(t *testing.T) {
	rperm, wperm, legacy := parse.ACL{}.Stored()
	if rperm == nil || wperm == nil || legacy == nil {
		t.Errorf("got nil: %v %v %v", rperm, wperm, legacy)
	}
	if shown, ok := shownACL(t, bson.D{{Key: "_wperm", Value: wperm}}); !ok || !parse.Equal(shown, &parse.Object{}) {
		t.Errorf("got %v, %v, want an empty ACL", shown, ok)
	}
	if _, ok := shownACL(t, bson.D{{Key: "_id", Value: "x"}}); ok {
		t.Error("a document without the fields has an ACL")
	}
}

// shownACL is the ACL of a stored document, read as an object.
func shownACL(t *testing.T, doc bson.D) (parse.Value, bool) {
	t.Helper()
	o, err := parse.ObjectFromBSON(marshal(t, doc), "Post", nil)
	if err != nil {
		t.Fatal(err)
	}
	return o.Get("ACL")
}

func TestACLOfRefuses(t *testing.T) {
	for _, text := range []string{
		`null`, `5`, `"*"`, `[]`, `{"__type":"Pointer","className":"A","objectId":"x"}`,
		`{"*":true}`, `{"*":null}`, `{"*":[]}`, `{"*":{"read":1}}`, `{"*":{"read":"true"}}`, `{"*":{"write":null}}`, `{"*":{"read":true,"delete":true}}`,
		`{"":{"read":true}}`, `{"*unresolved":{"read":true}}`, `{"a\u0000b":{"read":true}}`, `{"__op":"Delete"}`,
	} {
		_, err := parse.ACLOf(decode(t, text))
		wantError(t, text, err, 123, "Invalid ACL.")
	}
}

func marshal(tb testing.TB, d bson.D) bson.Raw {
	tb.Helper()
	raw, err := bson.Marshal(d)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}
