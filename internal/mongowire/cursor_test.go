package mongowire

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// fill inserts documents of about size bytes, with _id from 0 to n-1.
func (r *running) fill(collection string, n, size int) {
	r.t.Helper()
	padding := strings.Repeat("x", size)
	docs := make([]bson.Raw, n)
	for i := range docs {
		raw, err := bson.Marshal(bson.D{{Key: "_id", Value: int32(i)}, {Key: "padding", Value: padding}})
		if err != nil {
			r.t.Fatal(err)
		}
		docs[i] = raw
	}
	if err := r.store.Insert(r.t.Context(), collection, docs...); err != nil {
		r.t.Fatal(err)
	}
}

// page is what a reply of a cursor has.
type page struct {
	id    int64
	first int32 // _id of the first document
	n     int
}

func pageOf(t *testing.T, reply bson.Raw) page {
	t.Helper()
	cursor, ok := reply.Lookup("cursor").DocumentOK()
	if !ok {
		t.Fatalf("no cursor: %s", text(reply))
	}
	list, ok := cursor.Lookup("firstBatch").ArrayOK()
	if !ok {
		list = cursor.Lookup("nextBatch").Array()
	}
	values, err := list.Values()
	if err != nil {
		t.Fatal(err)
	}
	p := page{id: cursor.Lookup("id").Int64(), n: len(values)}
	if p.n > 0 {
		p.first, _ = values[0].Document().Lookup("_id").Int32OK()
	}
	return p
}

func more(id int64, rest string) string {
	return moreOf("c", id, rest)
}

func moreOf(collection string, id int64, rest string) string {
	return fmt.Sprintf(`{"getMore":{"$numberLong":"%d"},"collection":%q%s}`, id, collection, rest)
}

// drain reads a cursor to its end and returns how many documents that were.
func (c *client) drain(command string) int {
	c.t.Helper()
	p := pageOf(c.t, c.want(command, `{"ok":1.0}`))
	n := p.n
	for p.id != 0 {
		p = pageOf(c.t, c.want(more(p.id, ""), `{"ok":1.0}`))
		if p.n > 0 && int(p.first) != n {
			c.t.Fatalf("document %d comes as the one after %d", p.first, n)
		}
		n += p.n
	}
	return n
}

func TestBatches(t *testing.T) {
	r := start(t, Options{})
	r.fill("c", 350, 10)
	c := r.dial()
	p := pageOf(t, c.run(`{"find":"c","sort":{"_id":1}}`))
	if p.id == 0 || p.first != 0 || p.n != firstBatch {
		t.Fatalf("the first batch is %+v", p)
	}
	// Any connection may go on.
	other := r.dial()
	if next := pageOf(t, other.run(more(p.id, `,"batchSize":50`))); next != (page{p.id, 101, 50}) {
		t.Errorf("the second batch is %+v", next)
	}
	if err := c.conn.Close(); err != nil {
		t.Fatal(err)
	}
	if next := pageOf(t, other.run(more(p.id, `,"batchSize":0`))); next != (page{0, 151, 199}) {
		t.Errorf("the last batch is %+v", next)
	}
	other.want(more(p.id, ""), `{"ok":0.0,"code":43,"codeName":"CursorNotFound"}`)

	for _, find := range []struct {
		command string
		want    page
	}{
		{`{"find":"c","sort":{"_id":1},"batchSize":0}`, page{1, 0, 0}},
		{`{"find":"c","sort":{"_id":1},"batchSize":349}`, page{1, 0, 349}},
		{`{"find":"c","sort":{"_id":1},"batchSize":350}`, page{0, 0, 350}},
		{`{"find":"c","sort":{"_id":1},"batchSize":2,"limit":3}`, page{1, 0, 2}},
		{`{"find":"c","sort":{"_id":1},"limit":101}`, page{0, 0, 101}},
		{`{"find":"c","sort":{"_id":1},"limit":102}`, page{1, 0, 101}},
		{`{"aggregate":"c","pipeline":[{"$sort":{"_id":1}}],"cursor":{}}`, page{1, 0, 101}},
		{`{"aggregate":"c","pipeline":[{"$sort":{"_id":1}}],"cursor":{"batchSize":7}}`, page{1, 0, 7}},
	} {
		got := pageOf(t, other.run(find.command))
		if got.id != 0 {
			got.id = 1
		}
		if got != find.want {
			t.Errorf("%s: %+v, want %+v", find.command, got, find.want)
		}
	}
	if n := other.drain(`{"find":"c","sort":{"_id":1},"batchSize":0}`); n != 350 {
		t.Errorf("%d documents", n)
	}
	if n := other.drain(`{"find":"c","sort":{"_id":1},"limit":150}`); n != 150 {
		t.Errorf("%d documents, want 150", n)
	}
}

