package mongowire

import (
	"strconv"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// This door is for operators, who may read and write everything: of the advisories
// those apply to it that are about hostile input.

// injections are texts that end a name, a string or a statement in SQL, or mean
// more than themselves elsewhere.
var injections = []string{
	`x'`, `x"`, "x`", `x'); DROP TABLE documents; --`, `x"); DROP TABLE documents; --`, `x' OR '1'='1`, `x'||(SELECT 1)||'`, `x->>'a'`, `x;`, `x--`, `x\`, `x\'`, `%`, `x%s`, `$where`, `$$ROOT`,
	`x.$`, `x..y`, `.x`, `x.`, `../x`, `..`, `/etc/passwd`, ` x`, "x\ny", "x\u2028", "", "system.x", "sqlite_master", "_id", "main.c",
}

// runDocument runs a command that may be of any document.
func (c *client) runDocument(d bson.D) bson.Raw {
	c.t.Helper()
	c.sendDocument(d)
	reply, _ := c.receive()
	return reply
}

func (c *client) sendDocument(d bson.D) {
	c.t.Helper()
	c.next++
	c.send(message(opMsg, c.next, append([]byte{0, 0, 0, 0, 0}, raw(c.t, append(d, bson.E{Key: "$db", Value: "test"}))...)))
}

// inWords fails the test when a reply tells of the inside: a failure of the
// server's own, or the words of what is below the store.
func (c *client) inWords(d bson.D, reply bson.Raw) {
	c.t.Helper()
	errors := []bson.Raw{reply}
	if list, ok := reply.Lookup("writeErrors").ArrayOK(); ok {
		values, _ := list.Values()
		for _, v := range values {
			errors = append(errors, v.Document())
		}
	}
	asked := text(raw(c.t, d))
	for _, e := range errors {
		if code, ok := e.Lookup("code").AsInt64OK(); ok && (code == codeInternalError || code == codeUnknownError) {
			c.t.Errorf("%s\n fails with %s", asked, text(reply))
		}
		message, _ := e.Lookup("errmsg").StringValueOK()
		for _, word := range []string{"SQL", "sqlite", "syntax error", "constraint", "SELECT", ".go:", "goroutine", "runtime error", "regexp", "/tmp"} {
			if strings.Contains(message, word) && !strings.Contains(asked, word) {
				c.t.Errorf("%s\n is told %s", asked, message)
			}
		}
	}
}

func raw(t *testing.T, d bson.D) bson.Raw {
	t.Helper()
	b, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// besiege serves a collection "c" that attacks must leave as it is.
func besiege(t *testing.T) *running {
	t.Helper()
	r := start(t, Options{})
	r.dial().ok(
		`{"insert":"c","documents":[{"_id":1,"a":"it's","n":1},{"_id":2,"a":"\"\\ ; --","n":2}]}`,
		`{"createIndexes":"c","indexes":[{"name":"n_1","key":{"n":1}},{"name":"a_1","key":{"a":1}}]}`)
	t.Cleanup(func() {
		c := r.dial()
		c.want(`{"find":"c","sort":{"_id":1}}`, `{"cursor":{"firstBatch":[{"_id":1,"a":"it's","n":1},{"_id":2,"a":"\"\\ ; --","n":2}]}}`)
		c.want(`{"find":"c","filter":{"n":2},"hint":"n_1"}`, `{"cursor":{"firstBatch":[{"_id":2}]}}`)
		c.want(`{"validate":"c"}`, `{"valid":true}`)
	})
	return r
}

func TestAdvisory_F02_VerbosityOfExplain(t *testing.T) {
	c := besiege(t).dial()
	find := bson.D{{Key: "find", Value: "c"}}
	for _, verbosity := range []any{"", "x", "__proto__", "QUERYPLANNER", 1, true, bson.D{}, bson.A{"queryPlanner"}} {
		d := bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: verbosity}}
		reply := c.runDocument(d)
		if c.inWords(d, reply); reply.Lookup("ok").Double() != 0 {
			t.Errorf("verbosity %v is answered %s", verbosity, text(reply))
		}
	}
	for _, command := range []any{nil, 1, "find", bson.D{}, bson.D{{Key: "explain", Value: find}}, bson.D{{Key: "ping", Value: 1}}, bson.A{find}} {
		d := bson.D{{Key: "explain", Value: command}}
		reply := c.runDocument(d)
		if c.inWords(d, reply); reply.Lookup("ok").Double() != 0 {
			t.Errorf("to explain %v is answered %s", command, text(reply))
		}
	}
}

