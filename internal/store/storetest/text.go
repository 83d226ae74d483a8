package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// shops are the documents of the tests of text search.
var shops = []string{
	`{"_id":"hut","name":"Java Hut","about":"Coffee and cakes","city":"Bern","n":1}`,
	`{"_id":"buns","name":"Burger Buns","about":"Gourmet hamburgers","city":"Bern","n":2}`,
	`{"_id":"shop","name":"Coffee Shop","about":"Just coffee","city":"Basel","n":3}`,
	`{"_id":"clothes","name":"Clothes Clothes Clothes","about":"Discount clothing","city":"Basel","n":4}`,
	`{"_id":"java","name":"Java Shopping","about":["Indonesian goods","made by hand"],"city":"Bern","n":5}`,
	`{"_id":"café","name":"Café Müller","about":"Torten und Häuser aus Lebkuchen","language":"german","city":"Bern","n":6}`,
	`{"_id":"cine","name":"Cine","about":"Las canciones y las películas","language":"es","city":"Basel","n":7}`,
	`{"_id":"emoji","name":"🍕🍕 🍕","about":"a\u0000b","city":"Basel","n":8}`,
	`{"_id":"nested","more":{"note":"A hidden teapot"},"n":9}`,
	`{"_id":"list","more":[{"note":"two teapots"},{"note":["three","kettles"]},{"other":"nothing"}],"n":10}`,
	`{"_id":"none","n":11}`,
}

// textIndex is an index of the shops.
func textIndex(f *fixture) store.Index {
	return store.Index{Name: "words", Keys: f.doc(`{"name":"text","about":"text","more.note":"text"}`), Weights: f.doc(`{"about":1,"more.note":3,"name":1}`)}
}

// byScore is the order of the best first.
var byScore = bson.D{{Key: "score", Value: bson.D{{Key: "$meta", Value: "textScore"}}}}

func searchFor(text string) bson.D {
	return bson.D{{Key: "$text", Value: bson.D{{Key: "$search", Value: text}}}}
}

func testText(f *fixture) {
	f.index("before", textIndex(f))
	f.insert("before", shops...)
	f.insert("after", shops...)
	f.index("after", textIndex(f))
	for _, c := range []struct{ search, want string }{ // in order of score, then of _id
		{`{"$search":"java coffee shop"}`, "shop:2.25 hut:1.5 java:1.5"},
		{`{"$search":"JAVA"}`, "hut:0.75 java:0.75"},
		{`{"$search":"shops"}`, "java:0.75 shop:0.75"},
		{`{"$search":"clothing"}`, "clothes:2.5"},
		{`{"$search":"the and of"}`, ""},
		{`{"$search":"nothing"}`, ""},
		{`{"$search":""}`, ""},
		{`{"$search":"coffee -shop"}`, "hut:0.75"},
		{`{"$search":"-shop"}`, ""},
		{`{"$search":"\"coffee shop\""}`, "shop:2.25"},
		{`{"$search":"\"java coffee\""}`, ""},
		{`{"$search":"java \"coffee and cakes\""}`, "hut:2.25"},
		{`{"$search":"java -\"coffee and\""}`, "java:0.75"},
		{`{"$search":"goods hand"}`, "java:1.5"},
		{`{"$search":"teapot"}`, "list:2.25 nested:2.25"},
		{`{"$search":"kettle"}`, "list:3"},
		{`{"$search":"cafe"}`, "café:0.75"},
		{`{"$search":"CAFÉ muller","$language":"german"}`, "café:1.5"},
		{`{"$search":"haus","$language":"german"}`, "café:0.6666666667"},
		{`{"$search":"Häusern","$language":"de"}`, "café:0.6666666667"},
		{`{"$search":"canción","$language":"spanish"}`, "cine:0.75"},
		{`{"$search":"las","$language":"none"}`, ""},
		{`{"$search":"Coffee","$caseSensitive":true}`, "hut:0.75 shop:1.5"},
		{`{"$search":"coffee","$caseSensitive":true}`, "shop:1.5"},
		{`{"$search":"Just","$caseSensitive":true}`, "shop:0.75"},
		{`{"$search":"just","$caseSensitive":true}`, ""},
		{`{"$search":"Cafe","$diacriticSensitive":true}`, ""},
		{`{"$search":"café","$diacriticSensitive":true}`, "café:0.75"},
		{`{"$search":"🍕"}`, "emoji:0.75"},
		{`{"$search":"a\u0000b"}`, "emoji:1.1"},
		{`{"$search":"coffee* OR NEAR(java, 2) ^name:shop AND {} ; --"}`, "shop:2.25 hut:1.5 java:1.5"},
		{`{"$search":"\"coffee"}`, "shop:1.5 hut:0.75"},
		{`{"$search":"\" -\" \"java"}`, ""},
	} {
		f.run(c.search, func(f *fixture) {
			for _, collection := range []string{"before", "after"} {
				filter := bson.D{{Key: "$text", Value: f.doc(c.search)}}
				f.wantScores(collection, filter, c.want)
				n, err := f.store.Count(f.ctx, collection, store.Count{Filter: filter})
				f.mustNot(err)
				if want := len(strings.Fields(c.want)); n != int64(want) {
					f.Errorf("counted %d, want %d", n, want)
				}
			}
		})
	}
}

