package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// library is an app with books by authors of countries.
func library(t *testing.T) (a app, authors map[string]string) {
	a = open(t)
	country := a.create(master, "Country", `{"name":"Norway"}`)
	authors = make(map[string]string)
	for _, name := range []string{"Ada", "Bo"} {
		authors[name] = a.create(master, "Author", `{"name":"`+name+`","born":1900,"country":`+pointer("Country", country)+`}`)
	}
	a.create(master, "Book", `{"title":"one","author":`+pointer("Author", authors["Ada"])+`,"all":[`+pointer("Author", authors["Ada"])+`,`+pointer("Author", authors["Bo"])+`]}`)
	a.create(master, "Book", `{"title":"two","author":`+pointer("Author", authors["Bo"])+`,"nested":{"deep":`+pointer("Author", authors["Ada"])+`}}`)
	a.create(master, "Book", `{"title":"three","author":`+pointer("Author", "gone")+`,"all":[`+pointer("Author", "gone")+`]}`)
	return a, authors
}

func pointer(class, id string) string {
	return `{"__type":"Pointer","className":"` + class + `","objectId":"` + id + `"}`
}

// at walks into a result by keys.
func at(v any, path ...string) any {
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

func TestIncludeFetchesPointersOfEveryLevel(t *testing.T) {
	a, _ := library(t)
	books := a.mustFind(anonymous, "Book", `{"order":"createdAt","include":"author.country,all,nested.deep"}`)
	one, two, three := books[0], books[1], books[2]
	for _, check := range []struct {
		name string
		got  any
		want any
	}{
		{"the author is an object", at(one, "author", "__type"), "Object"},
		{"of its class", at(one, "author", "className"), "Author"},
		{"with its fields", at(one, "author", "name"), "Ada"},
		{"and the next level", at(one, "author", "country", "name"), "Norway"},
		{"pointers in arrays are fetched", at(one["all"].([]any)[1], "name"), "Bo"},
		{"but their own pointers are not, unless asked", at(one["all"].([]any)[1], "country", "__type"), "Pointer"},
		{"pointers in objects are fetched", at(two, "nested", "deep", "name"), "Ada"},
		{"a pointer to nothing is left out", three["author"], nil},
		{"in arrays too", len(three["all"].([]any)), 0},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %v, want %v", check.name, check.got, check.want)
		}
	}
}

func TestIncludeAllFetchesTheFirstLevel(t *testing.T) {
	a, _ := library(t)
	books := a.mustFind(anonymous, "Book", `{"order":"createdAt","include":"*"}`)
	if got := at(books[0], "author", "name"); got != "Ada" {
		t.Errorf("author is %v", got)
	}
	if got := at(books[0], "author", "country", "__type"); got != "Pointer" {
		t.Errorf("the second level is %v", got)
	}
}

func TestKeysGoOnInIncludedObjects(t *testing.T) {
	a, _ := library(t)
	book := a.mustFind(anonymous, "Book", `{"order":"createdAt","keys":"title,author.name","include":"author"}`)[0]
	if at(book, "author", "name") != "Ada" || at(book, "author", "born") != nil || book["all"] != nil || book["title"] != "one" {
		t.Errorf("got %v", book)
	}
	book = a.mustFind(anonymous, "Book", `{"order":"createdAt","excludeKeys":"title,author.name","include":"author"}`)[0]
	if at(book, "author", "name") != nil || at(book, "author", "born") != 1900.0 || book["title"] != nil {
		t.Errorf("got %v", book)
	}
}

func TestIncludeObeysTheCallersPermissions(t *testing.T) {
	a := open(t)
	hidden := a.create(master, "Author", `{"name":"hidden","ACL":{"alice":{"read":true}}}`)
	a.create(master, "Book", `{"author":`+pointer("Author", hidden)+`}`)
	if got := at(a.mustFind(alice, "Book", `{"include":"author"}`)[0], "author", "name"); got != "hidden" {
		t.Errorf("alice sees %v", got)
	}
	if got := a.mustFind(bob, "Book", `{"include":"author"}`)[0]["author"]; got != nil {
		t.Errorf("bob sees %v", got)
	}
	a.schema("Closed", `{"fields":{"x":{"type":"Number"}},"classLevelPermissions":{"find":{},"get":{}}}`)
	closed := a.create(master, "Closed", `{"x":1}`)
	a.create(master, "Door", `{"to":`+pointer("Closed", closed)+`}`)
	_, err := a.find(bob, "Door", `{"include":"to"}`)
	wantCode(t, err, parse.OperationForbidden)
	a.create(master, "Window", `{"to":`+pointer("_Session", "s")+`}`)
	_, err = a.find(anonymous, "Window", `{"include":"to"}`)
	wantCode(t, err, parse.InvalidSessionToken)
}