func TestManyCollectionsComeInBatches(t *testing.T) {
	c := start(t, Options{}).dial()
	for i := range 5 {
		c.ok(fmt.Sprintf(`{"create":"c%d"}`, i))
	}
	p := pageOf(t, c.run(`{"listCollections":1,"cursor":{"batchSize":2}}`))
	if p.n != 2 || p.id == 0 {
		t.Fatalf("got %+v", p)
	}
	c.want(strings.Replace(more(p.id, ""), `"c"`, `"$cmd.listCollections"`, 1), `{"cursor":{"id":0,"nextBatch":[{"name":"c2"},{"name":"c3"},{"name":"c4"}]}}`)
}

// A cursor is read from where it was made: same collection, session and
// transaction.
func TestCursorsOfOthers(t *testing.T) {
	r := start(t, Options{})
	r.fill("c", 10, 10)
	c := r.dial()
	p := pageOf(t, c.run(`{"find":"c","batchSize":1}`))
	c.want(strings.Replace(more(p.id, ""), `"c"`, `"d"`, 1), `{"ok":0.0,"code":13}`)
	c.want(more(p.id, `,"lsid":"@a"`), `{"ok":0.0,"code":50738}`)
	c.ok(more(p.id, `,"batchSize":1`))

	p = pageOf(t, c.run(`{"find":"c","batchSize":1,"lsid":"@a"}`))
	c.want(more(p.id, `,"lsid":"@b"`), `{"ok":0.0,"code":50738}`)
	c.ok(more(p.id, `,"batchSize":1,"lsid":"@a"`))

	const inTransaction = `,"lsid":"@a","txnNumber":{"$numberLong":"1"},"autocommit":false`
	p = pageOf(t, c.run(`{"find":"c","batchSize":1,"startTransaction":true`+inTransaction+`}`))
	c.want(more(p.id, `,"lsid":"@a"`), `{"ok":0.0,"code":50738}`)
	c.ok(more(p.id, `,"batchSize":1`+inTransaction))
	c.ok(`{"commitTransaction":1` + inTransaction + `}`)
	c.want(more(p.id, `,"lsid":"@a"`), `{"ok":0.0,"code":43}`)

	c.want(`{"getMore":"x","collection":"c"}`, `{"ok":0.0,"code":14}`)
	c.want(more(1, `,"batchSize":-1`), `{"ok":0.0,"code":2}`)
}

func TestKillCursors(t *testing.T) {
	r := start(t, Options{})
	r.fill("c", 10, 10)
	c := r.dial()
	p := pageOf(t, c.run(`{"find":"c","batchSize":1}`))
	kill := fmt.Sprintf(`{"killCursors":"c","cursors":[{"$numberLong":"%d"},{"$numberLong":"7"}]}`, p.id)
	c.want(kill, fmt.Sprintf(`{"cursorsKilled":[{"$numberLong":"%d"}],"cursorsNotFound":[{"$numberLong":"7"}],"cursorsAlive":[]}`, p.id))
	c.want(more(p.id, ""), `{"ok":0.0,"code":43}`)
	c.want(`{"killCursors":"c","cursors":1}`, `{"ok":0.0,"code":9}`)
	c.want(`{"killCursors":"c","cursors":[1.5]}`, `{"ok":0.0,"code":14}`)
}

func TestCursorsExpire(t *testing.T) {
	r := start(t, Options{CursorTimeout: 10 * time.Minute, SessionTimeout: 30 * time.Minute})
	r.fill("c", 10, 10)
	c := r.dial()
	short := pageOf(t, c.run(`{"find":"c","batchSize":1}`))
	long := pageOf(t, c.run(`{"find":"c","batchSize":1,"noCursorTimeout":true}`))
	r.cursors.expire(time.Now().Add(9 * time.Minute))
	c.ok(more(short.id, `,"batchSize":1`), more(long.id, `,"batchSize":1`))
	r.cursors.expire(time.Now().Add(11 * time.Minute))
	c.want(more(short.id, ""), `{"ok":0.0,"code":43}`)
	c.ok(more(long.id, `,"batchSize":1`))
	r.cursors.expire(time.Now().Add(31 * time.Minute))
	c.want(more(long.id, ""), `{"ok":0.0,"code":43}`)
	if held := r.cursors.memory.Load(); held != 0 {
		t.Errorf("%d bytes are accounted for with no cursor open", held)
	}
}

