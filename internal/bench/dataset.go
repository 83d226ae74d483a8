package main

import (
	"bytes"
	"fmt"
	"net/http"
)

// dataset says what objects there are: authors of publishers, and items of
// authors with 12 fields and about 600 bytes of BSON each. Items belong to
// categories of 100 and to groups of 1,000.
type dataset struct {
	items, categories, groups int
	authors, publishers       int
}

func newDataset(items int) *dataset {
	return &dataset{items: items, categories: max(items/100, 1), groups: max(items/1000, 1), authors: 100, publishers: 10}
}

// item is the JSON of an item's members. Pointers are written by author, dates
// by date, as the systems have them in different forms.
func (d *dataset) item(i int, author, date string) string {
	return fmt.Sprintf(`{"title":"Title of object %d","category":"category-%d","group":"group-%d","score":%d,"ratio":%d.25,"active":%t,`+
		`"when":%s,"tags":["red","green","blue"],"author":%s,"details":{"color":"red","size":%d,"list":[1,2,3]},`+
		`"text":"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.","note":"short"}`,
		i, i%d.categories, i%d.groups, i%1000, i, i%2 == 0, date, author, i)
}

// operation is a kind of request, and what its answer must be.
type operation struct {
	name, title string
	check       func(status int, body []byte) error
}

var operations = []operation{
	{"create", "create", succeeds(0)},
	{"get", "get by id", succeeds(1)},
	{"find20", "find 20, indexed, sorted", succeeds(20)},
	{"find100", "find 100, indexed", succeeds(100)},
	{"find1000", "find 1,000, indexed", succeeds(1000)},
	{"acl", "find 20 with ACL and role", succeeds(20)},
	{"include1", "find 20, include 1 level", succeeds(20)},
	{"include2", "find 20, include 2 levels", succeeds(20)},
	{"update", "update", succeeds(0)},
	{"batch", "batch of 50 creates", succeeds(0)},
	{"count", "count, indexed", succeeds(0)},
	{"aggregate", "aggregate: group and sum", succeeds(0)},
}

func operationNames() []string {
	var names []string
	for _, o := range operations {
		names = append(names, o.name)
	}
	return names
}

// succeeds checks that an answer is one of success that has so many items.
func succeeds(items int) func(int, []byte) error {
	return func(status int, body []byte) error {
		switch {
		case status < 200 || status > 299:
			return fmt.Errorf("the answer is %s", http.StatusText(status))
		case bytes.Contains(body, []byte(`"error"`)):
			return fmt.Errorf("the answer has an error")
		case items > 0 && bytes.Count(body, []byte(`"title":"Title of object`)) != items:
			return fmt.Errorf("the answer has %d items, not %d", bytes.Count(body, []byte(`"title":"Title of object`)), items)
		}
		return nil
	}
}
