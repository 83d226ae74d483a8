package interop

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// snapshot is what collections hold, by their names: a line of canonical extended JSON
// for each document and each index, in order.
type snapshot map[string][]string

// documents returns the collections as they are.
func documents(t *testing.T, s store.Store, collections ...string) snapshot {
	t.Helper()
	found := snapshot{}
	for _, name := range collections {
		err := s.Find(t.Context(), name, store.Find{Filter: bson.D{}, Sort: bson.D{{Key: "_id", Value: 1}}}, func(doc bson.Raw) error {
			line, err := bson.MarshalExtJSON(doc, true, false)
			found[name] = append(found[name], string(line))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// ownIndexes are those that only Loam makes: of relations, to find both sides,
// and of polygons as soon as a class has them. parse-server lets them be.
var ownIndexes = map[string]bool{"owningId_1_relatedId_1": true, "relatedId_1": true, "area_2dsphere": true}

// layout is how a server stored what writes.txt tells it: ids, times and the
// beginning of the classes' names replaced, the members of documents in order of
// their names. began is when the writes did.
func layout(t *testing.T, s store.Store, w *written, began time.Time) snapshot {
	t.Helper()
	names, err := s.Collections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := newLayouter(w, began)
	found := snapshot{}
	for _, name := range names {
		if !strings.Contains(name, l.twin) && name != "_SCHEMA" && name != "_Role" && !strings.HasSuffix(name, ":_Role") {
			continue
		}
		if err := l.collect(t.Context(), s, name, found); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// peopleLayout is how a server stored those who signed up as people.txt says, and
// their sessions, as layout is of what writes.txt does.
func peopleLayout(t *testing.T, s store.Store, w *written, began time.Time) snapshot {
	t.Helper()
	l := newLayouter(w, began)
	found := snapshot{}
	for _, name := range []string{"_User", "_Session"} {
		if err := l.collect(t.Context(), s, name, found); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// newLayouter knows the ids that a server gave to what it wrote.
func newLayouter(w *written, began time.Time) *layouter {
	l := &layouter{twin: w.bindings["twin"], began: began.Add(-time.Second), names: map[string]string{}}
	for name, value := range w.bindings {
		if !strings.Contains(name, ".") && name != "twin" {
			// The user whom another request showed again has the first of the names.
			if other := l.names[value]; other == "" || "<"+name+">" < other {
				l.names[value] = "<" + name + ">"
			}
		}
	}
	return l
}

type layouter struct {
	twin  string
	began time.Time
	names map[string]string // names of ids
}

func (l *layouter) collect(ctx context.Context, s store.Store, name string, into snapshot) error {
	var lines []string
	err := s.Find(ctx, name, store.Find{Filter: bson.D{}}, func(doc bson.Raw) error {
		var d bson.D
		if err := bson.Unmarshal(doc, &d); err != nil {
			return err
		}
		if !l.ours(name, d) {
			return nil
		}
		if name == "_SCHEMA" {
			forgetOwnIndexes(d)
		}
		line, err := bson.MarshalExtJSON(l.value(d), true, false)
		lines = append(lines, string(line))
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(lines)
	// Each class keeps to its own indexes; those of the system's are the migrations'.
	if strings.Contains(name, l.twin) {
		indexes, err := s.Indexes(ctx, name)
		if err != nil {
			return err
		}
		for _, index := range indexes {
			if !ownIndexes[index.Name] {
				lines = append(lines, fmt.Sprintf("index %+v", index))
			}
		}
	}
	into[strings.ReplaceAll(name, l.twin, "<twin>")] = lines
	return nil
}

// ours tells whether a document of a collection that both servers write is one of this server's.
func (l *layouter) ours(collection string, d bson.D) bool {
	if strings.Contains(collection, l.twin) {
		return true
	}
	for _, e := range d {
		text, ok := e.Value.(string)
		if ok && collection == "_User" && e.Key == "_id" {
			return l.names[text] != ""
		}
		if ok && collection == "_Session" && e.Key == "_p_user" {
			return l.names[strings.TrimPrefix(text, "_User$")] != ""
		}
		if ok && (strings.HasPrefix(text, l.twin) || e.Key == "owningId" && l.names[text] != "") {
			return true
		}
	}
	return false
}

// forgetOwnIndexes removes Loam's own indexes from what a class says of its
// indexes, and that of _id: parse-server adds those when it starts again.
func forgetOwnIndexes(class bson.D) {
	at := func(d bson.D, key string) *bson.E {
		if i := slices.IndexFunc(d, func(e bson.E) bool { return e.Key == key }); i >= 0 {
			return &d[i]
		}
		return &bson.E{}
	}
	metadata, _ := at(class, "_metadata").Value.(bson.D)
	indexes := at(metadata, "indexes")
	if kept, ok := indexes.Value.(bson.D); ok {
		indexes.Value = slices.DeleteFunc(kept, func(e bson.E) bool { return e.Key == "_id_" || ownIndexes[e.Key] })
	}
}

func (l *layouter) value(v any) any {
	switch v := v.(type) {
	case bson.D:
		d := make(bson.D, len(v))
		for i, e := range v {
			d[i] = bson.E{Key: l.text(e.Key), Value: l.value(e.Value)}
			// A session's id is nobody's to know.
			if id, ok := d[i].Value.(string); ok && e.Key == "_id" && objectIDForm.MatchString(id) {
				d[i].Value = "<id>"
			}
		}
		slices.SortFunc(d, func(a, b bson.E) int { return strings.Compare(a.Key, b.Key) })
		return d
	case bson.A:
		a := make(bson.A, len(v))
		for i, element := range v {
			a[i] = l.value(element)
		}
		return a
	case string:
		return l.text(v)
	case bson.DateTime:
		if at := v.Time(); at.After(l.began) && at.Before(time.Now().Add(time.Second)) {
			return "<date>"
		}
		if v.Time().After(time.Now()) {
			return "<later>"
		}
	case bson.ObjectID:
		return "<ObjectId>"
	}
	return v
}

// madeUp are the texts that servers make up at random.
var madeUp = []struct {
	form *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`^\$2[aby]\$10\$[./A-Za-z0-9]{53}$`), "<hash>"},
	{regexp.MustCompile(`^r:[0-9a-f]{32}$`), "<token>"},
	{regexp.MustCompile(`^[A-Za-z0-9]{25}$`), "<random>"},
}

var objectIDForm = regexp.MustCompile(`^[A-Za-z0-9]{10}$`)

func (l *layouter) text(s string) string {
	class, id, pointer := strings.Cut(s, "$")
	if pointer && l.names[id] != "" {
		return strings.ReplaceAll(class, l.twin, "<twin>") + "$" + l.names[id]
	}
	if name := l.names[s]; name != "" {
		return name
	}
	for _, made := range madeUp {
		if made.form.MatchString(s) {
			return made.name
		}
	}
	return strings.ReplaceAll(s, l.twin, "<twin>")
}

// compareSnapshots reports where two snapshots differ.
func compareSnapshots(t *testing.T, want, got snapshot) {
	t.Helper()
	if len(want) == 0 {
		t.Error("there is nothing to compare")
	}
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		missing, extra := without(want[name], got[name]), without(got[name], want[name])
		if len(missing)+len(extra) > 0 {
			t.Errorf("%s\n\twant %s\n\tgot  %s", name, strings.Join(missing, "\n\t     "), strings.Join(extra, "\n\t     "))
		}
	}
}

// without are the lines that others have not.
func without(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
}