// Names and texts are data, whatever they would be in the language of SQLite.
func TestAdvisory_F08_F09_F10_F13_F14_NamesAndTextsAreData(t *testing.T) {
	c := besiege(t).dial()
	for _, x := range injections {
		one := func(v any) bson.D { return bson.D{{Key: x, Value: v}} }
		aggregate := func(stage string, operand any) bson.D {
			return bson.D{{Key: "aggregate", Value: "c"}, {Key: "pipeline", Value: bson.A{bson.D{{Key: stage, Value: operand}}}}, {Key: "cursor", Value: bson.D{}}}
		}
		find := func(name string, v any) bson.D { return bson.D{{Key: "find", Value: "c"}, {Key: name, Value: v}} }
		change := func(operator string, v any) bson.D {
			return bson.D{{Key: "update", Value: "other"}, {Key: "updates", Value: bson.A{bson.D{{Key: "q", Value: bson.D{}}, {Key: "u", Value: bson.D{{Key: operator, Value: v}}}, {Key: "upsert", Value: true}}}}}
		}
		index := func(name string, keys any) bson.D {
			return bson.D{{Key: "createIndexes", Value: "other"}, {Key: "indexes", Value: bson.A{bson.D{{Key: "name", Value: name}, {Key: "key", Value: keys}}}}}
		}
		for _, d := range []bson.D{
			find("filter", one(1)), find("filter", bson.D{{Key: "n." + x, Value: bson.D{{Key: "$gt", Value: 1}}}}),
			find("filter", bson.D{{Key: "a", Value: x}}), find("filter", bson.D{{Key: "a", Value: bson.D{{Key: "$in", Value: bson.A{x}}}}}),
			find("filter", bson.D{{Key: "a", Value: bson.D{{Key: "$regex", Value: x}}}}), find("filter", bson.D{{Key: "a", Value: bson.Regex{Pattern: "^" + x}}}),
			find("sort", one(1)), find("projection", one(1)), find("hint", x), find("hint", one(1)), find("comment", x), find("collation", one(1)), find(x, 1),
			{{Key: "find", Value: x}}, {{Key: "count", Value: x}}, {{Key: "listIndexes", Value: x}}, {{Key: "collStats", Value: x}}, {{Key: "validate", Value: x}}, {{Key: x, Value: "c"}},
			{{Key: "insert", Value: x}, {Key: "documents", Value: bson.A{bson.D{{Key: "v", Value: x}}}}}, {{Key: "insert", Value: "other"}, {Key: "documents", Value: bson.A{one(x), one(one(x))}}},
			{{Key: "insert", Value: "ids"}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: x}}, bson.D{{Key: "_id", Value: one(1)}}}}},
			change("$set", one(x)), change("$inc", one(1)), change("$unset", one(1)), change("$push", one(x)), change("$rename", bson.D{{Key: "v", Value: x}}), change(x, one(1)),
			{{Key: "distinct", Value: "c"}, {Key: "key", Value: x}}, {{Key: "distinct", Value: "c"}, {Key: "key", Value: "n"}, {Key: "query", Value: one(1)}},
			aggregate("$group", bson.D{{Key: "_id", Value: "$" + x}}), aggregate("$group", bson.D{{Key: "_id", Value: nil}, {Key: x, Value: bson.D{{Key: "$sum", Value: 1}}}}),
			aggregate("$match", one(1)), aggregate("$sort", one(1)), aggregate("$project", one(1)), aggregate("$set", one(x)), aggregate("$count", x), aggregate("$unwind", "$"+x), aggregate(x, one(1)),
			aggregate("$lookup", bson.D{{Key: "from", Value: x}, {Key: "localField", Value: x}, {Key: "foreignField", Value: x}, {Key: "as", Value: x}}), aggregate("$out", x),
			index("k"+strconv.Itoa(len(x)), one(1)), index(x, bson.D{{Key: "v", Value: 1}}), index("t", one("text")), index("g", one("2dsphere")),
			{{Key: "dropIndexes", Value: "other"}, {Key: "index", Value: x}}, {{Key: "create", Value: x}},
			{{Key: "renameCollection", Value: "test.other"}, {Key: "to", Value: "test." + x}}, {{Key: "listCollections", Value: 1}, {Key: "filter", Value: bson.D{{Key: "name", Value: x}}}},
			{{Key: "findAndModify", Value: "other"}, {Key: "query", Value: one(x)}, {Key: "update", Value: bson.D{{Key: "$set", Value: one(1)}}}}, {{Key: "drop", Value: x}},
		} {
			c.inWords(d, c.runDocument(d))
		}
		// What was written comes back as it was.
		id := bson.D{{Key: "_id", Value: "kept " + x}, {Key: "v", Value: x}}
		c.runDocument(bson.D{{Key: "insert", Value: "kept"}, {Key: "documents", Value: bson.A{id}}})
		reply := c.runDocument(bson.D{{Key: "find", Value: "kept"}, {Key: "filter", Value: bson.D{{Key: "v", Value: x}}}})
		if got := reply.Lookup("cursor", "firstBatch", "0"); got.Type != bson.TypeEmbeddedDocument || string(got.Value) != string(raw(t, id)) {
			t.Errorf("%q comes back as %s", x, text(reply))
		}
	}
}