// scores returns what a search finds with the scores, in order of those, then of _id.
func (f *fixture) scores(collection string, filter bson.D) string {
	f.Helper()
	docs, err := f.find(collection, store.Find{
		Filter: filter, Sort: append(slices.Clone(byScore), bson.E{Key: "_id", Value: 1}), Projection: slices.Clone(byScore),
	})
	f.mustNot(err)
	var found []string
	last := math.Inf(1)
	for _, d := range docs {
		score := d.Lookup("score").Double()
		if score > last {
			f.Errorf("%s is of score %v after one of %v", d, score, last)
		}
		last = score
		found = append(found, fmt.Sprintf("%s:%.10g", idOf(d), score))
	}
	return strings.Join(found, " ")
}

// wantScores compares in the order of ids where it compares sets.
func (f *fixture) wantScores(collection string, filter bson.D, want string) {
	f.Helper()
	got, wanted := strings.Fields(f.scores(collection, filter)), strings.Fields(want)
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		f.Errorf("found %v, want %v", got, wanted)
	}
}

func testTextFilters(f *fixture) {
	f.insert("c", shops...)
	f.index("c", textIndex(f), store.Index{Name: "city", Keys: f.doc(`{"city":1}`)})
	for _, c := range []struct{ name, filter, want string }{
		{"and more", `{"$text":{"$search":"java coffee"},"city":"Bern"}`, "hut java"},
		{"in an $and", `{"$and":[{"n":{"$gt":1}},{"$text":{"$search":"java coffee"}}]}`, "java shop"},
		{"in an $or", `{"$or":[{"$text":{"$search":"hamburger"}},{"city":"Basel"}]}`, "buns cine clothes emoji shop"},
		{"in an $or in an $and", `{"n":{"$lt":4},"$or":[{"$text":{"$search":"hamburger -cheese"}},{"city":"Basel"}]}`, "buns shop"},
	} {
		f.run(c.name, func(f *fixture) {
			f.wantIDs("c", store.Find{Filter: f.doc(c.filter), Sort: f.doc(`{"_id":1}`)}, c.want)
			n, err := f.store.Count(f.ctx, "c", store.Count{Filter: f.doc(c.filter)})
			f.mustNot(err)
			if want := len(strings.Fields(c.want)); n != int64(want) {
				f.Errorf("counted %d, want %d", n, want)
			}
		})
	}
	f.run("pages in order of score", func(f *fixture) {
		q := store.Find{Filter: searchFor("java coffee shop"), Sort: byScore, Limit: 1}
		f.wantIDs("c", q, "shop")
		q.Skip, q.Limit = 1, 5
		if got := strings.Fields(f.ids("c", q)); len(got) != 2 || slices.Contains(got, "shop") {
			f.Errorf("found %v after the first", got)
		}
	})
	f.run("the score after another key", func(f *fixture) {
		sort := append(f.doc(`{"city":1}`), byScore...)
		f.wantIDs("c", store.Find{Filter: searchFor("coffee shop goods"), Sort: append(sort, bson.E{Key: "n", Value: 1})}, "shop java hut")
	})
	f.run("a score in the place of a field", func(f *fixture) {
		docs, err := f.find("c", store.Find{
			Filter: searchFor("hamburger"), Projection: append(bson.D{{Key: "n", Value: byScore[0].Value}}, f.doc(`{"city":1,"_id":0}`)...),
		})
		f.mustNot(err)
		if len(docs) != 1 {
			f.Fatalf("found %v", docs)
		}
		f.wantSame(docs[0], `{"city":"Bern","n":0.75}`)
	})
	f.run("distinct", func(f *fixture) {
		values, err := f.store.Distinct(f.ctx, "c", "city", searchFor("java"))
		f.mustNot(err)
		if len(values) != 1 {
			f.Errorf("distinct values are %v", values)
		}
	})
	f.run("explain", func(f *fixture) {
		raw, err := f.store.Explain(f.ctx, "c", store.Find{Filter: searchFor("java -coffee")})
		f.mustNot(err)
		if text := raw.String(); !strings.Contains(text, "TEXT_MATCH") || !strings.Contains(text, "java") {
			f.Errorf("explained as %s", text)
		}
	})
	f.run("many terms", func(f *fixture) {
		var many strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&many, "word%d ", i)
		}
		f.wantIDs("c", store.Find{Filter: searchFor(many.String() + "hamburger")}, "buns")
	})
}

