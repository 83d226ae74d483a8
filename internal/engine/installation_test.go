package engine_test

import (
	"testing"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// installations lists "installationId deviceToken" of all there are, by id.
func (a app) installations() string {
	a.t.Helper()
	found, err := a.find(master, "_Installation", `{"order":"installationId,objectId"}`)
	if err != nil {
		a.t.Fatal(err)
	}
	var list string
	for _, o := range found.Results {
		id, _ := o["installationId"].(string)
		token, _ := o["deviceToken"].(string)
		list += "[" + id + " " + token + "]"
	}
	return list
}

// What a write would take from another installation stays there when the write
// is refused.
func TestInstallations_RefusedWritesTakeNothing(t *testing.T) {
	a := open(t)
	a.create(master, "_Installation", `{"deviceType":"ios","installationId":"a","deviceToken":"t"}`)
	mine := a.create(master, "_Installation", `{"deviceType":"ios","installationId":"b","ACL":{"alice":{"read":true,"write":true}}}`)
	const all = "[a t][b ]"
	for _, refused := range []struct {
		what string
		by   engine.Caller
		do   func(engine.Caller) error
		code parse.Code
	}{
		{"a value of a wrong type", master, func(c engine.Caller) error {
			_, err := a.Create(t.Context(), c, "_Installation", object(t, `{"deviceType":"ios","installationId":"c","deviceToken":"t","badge":"x"}`))
			return err
		}, parse.IncorrectType},
		{"another one's object", bob, func(c engine.Caller) error {
			_, err := a.update(c, "_Installation", mine, `{"installationId":"b","deviceToken":"t"}`)
			return err
		}, parse.ObjectNotFound},
		{"another one's object, by its installation's id", bob, func(c engine.Caller) error {
			_, err := a.Create(t.Context(), c, "_Installation", object(t, `{"deviceType":"ios","installationId":"b","deviceToken":"t"}`))
			return err
		}, parse.ObjectNotFound},
	} {
		if err := refused.do(refused.by); parse.CodeOf(err) != refused.code || err == nil {
			t.Errorf("%s: error %v, want code %d", refused.what, err, refused.code)
		}
		if got := a.installations(); got != all {
			t.Errorf("%s: there are %s, want %s", refused.what, got, all)
		}
	}
	if _, err := a.update(alice, "_Installation", mine, `{"installationId":"b","deviceToken":"t"}`); err != nil {
		t.Fatal(err)
	}
	if got, want := a.installations(), "[b t]"; got != want {
		t.Errorf("there are %s, want %s", got, want)
	}
}

// Who may not change an installation learns nothing of what it holds.
func TestInstallations_RefusalsTellNothing(t *testing.T) {
	a := open(t)
	hidden := a.create(master, "_Installation", `{"deviceType":"ios","installationId":"a","ACL":{"alice":{"read":true,"write":true}}}`)
	for _, body := range []string{`{"deviceType":"android"}`, `{"installationId":"b"}`, `{"deviceType":"ios"}`} {
		if _, err := a.update(bob, "_Installation", hidden, body); parse.CodeOf(err) != parse.ObjectNotFound {
			t.Errorf("%s: error %v, want that there is none", body, err)
		}
	}
	if _, err := a.UpdateSchema(t.Context(), master, "_Installation", object(t, `{"classLevelPermissions":{"create":{"*":true}}}`)); err != nil {
		t.Fatal(err)
	}
	open := a.create(master, "_Installation", `{"deviceType":"ios","installationId":"c"}`)
	if _, err := a.update(bob, "_Installation", open, `{"deviceType":"android"}`); parse.CodeOf(err) != parse.OperationForbidden {
		t.Errorf("of a closed class: error %v, want a refusal", err)
	}
	if _, err := a.find(anonymous, "_Installation", `{"where":{"objectId":"`+open+`"}}`); parse.CodeOf(err) != parse.OperationForbidden {
		t.Errorf("a search for one by its id: error %v, want a refusal", err)
	}
}
