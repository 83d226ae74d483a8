package main

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
)

// pocketBase is a PocketBase, loaded.
type pocketBase struct {
	address string
	// logDays is for how long requests are logged; 0 means not at all.
	logDays int
	// admin and reader are authentication tokens.
	admin, reader  string
	authors, items []string
}

// startPocketBase serves PocketBase as it comes, which keeps a log of requests
// for 5 days, with collections of the same shape.
func startPocketBase(ctx context.Context, dir string, d *dataset) (*server, error) {
	return servePocketBase(ctx, dir, d, 5)
}

// startPocketBaseWithoutLogs serves PocketBase with its log turned off.
func startPocketBaseWithoutLogs(ctx context.Context, dir string, d *dataset) (*server, error) {
	return servePocketBase(ctx, dir, d, 0)
}

func servePocketBase(ctx context.Context, dir string, d *dataset, logDays int) (*server, error) {
	s := &server{}
	program, err := build(ctx, "internal/bench/pocketbase", ".", "pocketbase")
	if err != nil {
		return nil, err
	}
	const email, password = "admin@example.com", "benchmark1"
	if out, err := exec.CommandContext(ctx, program, "superuser", "upsert", email, password, "--dir", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	address, _, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := launch(ctx, dir, program, "serve", "--http", address, "--dir", dir, "--dev=false")
	if err != nil {
		return nil, err
	}
	p.silence()
	s.pid, s.address, s.stops = p.Process.Pid, address, append(s.stops, p.terminate)
	if err := answers(ctx, "http://"+address+"/api/health"); err != nil {
		return s.fails(err)
	}
	b := &pocketBase{address: address, logDays: logDays}
	s.requests = b.requests
	if b.admin, err = b.logIn(ctx, "_superusers", email, password); err != nil {
		return s.fails(err)
	}
	if err := b.load(ctx, d); err != nil {
		return s.fails(err)
	}
	return s, nil
}

func (b *pocketBase) url(path string) string { return "http://" + b.address + "/api" + path }

func (b *pocketBase) header() map[string]string { return map[string]string{"Authorization": b.admin} }

func (b *pocketBase) logIn(ctx context.Context, collection, email, password string) (string, error) {
	var answer struct{ Token string }
	err := ask(ctx, "POST", b.url("/collections/"+collection+"/auth-with-password"),
		map[string]any{"identity": email, "password": password}, nil, &answer)
	return answer.Token, err
}

// collection makes a collection that all may use, by rule.
func (b *pocketBase) collection(ctx context.Context, name, rule string, fields ...map[string]any) (string, error) {
	var made struct{ ID string }
	indexes := []string{}
	if strings.HasPrefix(name, "item") || name == "secret" {
		indexes = append(indexes,
			"CREATE INDEX "+name+"_category ON "+name+" (category, score)", "CREATE INDEX "+name+"_group ON "+name+" (`group`)")
	}
	err := ask(ctx, "POST", b.url("/collections"), map[string]any{
		"name": name, "type": "base", "fields": fields, "indexes": indexes,
		"listRule": rule, "viewRule": rule, "createRule": "", "updateRule": "",
	}, b.header(), &made)
	return made.ID, err
}

// load makes collections, records, and the user who may read secret items.
func (b *pocketBase) load(ctx context.Context, d *dataset) error {
	field := func(name, kind string) map[string]any { return map[string]any{"name": name, "type": kind} }
	relation := func(name, collection string) map[string]any {
		return map[string]any{"name": name, "type": "relation", "collectionId": collection, "maxSelect": 1}
	}
	settings := map[string]any{"batch": map[string]any{"enabled": true, "maxRequests": 100, "timeout": 30}, "logs": map[string]any{"maxDays": b.logDays}}
	if err := ask(ctx, "PATCH", b.url("/settings"), settings, b.header(), nil); err != nil {
		return err
	}
	publisher, err := b.collection(ctx, "publisher", "", field("name", "text"), field("city", "text"))
	if err != nil {
		return err
	}
	author, err := b.collection(ctx, "author", "", field("name", "text"), field("born", "number"), relation("publisher", publisher))
	if err != nil {
		return err
	}
	fields := []map[string]any{
		field("title", "text"), field("category", "text"), field("group", "text"), field("score", "number"), field("ratio", "number"),
		field("active", "bool"), field("when", "date"), field("tags", "json"), relation("author", author), field("details", "json"),
		field("text", "text"), field("note", "text"),
	}
	for _, name := range []string{"item", "created", "batched"} {
		if _, err := b.collection(ctx, name, "", fields...); err != nil {
			return err
		}
	}
	var reader struct{ ID string }
	user := map[string]any{"email": "reader@example.com", "password": "benchmark1", "passwordConfirm": "benchmark1"}
	if err := ask(ctx, "POST", b.url("/collections/users/records"), user, b.header(), &reader); err != nil {
		return err
	}
	if b.reader, err = b.logIn(ctx, "users", "reader@example.com", "benchmark1"); err != nil {
		return err
	}
	// A role is a record that names its users; a secret item names the roles
	// that may read it.
	role, err := b.collection(ctx, "role", "", field("name", "text"),
		map[string]any{"name": "users", "type": "relation", "collectionId": "_pb_users_auth_", "maxSelect": 100})
	if err != nil {
		return err
	}
	readers, err := b.create(ctx, "role", 1, func(int) string { return fmt.Sprintf(`{"name":"readers","users":["%s"]}`, reader.ID) })
	if err != nil {
		return err
	}
	if _, err := b.collection(ctx, "secret", "readers.users.id ?= @request.auth.id", append(fields, relation("readers", role))...); err != nil {
		return err
	}
	publishers, err := b.create(ctx, "publisher", d.publishers, func(i int) string { return fmt.Sprintf(`{"name":"Publisher %d","city":"Vienna"}`, i) })
	if err != nil {
		return err
	}
	if b.authors, err = b.create(ctx, "author", d.authors, func(i int) string {
		return fmt.Sprintf(`{"name":"Author %d","born":%d,"publisher":"%s"}`, i, 1900+i, publishers[i%d.publishers])
	}); err != nil {
		return err
	}
	if b.items, err = b.create(ctx, "item", d.items, func(i int) string { return b.item(d, i) }); err != nil {
		return err
	}
	_, err = b.create(ctx, "secret", d.items, func(i int) string {
		return strings.TrimSuffix(b.item(d, i), "}") + fmt.Sprintf(`,"readers":"%s"}`, readers[0])
	})
	return err
}

func (b *pocketBase) item(d *dataset, i int) string {
	return d.item(i, `"`+b.authors[i%d.authors]+`"`, `"2026-01-02 03:04:05.678Z"`)
}

// create makes records in batches and returns their ids.
func (b *pocketBase) create(ctx context.Context, collection string, n int, body func(int) string) ([]string, error) {
	var ids []string
	for len(ids) < n {
		var made []struct{ Body struct{ ID string } }
		err := ask(ctx, "POST", b.url("/batch"), recordBatch(collection, len(ids), min(50, n-len(ids)), body), b.header(), &made)
		if err != nil {
			return nil, fmt.Errorf("record %d of %s: %w", len(ids), collection, err)
		}
		for _, m := range made {
			ids = append(ids, m.Body.ID)
		}
	}
	return ids, nil
}

func recordBatch(collection string, from, n int, body func(int) string) string {
	var text strings.Builder
	text.WriteString(`{"requests":[`)
	for i := range n {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"method":"POST","url":"/api/collections/%s/records","body":%s}`, collection, body(from+i))
	}
	return text.String() + "]}"
}

// requests are the requests of an operation, none for an aggregation, which
// PocketBase has as views that are made beforehand only.
func (b *pocketBase) requests(operation string, d *dataset) ([][]byte, error) {
	records := func(collection string) string { return "/api/collections/" + collection + "/records" }
	list := func(collection, filter, parameters string) string {
		return records(collection) + "?skipTotal=1&filter=" + url.QueryEscape(filter) + parameters
	}
	category := func(i int) string { return fmt.Sprintf(`category="category-%d"`, i*7%d.categories) }
	var all [][]byte
	for i := range variety {
		method, path, body, header := "GET", "", "", "Accept: application/json"
		switch operation {
		case "create":
			method, path, body = "POST", records("created"), b.item(d, i)
		case "get":
			path = records("item") + "/" + b.items[i*7919%len(b.items)]
		case "find20":
			path = list("item", category(i), "&perPage=20&sort=-score")
		case "find100":
			path = list("item", category(i), "&perPage=100")
		case "find1000":
			path = list("item", fmt.Sprintf(`group="group-%d"`, i%d.groups), "&perPage=1000")
		case "acl":
			path, header = list("secret", category(i), "&perPage=20&sort=-score"), "Authorization: "+b.reader
		case "include1":
			path = list("item", category(i), "&perPage=20&sort=-score&expand=author")
		case "include2":
			path = list("item", category(i), "&perPage=20&sort=-score&expand=author.publisher")
		case "update":
			method, path, body = "PATCH", records("item")+"/"+b.items[i*7919%len(b.items)], fmt.Sprintf(`{"ratio":%d,"note":"changed"}`, i)
		case "batch":
			method, path, body = "POST", "/api/batch", recordBatch("batched", i, 50, func(i int) string { return b.item(d, i) })
		case "count":
			path = records("item") + "?perPage=1&fields=id&filter=" + url.QueryEscape(category(i))
		case "aggregate":
			return nil, nil
		default:
			return nil, fmt.Errorf("there is no operation %q", operation)
		}
		all = append(all, request(method, b.address, path, body, header))
	}
	return all, nil
}