func testTextErrors(f *fixture) {
	f.insert("c", shops...)
	for _, collection := range []string{"c", "nothing"} {
		_, err := f.find(collection, store.Find{Filter: searchFor("x")})
		f.wantRequestError(err, 27)
	}
	f.index("c", textIndex(f))
	for _, c := range []struct {
		name string
		find store.Find
		code int32
	}{
		{"no object", store.Find{Filter: f.doc(`{"$text":"x"}`)}, 2},
		{"no search", store.Find{Filter: f.doc(`{"$text":{}}`)}, 4},
		{"search of another type", store.Find{Filter: f.doc(`{"$text":{"$search":5}}`)}, 14},
		{"language of another type", store.Find{Filter: f.doc(`{"$text":{"$search":"x","$language":5}}`)}, 14},
		{"flag of another type", store.Find{Filter: f.doc(`{"$text":{"$search":"x","$caseSensitive":"yes"}}`)}, 14},
		{"something else", store.Find{Filter: f.doc(`{"$text":{"$search":"x","$where":1}}`)}, 2},
		{"language", store.Find{Filter: f.doc(`{"$text":{"$search":"x","$language":"klingon"}}`)}, 2},
		{"two", store.Find{Filter: f.doc(`{"$text":{"$search":"x"},"$and":[{"$text":{"$search":"y"}}]}`)}, 2},
		{"in a $nor", store.Find{Filter: f.doc(`{"$nor":[{"$text":{"$search":"x"}}]}`)}, 2},
		{"in an $or beside what has no index", store.Find{Filter: f.doc(`{"$or":[{"$text":{"$search":"x"}},{"n":1}]}`)}, 291},
		{"near", store.Find{Filter: f.doc(`{"$text":{"$search":"x"},"at":{"$near":[1,1]}}`)}, 2},
		{"hint", store.Find{Filter: searchFor("x"), Hint: "_id_"}, 2},
		{"order of a score that is none", store.Find{Sort: byScore}, 40218},
		{"a score that is none", store.Find{Projection: byScore}, 40218},
	} {
		f.run(c.name, func(f *fixture) {
			_, err := f.find("c", c.find)
			f.wantRequestError(err, c.code)
		})
	}
	for doc, code := range map[string]int32{
		`{"_id":1,"name":"x","language":"klingon"}`: 17262,
		`{"_id":1,"name":"x","language":5}`:         17261,
	} {
		f.wantRequestError(f.store.Insert(f.ctx, "c", f.raw(doc)), code)
	}
	_, err := f.store.Update(f.ctx, "c", store.Update{Filter: f.doc(`{"_id":"hut"}`), Change: f.doc(`{"$set":{"language":"klingon"}}`)})
	f.wantRequestError(err, 17262)
	f.wantScores("c", searchFor("hut"), "hut:0.75")
}