func TestIncludedObjectsHideProtectedFields(t *testing.T) {
	a := protected(t)
	vault := a.mustFind(master, "Vault", `{"where":{"title":"a"}}`)[0]["objectId"].(string)
	a.create(master, "Door", `{"to":`+pointer("Vault", vault)+`}`)
	for _, test := range []struct {
		who    engine.Caller
		secret any
	}{{anonymous, nil}, {alice, "s1"}, {master, "s1"}} {
		got := a.mustFind(test.who, "Door", `{"include":"to"}`)[0]
		if at(got, "to", "title") != "a" || at(got, "to", "secret") != test.secret {
			t.Errorf("%+v sees %v", test.who, got)
		}
	}
}

func TestSubqueriesRunUnderTheCaller(t *testing.T) {
	a, authors := library(t)
	for _, test := range []struct{ where, titles string }{
		{`{"author":{"$inQuery":{"className":"Author","where":{"name":"Ada"}}}}`, "one"},
		{`{"author":{"$notInQuery":{"className":"Author","where":{"name":"Ada"}}}}`, "three two"},
		{`{"all":{"$inQuery":{"className":"Author","where":{"name":"Bo"}}}}`, "one"},
		{`{"$or":[{"author":{"$inQuery":{"className":"Author","where":{"name":"Bo"}}}},{"title":"three"}]}`, "three two"},
		{`{"author":` + pointer("Author", authors["Bo"]) + `}`, "two"},
		{`{"author":{"$inQuery":{"className":"Author","where":{"country":{"$inQuery":{"className":"Country","where":{"name":"Norway"}}}}}}}`, "one two"},
		{`{"title":{"$select":{"query":{"className":"Wish","where":{}},"key":"title"}}}`, "two"},
		{`{"title":{"$dontSelect":{"query":{"className":"Wish","where":{}},"key":"title"}}}`, "one three"},
	} {
		if a.mustFind(master, "Wish", `{}`) == nil || len(a.mustFind(master, "Wish", `{}`)) == 0 {
			a.create(master, "Wish", `{"title":"two"}`)
		}
		if got := values(a.mustFind(anonymous, "Book", `{"order":"title","where":`+test.where+`}`), "title"); got != test.titles {
			t.Errorf("%s: got %q, want %q", test.where, got, test.titles)
		}
	}
	a.create(master, "Author", `{"name":"private","ACL":{}}`)
	got, err := a.find(anonymous, "Author", `{"where":{"name":{"$select":{"query":{"className":"Author","where":{"name":"private"}},"key":"name"}}},"count":1}`)
	if err != nil || *got.Count != 0 {
		t.Errorf("a subquery found what its caller may not see: %v %v", got, err)
	}
}

func TestRelationsAddAndRemove(t *testing.T) {
	a, authors := library(t)
	members := func(team string) string {
		return values(a.mustFind(anonymous, "Author", `{"order":"name","where":{"$relatedTo":{"object":`+pointer("Team", team)+`,"key":"members"}}}`), "name")
	}
	both := pointer("Author", authors["Ada"]) + "," + pointer("Author", authors["Bo"])
	team := a.create(anonymous, "Team", `{"members":{"__op":"AddRelation","objects":[`+both+`]}}`)
	if got := members(team); got != "Ada Bo" {
		t.Errorf("members are %q", got)
	}
	if got := at(a.mustFind(anonymous, "Team", `{}`)[0], "members", "className"); got != "Author" {
		t.Errorf("the relation reads %v", got)
	}
	steps := []struct{ body, want string }{
		{`{"members":{"__op":"AddRelation","objects":[` + both + `]}}`, "Ada Bo"},
		{`{"members":{"__op":"RemoveRelation","objects":[` + pointer("Author", authors["Ada"]) + `]}}`, "Bo"},
		{`{"members":{"__op":"Batch","ops":[{"__op":"AddRelation","objects":[` + pointer("Author", authors["Ada"]) + `]},{"__op":"RemoveRelation","objects":[` + pointer("Author", authors["Bo"]) + `]}]}}`, "Ada"},
	}
	for _, step := range steps {
		if _, err := a.update(anonymous, "Team", team, step.body); err != nil {
			t.Fatal(step.body, err)
		}
		if got := members(team); got != step.want {
			t.Errorf("after %s members are %q, want %q", step.body, got, step.want)
		}
	}
	for where, want := range map[string]int{
		`{"members":` + pointer("Author", authors["Ada"]) + `}`:                                      1,
		`{"members":` + pointer("Author", authors["Bo"]) + `}`:                                       0,
		`{"members":{"$in":[` + both + `]}}`:                                                         1,
		`{"members":{"$nin":[` + both + `]}}`:                                                        0,
		`{"members":{"$inQuery":{"className":"Author","where":{"name":"Ada"}}}}`:                     1,
		`{"$or":[{"members":` + pointer("Author", authors["Bo"]) + `},{"objectId":"` + team + `"}]}`: 1,
	} {
		if got := len(a.mustFind(anonymous, "Team", `{"where":`+where+`}`)); got != want {
			t.Errorf("%s finds %d teams, want %d", where, got, want)
		}
	}
	_, err := a.update(anonymous, "Team", team, `{"members":{"__op":"AddRelation","objects":[`+pointer("Book", "x")+`]}}`)
	wantCode(t, err, parse.IncorrectType)
}

