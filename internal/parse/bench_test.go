package parse_test

import (
	"encoding/json"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

const postJSON = `{"title":"A walk in the park","body":"The quick brown fox jumps over the lazy dog, again and again, until the sun goes down.",` +
	`"views":18231,"score":4.75,"published":true,"author":{"__type":"Pointer","className":"_User","objectId":"k3jh4k2j3h"},` +
	`"when":{"__type":"Date","iso":"2011-08-21T18:02:52.249Z"},"place":{"__type":"GeoPoint","latitude":47.37,"longitude":8.54},` +
	`"tags":["walk","park","fox"],"meta":{"lang":"en","words":112,"edited":false},` +
	`"ACL":{"*":{"read":true},"k3jh4k2j3h":{"read":true,"write":true}}}`

var postFields = map[string]parse.FieldType{
	"title": {Kind: parse.KindString}, "body": {Kind: parse.KindString}, "views": {Kind: parse.KindNumber},
	"score": {Kind: parse.KindNumber}, "published": {Kind: parse.KindBoolean},
	"author": {Kind: parse.KindPointer, TargetClass: "_User"}, "when": {Kind: parse.KindDate},
	"place": {Kind: parse.KindGeoPoint}, "tags": {Kind: parse.KindArray}, "meta": {Kind: parse.KindObject},
	"objectId": {Kind: parse.KindString}, "createdAt": {Kind: parse.KindDate}, "updatedAt": {Kind: parse.KindDate}, "ACL": {Kind: parse.KindACL},
}

// postRow is the stored document of postJSON: 12 fields and an ACL in about 600 bytes.
func postRow(tb testing.TB) bson.Raw {
	tb.Helper()
	o, err := parse.DecodeObject([]byte(postJSON), parse.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	var row parse.Row
	row.Set("_id", "q8w7e6r5t4")
	for _, m := range o.Members {
		if m.Key == "ACL" {
			acl, err := parse.ACLOf(m.Value)
			if err != nil {
				tb.Fatal(err)
			}
			row.SetACL(acl)
			continue
		}
		if err := row.Field("Post", m.Key, postFields[m.Key], m.Value); err != nil {
			tb.Fatal(err)
		}
	}
	row.Set("_created_at", bson.DateTime(1313949772249))
	row.Set("_updated_at", bson.DateTime(1313949772249))
	raw, err := bson.Marshal(row.Document())
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func BenchmarkDecodeObject(b *testing.B) {
	data := []byte(postJSON)
	b.Run("loam", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parse.DecodeObject(data, parse.Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var v map[string]any
			if err := json.Unmarshal(data, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	v, err := parse.DecodeValue([]byte(postJSON), parse.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = parse.AppendJSON(dst[:0], v)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkAppendObject(b *testing.B) {
	doc := postRow(b)
	view := parse.NewView(parse.ViewOptions{ClassName: "Post", Fields: postFields})
	dst, err := view.AppendObject(nil, doc, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("loam", func(b *testing.B) {
		b.SetBytes(int64(len(doc)))
		b.ReportAllocs()
		for b.Loop() {
			if dst, err = view.AppendObject(dst[:0], doc, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	// What the same answer costs by way of maps, without translating anything.
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(doc)))
		b.ReportAllocs()
		for b.Loop() {
			var v bson.M
			if err := bson.Unmarshal(doc, &v); err != nil {
				b.Fatal(err)
			}
			if dst, err = json.Marshal(v); err != nil {
				b.Fatal(err)
			}
		}
	})
	// The floor of reflection: the finished answer from a ready map.
	b.Run("encoding-json-ready-map", func(b *testing.B) {
		var v map[string]any
		if err := json.Unmarshal([]byte(postJSON), &v); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if dst, err = json.Marshal(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNewView(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		parse.NewView(parse.ViewOptions{ClassName: "Post", Fields: postFields, Keys: nameSet("title", "author")})
	}
}

func BenchmarkCreateRow(b *testing.B) {
	o, err := parse.DecodeObject([]byte(postJSON), parse.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	o.Delete("ACL")
	b.ReportAllocs()
	for b.Loop() {
		var row parse.Row
		for _, m := range o.Members {
			if err := row.Field("Post", m.Key, postFields[m.Key], m.Value); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := bson.Marshal(row.Document()); err != nil {
			b.Fatal(err)
		}
	}
}