func testTextIndexes(f *fixture) {
	f.run("listed", func(f *fixture) {
		f.index("listed", store.Index{
			Name: "t", Keys: f.doc(`{"o":1,"b":"text","a":"text"}`), Weights: f.doc(`{"b":5,"c":2}`), DefaultLanguage: "german", LanguageOverride: "lang",
		})
		list, err := f.store.Indexes(f.ctx, "listed")
		f.mustNot(err)
		if len(list) != 2 {
			f.Fatalf("indexes are %+v", list)
		}
		got := list[1]
		if want := "t o:1 a:text b:text c:text unique false sparse false ci false"; describe(f, got) != want {
			f.Errorf("index is %s, want %s", describe(f, got), want)
		}
		if weights := fmt.Sprint(got.Weights); weights != fmt.Sprint(f.doc(`{"a":1,"b":5,"c":2}`)) || got.DefaultLanguage != "german" || got.LanguageOverride != "lang" {
			f.Errorf("index is %+v", got)
		}
	})
	f.run("created again", func(f *fixture) {
		f.index("again", textIndex(f))
		f.index("again", textIndex(f))
		f.wantIndexes("again", "_id_", "words")
	})
	f.run("a second one", func(f *fixture) {
		f.index("second", textIndex(f))
		for _, ix := range []store.Index{
			{Name: "words", Keys: f.doc(`{"name":"text"}`)},
			{Name: "other", Keys: f.doc(`{"name":"text"}`)},
			{Name: "other", Keys: textIndex(f).Keys, Weights: textIndex(f).Weights, DefaultLanguage: "german"},
		} {
			f.wantError(f.store.CreateIndexes(f.ctx, "second", ix), store.ErrIndexConflict)
		}
		f.wantRequestError(f.store.CreateIndexes(f.ctx, "second", store.Index{Name: "other", Keys: f.doc(`{"n":1,"name":"text"}`)}), 67)
		f.mustNot(f.store.DropIndex(f.ctx, "second", "words"))
		f.index("second", store.Index{Name: "other", Keys: f.doc(`{"n":1,"name":"text"}`)})
		f.wantIndexes("second", "_id_", "other")
	})
	f.run("what is no index is refused", func(f *fixture) {
		for _, ix := range []store.Index{
			{Name: "x", Keys: f.doc(`{"a":"text"}`), DefaultLanguage: "klingon"},
			{Name: "x", Keys: f.doc(`{"a":"text","b":1,"c":"text"}`)},
			{Name: "x", Keys: f.doc(`{"a":"text"}`), Weights: f.doc(`{"a":0}`)},
			{Name: "x", Keys: f.doc(`{"a":"text"}`), Weights: f.doc(`{"a":100000}`)},
			{Name: "x", Keys: f.doc(`{"a":"text"}`), CaseInsensitive: true},
		} {
			f.wantRequestError(f.store.CreateIndexes(f.ctx, "refused", ix), 67)
		}
	})
	f.run("over documents that it can't take", func(f *fixture) {
		f.insert("untaken", `{"_id":1,"a":"x","language":"klingon"}`)
		f.wantRequestError(f.store.CreateIndexes(f.ctx, "untaken", store.Index{Name: "t", Keys: f.doc(`{"a":"text"}`)}), 17262)
		f.wantIndexes("untaken", "_id_")
	})
	f.run("all strings", func(f *fixture) {
		f.index("all", store.Index{Name: "t", Keys: f.doc(`{"$**":"text"}`), Weights: f.doc(`{"title":10}`)})
		f.insert("all", `{"_id":"x","title":"java","deep":{"er":[["coffee"]]}}`, `{"_id":"java"}`, `{"_id":"y","n":5}`)
		f.wantScores("all", searchFor("java"), "x:11 java:1.1")
		f.wantScores("all", searchFor("coffee"), "x:1")
	})
	f.run("a language of its own", func(f *fixture) {
		f.index("german", store.Index{Name: "t", Keys: f.doc(`{"a":"text"}`), DefaultLanguage: "german", LanguageOverride: "lang"})
		f.insert("german", `{"_id":1,"a":"die Häuser"}`, `{"_id":2,"a":"die Häuser","lang":"none"}`, `{"_id":3,"a":"houses","lang":"english","language":5}`)
		f.wantScores("german", searchFor("die haus"), "1:1")
		f.wantScores("german", f.doc(`{"$text":{"$search":"house","$language":"english"}}`), "3:1")
	})
	f.run("beside other keys", func(f *fixture) {
		f.index("compound", store.Index{Name: "t", Keys: f.doc(`{"o":-1,"a":"text","p":1}`)})
		f.insert("compound", `{"_id":1,"o":"x","a":"java","p":1}`, `{"_id":2,"o":"y","a":"java","p":2}`, `{"_id":3,"a":"java"}`)
		f.wantIDs("compound", store.Find{Filter: f.doc(`{"$text":{"$search":"java"},"o":"x"}`)}, "1")
		f.wantIDs("compound", store.Find{Filter: f.doc(`{"$text":{"$search":"java"},"o":null}`)}, "3")
		f.wantIDs("compound", store.Find{Filter: f.doc(`{"$text":{"$search":"java"},"o":"y","p":1}`)}, "")
		for _, filter := range []string{`{"$text":{"$search":"java"}}`, `{"$text":{"$search":"java"},"o":{"$gt":"x"}}`} {
			_, err := f.find("compound", store.Find{Filter: f.doc(filter)})
			f.wantRequestError(err, 291)
		}
		for _, doc := range []string{`{"_id":4,"o":["x","y"],"a":"java"}`, `{"_id":4,"a":"java","p":[1,2]}`} {
			f.wantRequestError(f.store.Insert(f.ctx, "compound", f.raw(doc)), 16675)
		}
	})
	f.run("of a part of the documents", func(f *fixture) {
		f.index("partial", store.Index{Name: "t", Keys: f.doc(`{"a":"text"}`), Partial: f.doc(`{"n":{"$gt":5}}`)})
		f.insert("partial", `{"_id":1,"a":"java","n":1}`, `{"_id":6,"a":"java","n":6}`, `{"_id":9,"a":"java","n":9}`)
		f.wantIDs("partial", store.Find{Filter: f.doc(`{"$text":{"$search":"java"},"n":{"$gt":7}}`)}, "9")
		_, err := f.find("partial", store.Find{Filter: searchFor("java")})
		f.wantRequestError(err, 291)
	})
}