func TestLimitAndSkip(t *testing.T) {
	a := open(t, func(o *engine.Options) { o.DefaultLimit, o.MaxLimit = 3, 5 })
	for i := range 8 {
		a.create(master, "N", fmt.Sprintf(`{"s":"%d"}`, i))
	}
	for params, want := range map[string]string{
		`{"order":"s"}`:                     "0 1 2",
		`{"order":"s","limit":2}`:           "0 1",
		`{"order":"s","limit":100}`:         "0 1 2 3 4",
		`{"order":"-s","limit":2,"skip":1}`: "6 5",
		`{"order":"s","limit":0}`:           "",
	} {
		if got := values(a.mustFind(anonymous, "N", params), "s"); got != want {
			t.Errorf("%s: got %q, want %q", params, got, want)
		}
	}
	out, err := a.find(anonymous, "N", `{"count":1,"limit":1}`)
	if err != nil || *out.Count != 8 || len(out.Results) != 1 {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestUnknownClasses(t *testing.T) {
	a := open(t)
	if got := a.mustFind(anonymous, "Nothing", `{}`); len(got) != 0 {
		t.Errorf("found %v", got)
	}
	_, err := a.get(anonymous, "Nothing", "x", `{}`)
	wantCode(t, err, parse.ObjectNotFound)
	closed := open(t, func(o *engine.Options) { o.AllowClientClassCreation = false })
	_, err = closed.find(anonymous, "Nothing", `{}`)
	wantCode(t, err, parse.OperationForbidden)
	_, err = closed.Create(context.Background(), anonymous, "Nothing", object(t, `{"a":1}`))
	wantCode(t, err, parse.OperationForbidden)
	closed.create(master, "Nothing", `{"a":1}`)
}

// A search for text looks into all fields of the text index, whichever is named.
func TestAdvisory_A06_TextSearchesOfHiddenFields(t *testing.T) {
	a := open(t)
	a.schema("Post", `{"fields":{"title":{"type":"String"},"secret":{"type":"String"},"more":{"type":"Object"}},
		"classLevelPermissions":{"find":{"*":true},"count":{"*":true},"protectedFields":{"*":["secret"],"role:admin":[]}}}`)
	a.create(master, "Post", `{"title":"open","secret":"hidden"}`)
	const search = `{"where":{"title":{"$text":{"$search":{"$term":"hidden"}}}}}`
	for keys, denied := range map[string]bool{
		"title": false, "title secret": true, "title secret.part": true, "$**": true, "title more.a": false, "title _p_author": true,
	} {
		var index bson.D
		for _, key := range strings.Fields(keys) {
			index = append(index, bson.E{Key: key, Value: "text"})
		}
		if err := a.store.CreateIndexes(context.Background(), "Post", store.Index{Name: "t", Keys: index}); err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{search, `{"where":{"$or":[` + search[len(`{"where":`):len(search)-1] + `]}}`, search[:len(search)-1] + `,"count":1,"limit":0}`} {
			_, err := a.find(anonymous, "Post", query)
			if denied {
				wantCode(t, err, parse.OperationForbidden)
			} else if err != nil {
				t.Errorf("an index of %s: %v", keys, err)
			}
			if _, err := a.find(adminMember, "Post", query); err != nil && keys != "$**" {
				t.Errorf("an index of %s, as one who sees all: %v", keys, err)
			}
		}
		if err := a.store.DropIndex(context.Background(), "Post", "t"); err != nil {
			t.Fatal(err)
		}
	}
}
