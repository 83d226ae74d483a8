package embedded

import (
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

var textScore = bson.D{{Key: "score", Value: bson.D{{Key: "$meta", Value: "textScore"}}}}

// A check finds what a text index has too little, too much or with another score.
func TestCheckComparesTextIndexes(t *testing.T) {
	for _, damage := range []string{
		"DELETE FROM ix_1 WHERE rid = 1",
		"UPDATE ix_1 SET score = 5 WHERE rid = 1",
		"INSERT INTO ix_1 (k, rid, score) VALUES (x'00', 1, 1.0)",
		"INSERT INTO ix_1 (k, rid, score) VALUES (x'00', 77, 1.0)",
	} {
		s := open(t, Options{Dir: t.TempDir()})
		if err := s.CreateIndexes(t.Context(), "c", store.Index{Name: "t", Keys: doc(t, `{"a":"text"}`)}); err != nil {
			t.Fatal(err)
		}
		insert(t, s, "c", `{"_id":1,"a":"java coffee"}`, `{"_id":2,"a":"tea"}`)
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.writer.do(t.Context(), &operation{run: func(tx *writeTx) error { return tx.conn.exec(damage) }}); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "t") {
			t.Errorf("after %s the check says %v", damage, err)
		}
	}
}

// Portions of the postings of many terms come together as those of one would.
func TestPostingsAreMergedOverPortions(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	if err := s.CreateIndexes(t.Context(), "c", store.Index{Name: "t", Keys: doc(t, `{"a":"text"}`)}); err != nil {
		t.Fatal(err)
	}
	var docs []bson.Raw
	for i := range 2*maxPortion + 7 {
		words := "all"
		if i%2 == 0 {
			words += " even"
		}
		if i%7 == 0 {
			words += " seven"
		}
		raw, err := bson.Marshal(bson.D{{Key: "_id", Value: i}, {Key: "a", Value: words}, {Key: "n", Value: i % 3}})
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, raw)
	}
	if err := s.Insert(t.Context(), "c", docs...); err != nil {
		t.Fatal(err)
	}
	for search, holds := range map[string]func(i int) bool{
		"even":        func(i int) bool { return i%2 == 0 },
		"even seven":  func(i int) bool { return i%2 == 0 || i%7 == 0 },
		"seven -even": func(i int) bool { return i%7 == 0 && i%2 != 0 },
	} {
		want := int64(0)
		for i := range docs {
			if holds(i) {
				want++
			}
		}
		filter := bson.D{{Key: "$text", Value: bson.D{{Key: "$search", Value: search}}}}
		if n, err := s.Count(t.Context(), "c", store.Count{Filter: filter}); err != nil || n != want {
			t.Errorf("%s: counted %d (%v), want %d", search, n, err, want)
		}
		if n, err := s.Count(t.Context(), "c", store.Count{Filter: filter, Limit: 5}); err != nil || n != 5 {
			t.Errorf("%s: counted %d (%v), want 5", search, n, err)
		}
		if found := find(t, s, "c", store.Find{Filter: filter, Sort: textScore}); int64(len(found)) != want {
			t.Errorf("%s: found %d, want %d", search, len(found), want)
		}
	}
}

func BenchmarkText(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	const documents = 50_000
	if err := s.CreateIndexes(b.Context(), "c", store.Index{Name: "t", Keys: doc(b, `{"title":"text","body":"text"}`)}); err != nil {
		b.Fatal(err)
	}
	// The words are as frequent as in a language: the nth is about 1/n of all.
	word := func(i int) string {
		n := 1
		for i%2 == 1 && n < 1<<14 {
			i, n = i/2, n*2
		}
		return fmt.Sprintf("word%d", n+i%n)
	}
	for i := 0; i < documents; i += 500 {
		var docs []bson.Raw
		for j := i; j < i+500; j++ {
			var body strings.Builder
			for k := range 40 {
				body.WriteString(word((j*40+k)*2654435761%(1<<31)) + " ")
			}
			raw, err := bson.Marshal(bson.D{
				{Key: "_id", Value: j}, {Key: "title", Value: word(j * 40503 % (1 << 31))}, {Key: "body", Value: body.String()},
			})
			if err != nil {
				b.Fatal(err)
			}
			docs = append(docs, raw)
		}
		if err := s.Insert(b.Context(), "c", docs...); err != nil {
			b.Fatal(err)
		}
	}
	for _, bench := range []struct {
		name, search string
		sort         bson.D
		limit        int64
	}{
		{"Rare", "word1030", textScore, 20},
		{"Common", "word2", textScore, 20},
		{"CommonUnordered", "word2", nil, 20},
		{"ThreeTerms", "word5 word90 word700", textScore, 20},
		{"Phrase", `"word5 word4"`, textScore, 20},
	} {
		filter := bson.D{{Key: "$text", Value: bson.D{{Key: "$search", Value: bench.search}}}}
		b.Run(bench.name, func(b *testing.B) {
			n, err := s.Count(b.Context(), "c", store.Count{Filter: filter})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				err := s.Find(b.Context(), "c", store.Find{Filter: filter, Sort: bench.sort, Limit: bench.limit}, func(bson.Raw) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n), "matches")
		})
	}
	b.Run("Count", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Count(b.Context(), "c", store.Count{Filter: doc(b, `{"$text":{"$search":"word5 word90"}}`)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