func testTextChanges(f *fixture) {
	f.index("c", textIndex(f))
	f.insert("c", shops...)
	f.run("update", func(f *fixture) {
		f.update("c", `{"_id":"hut"}`, `{"$set":{"name":"Tea Hut"}}`)
		f.wantScores("c", searchFor("java"), "java:0.75")
		f.wantScores("c", searchFor("tea"), "hut:0.75")
		f.update("c", `{"_id":"hut"}`, `{"$set":{"name":"Tea Tea Hut"}}`)
		f.wantScores("c", searchFor("tea"), "hut:1.25")
		f.update("c", `{"_id":"hut"}`, `{"$set":{"language":"none"}}`)
		f.wantScores("c", searchFor("cake"), "")
		f.update("c", `{"_id":"hut"}`, `{"$unset":{"name":"","about":"","language":""}}`)
		f.wantScores("c", searchFor("tea"), "")
	})
	f.run("update by search", func(f *fixture) {
		r, err := f.store.Update(f.ctx, "c", store.Update{Filter: searchFor("clothing hamburger"), Change: f.doc(`{"$set":{"seen":true,"about":"nothing"}}`), Many: true})
		f.mustNot(err)
		if r.Matched != 2 || r.Modified != 2 {
			f.Errorf("result is %+v", r)
		}
		f.wantIDs("c", store.Find{Filter: f.doc(`{"seen":true}`), Sort: f.doc(`{"_id":1}`)}, "buns clothes")
	})
	f.run("the best is updated", func(f *fixture) {
		doc, err := f.store.FindAndUpdate(f.ctx, "c", store.Update{Filter: searchFor("coffee java"), Sort: byScore, Change: f.doc(`{"$set":{"best":true}}`)}, store.After)
		f.mustNot(err)
		if idOf(doc) != "shop" {
			f.Errorf("updated %s", doc)
		}
	})
	f.run("the score comes with what was updated", func(f *fixture) {
		for _, want := range []store.Version{store.Before, store.After} {
			doc, err := f.store.FindAndUpdate(f.ctx, "c", store.Update{
				Filter: searchFor("coffee java"), Sort: byScore, Change: f.doc(`{"$inc":{"seen":1}}`),
				Projection: append(f.doc(`{"name":1}`), byScore...),
			}, want)
			f.mustNot(err)
			f.wantSame(doc, `{"_id":"shop","name":"Coffee Shop","score":1.5}`)
		}
		_, err := f.store.FindAndUpdate(f.ctx, "c", store.Update{Filter: f.doc(`{"_id":"hut"}`), Change: f.doc(`{"$inc":{"seen":1}}`), Projection: byScore}, store.After)
		f.wantRequestError(err, 40218)
	})
	f.run("upsert", func(f *fixture) {
		filter := append(searchFor("unheard"), bson.E{Key: "_id", Value: "new"})
		_, err := f.store.Update(f.ctx, "c", store.Update{Filter: filter, Change: f.doc(`{"$set":{"name":"unheard"}}`), Upsert: true})
		f.mustNot(err)
		f.wantScores("c", searchFor("unheard"), "new:1.1")
	})
	f.run("delete by search", func(f *fixture) {
		n, err := f.store.Delete(f.ctx, "c", searchFor("coffee"), true)
		f.mustNot(err)
		if n != 1 {
			f.Errorf("deleted %d", n)
		}
		f.wantScores("c", searchFor("coffee"), "")
		doc, err := f.store.FindAndDelete(f.ctx, "c", searchFor("java"))
		f.mustNot(err)
		if idOf(doc) != "java" {
			f.Errorf("deleted %s", doc)
		}
		_, err = f.store.FindAndDelete(f.ctx, "c", searchFor("java"))
		f.wantError(err, store.ErrNotFound)
	})
	f.run("long texts", func(f *fixture) {
		long := strings.Repeat("lorem ipsum dolor ", 1<<16)
		word := strings.Repeat("x", 1<<20)
		for id, text := range map[string]string{"text": long, "word": word, "worse": word + "y"} {
			raw, err := bson.Marshal(bson.D{{Key: "_id", Value: id}, {Key: "name", Value: text}})
			f.mustNot(err)
			f.mustNot(f.store.Insert(f.ctx, "c", raw))
		}
		f.wantIDs("c", store.Find{Filter: searchFor("ipsum"), Projection: f.doc(`{"_id":1}`)}, "text")
		f.wantIDs("c", store.Find{Filter: searchFor("\"dolor lorem\""), Projection: f.doc(`{"_id":1}`)}, "text")
		f.wantIDs("c", store.Find{Filter: searchFor(word), Projection: f.doc(`{"_id":1}`)}, "word")
	})
}