func TestTooManyCursors(t *testing.T) {
	r := start(t, Options{})
	r.fill("c", 3, 10)
	c := r.dial()
	ids := make([]int64, maxCursors)
	for i := range ids {
		ids[i] = pageOf(t, c.run(`{"find":"c","batchSize":1}`)).id
	}
	c.want(`{"find":"c","batchSize":1}`, `{"ok":0.0,"code":146}`)
	c.ok(`{"find":"c"}`, more(ids[0], ""), `{"find":"c","batchSize":1}`)
}

// Results above what memory is for wait in a file, and are the same.
func TestLargeResults(t *testing.T) {
	dir := t.TempDir()
	r := start(t, Options{Dir: dir})
	r.fill("c", 4000, 1000)
	c := r.dial()
	p := pageOf(t, c.run(`{"find":"c","sort":{"_id":1}}`))
	cur := r.cursors.take(p.id, func() {})
	if !cur.rest.OnDisk() {
		t.Error("4 MB are not in a file")
	}
	if held := r.cursors.memory.Load(); held != 0 {
		t.Errorf("%d bytes are in memory besides", held)
	}
	if err := r.cursors.giveBack(cur); err != nil {
		t.Fatal(err)
	}
	if n := c.drain(`{"find":"c","sort":{"_id":1}}`); n != 4000 {
		t.Errorf("%d documents, want 4000", n)
	}
	c.ok(fmt.Sprintf(`{"killCursors":"c","cursors":[{"$numberLong":"%d"}]}`, p.id))
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// What is in memory is bounded for all cursors together, too.
func TestManyResults(t *testing.T) {
	r := start(t, Options{Dir: t.TempDir()})
	r.fill("c", 900, 1000)
	c := r.dial()
	var inFiles int
	for range 2 * maxCursorsBytes >> 20 {
		p := pageOf(t, c.run(`{"find":"c","sort":{"_id":1},"batchSize":1}`))
		cur := r.cursors.take(p.id, func() {})
		if cur.rest.OnDisk() {
			inFiles++
		}
		if err := r.cursors.giveBack(cur); err != nil {
			t.Fatal(err)
		}
		if held := r.cursors.memory.Load(); held > maxCursorsBytes {
			t.Fatalf("%d bytes are in memory", held)
		}
	}
	if inFiles == 0 {
		t.Error("no results are in a file")
	}
	r.cursors.close()
	if held := r.cursors.memory.Load(); held != 0 {
		t.Errorf("%d bytes are accounted for with no cursor open", held)
	}
}

func TestResultsWithoutADirectory(t *testing.T) {
	r := start(t, Options{Dir: t.TempDir() + "/nowhere"})
	r.fill("c", 4000, 1000)
	c := r.dial()
	c.want(`{"find":"c"}`, `{"ok":0.0,"code":1}`)
	c.ok(`{"find":"c","limit":500}`)
}

func TestRest(t *testing.T) {
	for name, size := range map[string]int{"in memory": 10, "in a file": maxCursorBytes/10 + 1} {
		t.Run(name, func(t *testing.T) {
			open := newCursors(Options{Dir: t.TempDir()})
			s := newRest(open)
			raw, err := bson.Marshal(bson.D{{Key: "s", Value: strings.Repeat("x", size)}})
			if err != nil {
				t.Fatal(err)
			}
			const docs = 20
			for range docs {
				if err := s.Add(raw); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Rewind(); err != nil {
				t.Fatal(err)
			}
			for i := range docs / 4 {
				b, more, err := s.batch(4)
				if err != nil || b.n != 4 || more != (i < docs/4-1) {
					t.Fatalf("batch %d: %d documents, more: %v, %v", i, b.n, more, err)
				}
				if err := b.value().Validate(); err != nil {
					t.Errorf("batch %d: %v", i, err)
				}
			}
			s.Close()
			if held := open.memory.Load(); held != 0 {
				t.Errorf("%d bytes are accounted for", held)
			}
		})
	}
}
