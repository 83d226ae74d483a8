package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// The one app of the servers that speak the Parse protocol.
const (
	appID     = "bench"
	masterKey = "master"
	mount     = "/parse"
)

// parseApp is an app of a server that speaks the Parse protocol, loaded.
type parseApp struct {
	address string
	// session is that of a user whose role may read secret items.
	session                    string
	authors, publishers, items []string
}

func (a *parseApp) url(path string) string { return "http://" + a.address + mount + path }

var masterHeader = map[string]string{"X-Parse-Application-Id": appID, "X-Parse-Master-Key": masterKey}

const dateMember = `{"__type":"Date","iso":"2026-01-02T03:04:05.678Z"}`

// schema has all fields from the beginning, the indexes that requests use, and
// permissions as those of a class in use.
const itemSchema = `{"className":"%s","fields":{"title":{"type":"String"},"category":{"type":"String"},"group":{"type":"String"},
	"score":{"type":"Number"},"ratio":{"type":"Number"},"active":{"type":"Boolean"},"when":{"type":"Date"},"tags":{"type":"Array"},
	"author":{"type":"Pointer","targetClass":"Author"},"details":{"type":"Object"},"text":{"type":"String"},"note":{"type":"String"}},
	"indexes":{"category_score":{"category":1,"score":1},"group_1":{"group":1}},
	"classLevelPermissions":{"find":{"*":true},"get":{"*":true},"count":{"*":true},"create":{"*":true},"update":{"*":true},"delete":{"*":true}}}`

// load makes classes and objects. The user and the role are there already.
func (a *parseApp) load(ctx context.Context, d *dataset) error {
	for _, class := range []string{"Item", "Secret"} {
		if err := ask(ctx, "POST", a.url("/schemas/"+class), fmt.Sprintf(itemSchema, class), masterHeader, nil); err != nil {
			return err
		}
	}
	var err error
	if a.publishers, err = a.create(ctx, "Publisher", d.publishers, func(i int) string {
		return fmt.Sprintf(`{"name":"Publisher %d","city":"Vienna"}`, i)
	}); err != nil {
		return err
	}
	if a.authors, err = a.create(ctx, "Author", d.authors, func(i int) string {
		return fmt.Sprintf(`{"name":"Author %d","born":%d,"publisher":%s}`, i, 1900+i, pointer("Publisher", a.publishers[i%d.publishers]))
	}); err != nil {
		return err
	}
	item := func(i int) string { return d.item(i, pointer("Author", a.authors[i%d.authors]), dateMember) }
	if a.items, err = a.create(ctx, "Item", d.items, item); err != nil {
		return err
	}
	_, err = a.create(ctx, "Secret", d.items, func(i int) string {
		return item(i)[:len(item(i))-1] + `,"ACL":{"role:readers":{"read":true},"role:writers":{"write":true}}}`
	})
	return err
}

// create makes objects in batches and returns their ids.
func (a *parseApp) create(ctx context.Context, class string, n int, body func(int) string) ([]string, error) {
	var ids []string
	for len(ids) < n {
		var made []struct {
			Success struct{ ObjectID string }
			Error   json.RawMessage
		}
		if err := ask(ctx, "POST", a.url("/batch"), batchOf(class, len(ids), min(50, n-len(ids)), body), masterHeader, &made); err != nil {
			return nil, err
		}
		for _, m := range made {
			if m.Success.ObjectID == "" {
				return nil, fmt.Errorf("an object was not made: %s", m.Error)
			}
			ids = append(ids, m.Success.ObjectID)
		}
	}
	return ids, nil
}

func batchOf(class string, from, n int, body func(int) string) string {
	var b strings.Builder
	b.WriteString(`{"requests":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"method":"POST","path":"%s/classes/%s","body":%s}`, mount, class, body(from+i))
	}
	return b.String() + "]}"
}

func pointer(class, id string) string {
	return fmt.Sprintf(`{"__type":"Pointer","className":"%s","objectId":"%s"}`, class, id)
}

// variety is how many different requests of a kind there are.
const variety = 500

// requests are the requests of an operation.
func (a *parseApp) requests(operation string, d *dataset) ([][]byte, error) {
	item := func(i int) string { return d.item(i, pointer("Author", a.authors[i%d.authors]), dateMember) }
	find := func(class, where string, parameters ...string) string {
		path := "/classes/" + class + "?where=" + url.QueryEscape(where)
		for _, p := range parameters {
			path += "&" + p
		}
		return path
	}
	category := func(i int) string { return fmt.Sprintf(`{"category":"category-%d"}`, i*7%d.categories) }
	var all [][]byte
	for i := range variety {
		method, path, body, header := "GET", "", "", "X-Parse-REST-API-Key: none"
		switch operation {
		case "create":
			method, path, body = "POST", "/classes/Created", item(i)
		case "get":
			path = "/classes/Item/" + a.items[i*7919%len(a.items)]
		case "find20":
			path = find("Item", category(i), "limit=20", "order=-score")
		case "find100":
			path = find("Item", category(i), "limit=100")
		case "find1000":
			path = find("Item", fmt.Sprintf(`{"group":"group-%d"}`, i%d.groups), "limit=1000")
		case "acl":
			path, header = find("Secret", category(i), "limit=20", "order=-score"), "X-Parse-Session-Token: "+a.session
		case "include1":
			path = find("Item", category(i), "limit=20", "order=-score", "include=author")
		case "include2":
			path = find("Item", category(i), "limit=20", "order=-score", "include=author.publisher")
		case "update":
			method, path, body = "PUT", "/classes/Item/"+a.items[i*7919%len(a.items)], fmt.Sprintf(`{"ratio":%d,"note":"changed"}`, i)
		case "batch":
			method, path, body = "POST", "/batch", batchOf("Batched", i, 50, item)
		case "count":
			path = find("Item", category(i), "limit=0", "count=1")
		case "aggregate":
			header = "X-Parse-Master-Key: " + masterKey
			path = "/aggregate/Item?pipeline=" + url.QueryEscape(fmt.Sprintf(
				`[{"$match":{"group":"group-%d"}},{"$group":{"_id":"$category","total":{"$sum":"$score"}}}]`, i%d.groups))
		default:
			return nil, fmt.Errorf("there is no operation %q", operation)
		}
		all = append(all, request(method, a.address, mount+path, body, "X-Parse-Application-Id: "+appID, header))
	}
	return all, nil
}