func testTextTransactions(f *fixture) {
	f.index("c", textIndex(f), store.Index{Name: "n", Keys: f.doc(`{"n":1}`)})
	f.insert("c", shops...)
	rollback := errors.New("rollback")
	err := f.store.Transaction(f.ctx, func(ctx context.Context) error {
		in := f.within(ctx)
		in.insert("c", `{"_id":"new","name":"coffee coffee coffee"}`)
		in.update("c", `{"_id":"java"}`, `{"$set":{"about":"coffee"}}`)
		in.update("c", `{"_id":"hut"}`, `{"$set":{"about":"tea"}}`)
		in.wantScores("c", searchFor("coffee"), "new:1.75 shop:1.5 java:1")
		in.wantIDs("c", store.Find{Filter: searchFor("coffee"), Sort: byScore, Limit: 2}, "new shop")
		in.wantIDs("c", store.Find{Filter: searchFor("coffee \"java shopping\""), Sort: byScore}, "java")
		in.wantIDs("c", store.Find{Filter: f.doc(`{"$or":[{"$text":{"$search":"coffee"}},{"n":2}]}`), Sort: f.doc(`{"_id":1}`)}, "buns java new shop")
		n, err := f.store.Count(ctx, "c", store.Count{Filter: searchFor("coffee")})
		if n != 3 || err != nil {
			f.Errorf("counted %d, %v", n, err)
		}
		deleted, err := f.store.Delete(ctx, "c", searchFor("shop"), true)
		if deleted != 2 || err != nil {
			f.Errorf("deleted %d, %v", deleted, err)
		}
		in.wantScores("c", searchFor("coffee"), "new:1.75")
		f.wantScores("c", searchFor("coffee"), "shop:1.5 hut:0.75") // others see nothing yet
		return rollback
	})
	f.wantError(err, rollback)
	f.wantScores("c", searchFor("coffee"), "shop:1.5 hut:0.75")
	f.mustNot(f.store.Transaction(f.ctx, func(ctx context.Context) error {
		f.within(ctx).insert("c", `{"_id":"new","name":"coffee coffee coffee"}`)
		return nil
	}))
	f.wantScores("c", searchFor("coffee"), "new:1.75 shop:1.5 hut:0.75")
}