func TestAdvisory_F11_F12_AmountsAreNumbers(t *testing.T) {
	c := besiege(t).dial()
	for _, amount := range []any{"1", "1; DROP TABLE documents", nil, true, bson.D{{Key: "$numberLong", Value: "1"}}, bson.A{1}, bson.Regex{Pattern: "1"}, bson.JavaScript("1"), bson.Binary{Data: []byte("1")}, bson.DateTime(1)} {
		for _, operator := range []string{"$inc", "$mul"} {
			for _, path := range []string{"n", "a.n", "fresh", "n'; --"} {
				d := bson.D{{Key: "update", Value: "c"}, {Key: "updates", Value: bson.A{bson.D{{Key: "q", Value: bson.D{}}, {Key: "u", Value: bson.D{{Key: operator, Value: bson.D{{Key: path, Value: amount}}}}}}}}}
				reply := c.runDocument(d)
				c.inWords(d, reply)
				if code, _ := reply.Lookup("writeErrors", "0", "code").AsInt64OK(); code != codeTypeMismatch {
					t.Errorf("%s\n answered %s", text(raw(t, d)), text(reply))
				}
			}
		}
	}
}

// What nests too deep is refused, or hung up on when it is deeper than documents
// can be, and the next client is served.
func TestAdvisory_F20_F21_F23_NestingIsBounded(t *testing.T) {
	r := besiege(t)
	for _, depth := range []int{10, 50, 90, 150, 400} {
		nested := bson.D{{Key: "n", Value: 1}}
		var expression, object any = "$n", bson.D{}
		for range depth {
			nested = bson.D{{Key: "$or", Value: bson.A{nested}}}
			expression = bson.D{{Key: "$add", Value: bson.A{1, expression}}}
			object = bson.D{{Key: "o", Value: object}}
		}
		for _, d := range []bson.D{
			{{Key: "find", Value: "c"}, {Key: "filter", Value: nested}},
			{{Key: "find", Value: "c"}, {Key: "filter", Value: bson.D{{Key: "$expr", Value: expression}}}},
			{{Key: "find", Value: "c"}, {Key: "filter", Value: bson.D{{Key: "o", Value: object}}}},
			{{Key: "aggregate", Value: "c"}, {Key: "pipeline", Value: bson.A{bson.D{{Key: "$set", Value: bson.D{{Key: "x", Value: expression}}}}}}, {Key: "cursor", Value: bson.D{}}},
			{{Key: "insert", Value: "other"}, {Key: "documents", Value: bson.A{object}}},
			{{Key: "update", Value: "other"}, {Key: "updates", Value: bson.A{bson.D{{Key: "q", Value: nested}, {Key: "u", Value: bson.D{{Key: "$set", Value: bson.D{{Key: "o", Value: object}}}}}}}}},
		} {
			c := r.dial()
			if depth < 150 {
				c.inWords(d, c.runDocument(d))
			} else {
				c.sendDocument(d)
			}
			_ = c.conn.Close()
			r.dial().ok(`{"ping":1}`)
		}
	}
}

func TestAdvisory_F26_BadPatternsTellNothing(t *testing.T) {
	c := besiege(t).dial()
	for _, pattern := range []string{`[`, `(`, `*`, `a{2,1}`, `a{100000}`, `(?P<n`, `(?<!a+)b`, `(a)\1`, `\`, `\p{Nope}`, `[[:nope:]]`, `(?z)`} {
		for _, condition := range []any{bson.Regex{Pattern: pattern}, bson.D{{Key: "$regex", Value: pattern}}, bson.D{{Key: "$in", Value: bson.A{bson.Regex{Pattern: pattern}}}}, bson.D{{Key: "$not", Value: bson.Regex{Pattern: pattern}}}} {
			for _, d := range []bson.D{
				{{Key: "find", Value: "c"}, {Key: "filter", Value: bson.D{{Key: "a", Value: condition}}}},
				{{Key: "delete", Value: "c"}, {Key: "deletes", Value: bson.A{bson.D{{Key: "q", Value: bson.D{{Key: "z", Value: condition}}}, {Key: "limit", Value: 0}}}}},
				{{Key: "distinct", Value: "c"}, {Key: "key", Value: "n"}, {Key: "query", Value: bson.D{{Key: "a", Value: condition}}}},
			} {
				c.inWords(d, c.runDocument(d))
			}
		}
	}
}
