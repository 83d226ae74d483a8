package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

func encodingDoc(t testing.TB, i int) bson.Raw {
	t.Helper()
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: fmt.Sprint("id", i)}, {Key: "text", Value: strings.Repeat("x", 100)}})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func textView(hidden ...string) *parse.View {
	o := parse.ViewOptions{ClassName: "T", Fields: map[string]parse.FieldType{"text": {Kind: parse.KindString}}, Hidden: map[string]bool{}}
	for _, name := range hidden {
		o.Hidden[name] = true
	}
	return parse.NewView(o)
}

// What is kept of a document under one view must never be shown under another.
func TestEncodingsAreOfOneViewAndOneDocument(t *testing.T) {
	e := newEncodings()
	open, closed := textView(), textView("text")
	const limit = 1 << 20
	for round := range 4 {
		for i := range 50 {
			for _, view := range []*parse.View{open, closed} {
				got, err := e.append(nil, view, encodingDoc(t, i), false, limit)
				if err != nil {
					t.Fatal(err)
				}
				want, err := view.AppendObject(nil, encodingDoc(t, i), nil)
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != string(want) {
					t.Fatalf("round %d: got %s, want %s", round, got, want)
				}
			}
		}
	}
}

// A document that stays is held as it is; another version of it has another JSON.
func TestEncodingsHoldDocumentsThatStay(t *testing.T) {
	e, view := newEncodings(), textView()
	version := func(text string) bson.Raw {
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: "id"}, {Key: "text", Value: strings.Repeat("x", 100) + text}})
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	for _, text := range []string{"first", "other", "first"} {
		doc := version(text)
		for range 3 {
			got, err := e.append(nil, view, doc, true, 1<<20)
			if err != nil || !strings.Contains(string(got), text) {
				t.Fatalf("got %s, %v", got, err)
			}
		}
		held := false
		for i := range e.shards {
			for _, kept := range e.shards[i].entries {
				held = held || &kept.doc[0] == &doc[0]
			}
		}
		if !held {
			t.Errorf("the document of %s is not held", text)
		}
	}
	if n, _ := e.kept(); n != 1 {
		t.Errorf("there are %d entries", n)
	}
}

func (e *encodings) kept() (entries, bytes int) {
	for i := range e.shards {
		entries += len(e.shards[i].entries)
		bytes += e.shards[i].bytes
	}
	return entries, bytes
}

func TestEncodingsKeepWhatIsSeenTwice(t *testing.T) {
	e, view := newEncodings(), textView()
	const limit = 1 << 20
	for i := range 200 {
		if _, err := e.append(nil, view, encodingDoc(t, i), false, limit); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := e.kept(); n != 0 {
		t.Errorf("a scan left %d entries", n)
	}
	for i := range 200 {
		if _, err := e.append(nil, view, encodingDoc(t, i), false, limit); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := e.kept(); n < 150 {
		t.Errorf("of 200 objects seen twice %d are kept", n)
	}
}

func TestEncodingsAreBounded(t *testing.T) {
	e, view := newEncodings(), textView()
	const limit = 64 << 10
	for i := range 5000 {
		for range 2 {
			if _, err := e.append(nil, view, encodingDoc(t, i), false, limit); err != nil {
				t.Fatal(err)
			}
		}
	}
	n, bytes := e.kept()
	if bytes > limit || n == 0 {
		t.Errorf("%d entries of %d bytes are kept, the limit is %d", n, bytes, limit)
	}
	orders := 0
	for i := range e.shards {
		orders += len(e.shards[i].order)
	}
	if orders > 3*n+encodingShards {
		t.Errorf("the order of %d entries takes %d places", n, orders)
	}
}

func TestEncodingsUnderConcurrency(t *testing.T) {
	e, view := newEncodings(), textView()
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for i := range 2000 {
				doc := encodingDoc(t, i%300)
				got, err := e.append(nil, view, doc, false, 32<<10)
				if err != nil || !strings.Contains(string(got), fmt.Sprintf(`"id%d"`, i%300)) {
					t.Errorf("got %s, %v", got, err)
					return
				}
			}
		})
	}
	running.Wait()
}