// testTextAtRandom compares what searches find with what a look at every
// document's words finds, while documents change.
func testTextAtRandom(f *fixture) {
	random := rand.New(rand.NewPCG(1, 2))
	vocabulary := strings.Fields("ant bee cat dog eel fox gnu hen ibis jay kiwi lynx")
	sentence := func(most int) []string {
		words := make([]string, random.IntN(most))
		for i := range words {
			words[i] = vocabulary[random.IntN(len(vocabulary))]
		}
		return words
	}
	f.index("c", store.Index{Name: "t", Keys: f.doc(`{"a":"text","b":"text"}`), DefaultLanguage: "none"})
	type texts struct{ a, b []string }
	said := make(map[int]texts)
	for i := range 400 {
		id := random.IntN(60)
		switch _, there := said[id]; {
		case there && random.IntN(4) == 0:
			_, err := f.store.Delete(f.ctx, "c", bson.D{{Key: "_id", Value: id}}, false)
			f.mustNot(err)
			delete(said, id)
		default:
			said[id] = texts{sentence(8), sentence(4)}
			_, err := f.store.Update(f.ctx, "c", store.Update{
				Filter: bson.D{{Key: "_id", Value: id}}, Upsert: true,
				Change: bson.D{{Key: "$set", Value: bson.D{
					{Key: "a", Value: strings.Join(said[id].a, " ")}, {Key: "b", Value: strings.Join(said[id].b, " ")},
				}}},
			})
			f.mustNot(err)
		}
		if i%10 > 0 {
			continue
		}
		some, none := sentence(5), sentence(3)
		search := strings.Join(some, " ")
		for _, word := range none {
			search += " -" + word
		}
		var want []string
		for id, t := range said {
			words := slices.Concat(t.a, t.b)
			has := func(word string) bool { return slices.Contains(words, word) }
			if slices.ContainsFunc(some, has) && !slices.ContainsFunc(none, has) {
				want = append(want, fmt.Sprint(id))
			}
		}
		got := strings.Fields(f.ids("c", store.Find{Filter: searchFor(search)}))
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			f.Fatalf("%q found %v, want %v", search, got, want)
		}
	}
}
