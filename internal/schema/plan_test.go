package schema

import (
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/parse"
)

// definitions reads class definitions, each as JSON.
func definitions(t *testing.T, classes ...string) Definitions {
	t.Helper()
	var d Definitions
	for _, class := range classes {
		o, err := parse.DecodeObject([]byte(class), parse.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		d.Classes = append(d.Classes, o)
	}
	return d
}

// told is a plan in words, one change or warning a line.
func told(p *Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		for _, change := range s.Changes {
			b.WriteString(s.Class + ": " + change + "\n")
		}
	}
	for _, w := range p.Warnings {
		b.WriteString("warning: " + w + "\n")
	}
	return b.String()
}

// closed is what every plan for a new database has, as _User and _Role are there.
const closed = "_Role: close to new fields\n_User: close to new fields\n"

func TestPlan(t *testing.T) {
	const note = `{"className":"Note","fields":{"text":{"type":"String","required":true},"author":{"type":"Pointer","targetClass":"_User"},
		"old":{"type":"Number"}},"indexes":{"byText":{"text":1},"byAuthor":{"_p_author":1,"text":-1}},
		"classLevelPermissions":{"find":{"*":true},"get":{"*":true},"create":{"requiresAuthentication":true}}}`
	const permissions = `"classLevelPermissions":{"find":{"*":true},"get":{"*":true},"create":{"requiresAuthentication":true}}`
	const indexes = `"indexes":{"byText":{"text":1},"byAuthor":{"_p_author":1,"text":-1}}`
	tests := []struct {
		name string
		// with are members of Definitions that are set.
		with  func(*Definitions)
		after string // the definition, planned after note was applied
		want  string
	}{
		{name: "nothing new", after: note, want: ""},
		{
			name: "fields are added and changed",
			after: `{"className":"Note","fields":{"text":{"type":"String"},"author":{"type":"Pointer","targetClass":"_User"},
				"old":{"type":"Number"},"stars":{"type":"Number","defaultValue":1}},` + indexes + `,` + permissions + `}`,
			want: "Note: change field text (String)\nNote: add field stars (Number)\n",
		},
		{
			name:  "what is not defined stays, without a word",
			after: `{"className":"Note","fields":{"text":{"type":"String","required":true},"author":{"type":"Pointer","targetClass":"_User"}},` + indexes + `,` + permissions + `}`,
		},
		{
			name:  "what is not defined is warned about",
			with:  func(d *Definitions) { d.Strict = true },
			after: `{"className":"Note","fields":{"text":{"type":"String","required":true},"author":{"type":"Pointer","targetClass":"_User"}},` + indexes + `,` + permissions + `}`,
			want:  "warning: field old of class Note is in the database, but not defined\n",
		},
		{
			name:  "what is not defined is deleted",
			with:  func(d *Definitions) { d.DeleteExtraFields = true },
			after: `{"className":"Note","fields":{"text":{"type":"String","required":true},"author":{"type":"Pointer","targetClass":"_User"}},` + indexes + `,` + permissions + `}`,
			want:  "Note: delete field old (Number) with its data\n",
		},
		{
			name: "another type stays",
			after: `{"className":"Note","fields":{"text":{"type":"String","required":true},"author":{"type":"Pointer","targetClass":"_User"},
				"old":{"type":"String"}},` + indexes + `,` + permissions + `}`,
			want: "warning: field old of class Note is a Number, but defined as a String: it stays as it is\n",
		},
		{
			name: "another type is made anew",
			with: func(d *Definitions) { d.RecreateModifiedFields = true },
			after: `{"className":"Note","fields":{"text":{"type":"String","required":true},"author":{"type":"Pointer","targetClass":"_User"},
				"old":{"type":"String"}},` + indexes + `,` + permissions + `}`,
			want: "Note: delete field old (Number) with its data, as it is to be a String\nNote: add field old (String)\n",
		},
		{
			name: "indexes are dropped, changed and made",
			after: `{"className":"Note","fields":{"text":{"type":"String","required":true},"author":{"type":"Pointer","targetClass":"_User"},"old":{"type":"Number"}},
				"indexes":{"byText":{"text":-1},"byOld":{"old":1}},` + permissions + `}`,
			want: "Note: drop index byText, as its keys change\nNote: drop index byAuthor\nNote: make index byText\nNote: make index byOld\n",
		},
		{
			name: "unknown indexes are kept",
			with: func(d *Definitions) { d.KeepUnknownIndexes = true },
			after: `{"className":"Note","fields":{"text":{"type":"String","required":true},"author":{"type":"Pointer","targetClass":"_User"},"old":{"type":"Number"}},
				"indexes":{"byText":{"text":1}},` + permissions + `}`,
		},
		{
			name: "permissions are changed",
			after: `{"className":"Note","fields":{"text":{"type":"String","required":true},"author":{"type":"Pointer","targetClass":"_User"},"old":{"type":"Number"}},` + indexes + `,
				"classLevelPermissions":{"find":{"*":true}}}`,
			want: "Note: change permissions\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			catalog := openCatalog(t, openStore(t), Options{})
			first, err := catalog.Plan(t.Context(), definitions(t, note))
			if err != nil {
				t.Fatal(err)
			}
			const made = "Note: make the class\nNote: add field text (String, required)\nNote: add field author (Pointer<_User>)\nNote: add field old (Number)\nNote: make index byText\nNote: make index byAuthor\n"
			if got := told(first); got != made+closed {
				t.Errorf("plan of a new class:\n%swant\n%s", got, made+closed)
			}
			if err := catalog.Apply(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			d := definitions(t, test.after)
			if test.with != nil {
				test.with(&d)
			}
			plan, err := catalog.Plan(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			if got := told(plan); got != test.want {
				t.Errorf("plan:\n%swant\n%s", got, test.want)
			}
			if err := catalog.Apply(t.Context(), plan); err != nil {
				t.Fatal(err)
			}
			again, err := catalog.Plan(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			if len(again.Steps) > 0 {
				t.Errorf("after it was applied there is still to do:\n%s", told(again))
			}
		})
	}
}

func TestPlan_RefusesWhatCanNotBe(t *testing.T) {
	catalog := openCatalog(t, openStore(t), Options{})
	for _, classes := range [][]string{
		{`{"fields":{}}`},
		{`{"className":"A"}`, `{"className":"A"}`},
		{`{"className":"1A"}`},
		{`{"className":"A","fields":{"a":{"type":"Nothing"}}}`},
		{`{"className":"A","fields":{"1a":{"type":"String"}}}`},
		{`{"className":"A","fields":{"a":{"type":"Pointer"}}}`},
		{`{"className":"A","fields":{"a":{"type":"GeoPoint"},"b":{"type":"GeoPoint"}}}`},
		{`{"className":"A","indexes":{"i":{"missing":1}}}`},
		{`{"className":"A","classLevelPermissions":{"fly":{}}}`},
		{`{"className":"A","filds":{}}`},
	} {
		if _, err := catalog.Plan(t.Context(), definitions(t, classes...)); err == nil {
			t.Errorf("%s is taken", classes)
		}
	}
}

func TestDefinition_IsWhatPlansToNothing(t *testing.T) {
	catalog := openCatalog(t, openStore(t), Options{})
	plan, err := catalog.Plan(t.Context(), definitions(t,
		`{"className":"_User","fields":{"age":{"type":"Number"}},"classLevelPermissions":{"get":{"*":true},"protectedFields":{"*":["age"]}}}`,
		`{"className":"Note","fields":{"who":{"type":"Relation","targetClass":"_User"},"when":{"type":"Date","required":true}},"indexes":{"byWhen":{"when":-1}},"classLevelPermissions":{"find":{"role:a":true,"pointerFields":[]}}}`,
	))
	if err != nil {
		t.Fatal(err)
	}
	if err := catalog.Apply(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	var d Definitions
	for _, class := range catalog.Snapshot().Classes() {
		d.Classes = append(d.Classes, class.Definition())
	}
	again, err := catalog.Plan(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if got := told(again); got != "" {
		t.Errorf("what there is, as definitions, is planned to be changed:\n%s", got)
	}
}
