package rest_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// The advisories of group F that concern data: hostile names, operands and bodies,
// in every way that leads to a route.

// injections are texts that end a name, a string or a statement in SQL, in
// MongoDB's terms or in JavaScript.
var injections = []string{
	`x'`, `x"`, "x`", `x'); DROP TABLE documents; --`, `x"); DROP TABLE documents; --`, `x' OR '1'='1`, `x'||(SELECT 1)||'`, `x::text`, `x->>'a'`,
	`x;`, `x--`, `x/*`, `x\`, `x\'`, `%`, `x%s`, `{{x}}`, `${x}`, `$where`, `$$ROOT`, `x]`, `x[0]`, `x.$`, `x.$[]`, `x..y`, `.x`, `x.`, `../x`, `__proto__`, ` x`, "x\u0000", "x\ny", "x\u2028",
}

// hostile are the injections; a few of them where time is short, as with the race
// detector.
func hostile() []string {
	if testing.Short() {
		return []string{injections[3], injections[9], "x\u0000"}
	}
	return injections
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string always encodes
	return string(quoted)
}

// garden fills a class whose objects every attack must leave alone.
func garden(t *testing.T, change ...func(*engine.Options)) *siege {
	t.Helper()
	return besiege(t, change...).planted()
}

// onStores attacks a garden on the embedded store and, unless time is short, one on
// a MongoDB.
func onStores(t *testing.T, attack func(*testing.T, *siege)) {
	t.Run("embedded", func(t *testing.T) { attack(t, garden(t)) })
	if !testing.Short() {
		t.Run("MongoDB", func(t *testing.T) { attack(t, besiegeStore(t, mongoStore(t)).planted()) })
	}
}

func (s *siege) planted() *siege {
	t := s.t
	t.Helper()
	for i := range 3 {
		s.create("Plant", fmt.Sprintf(`{"n":%d,"text":"it's \"%d\" \\ ; --","o":{"a":%d},"tags":["x"]}`, i, i, i))
	}
	t.Cleanup(func() {
		o := s.once(with(master), "GET", "/classes/Plant", `{"order":"n","keys":"n,text,o,tags"}`)
		results, _ := o.member("results").([]any)
		for i, result := range results {
			plant, _ := result.(map[string]any)
			want := fmt.Sprintf(`{"n":%d,"o":{"a":%d},"tags":["x"],"text":"it's \"%d\" \\ ; --"}`, i, i, i)
			delete(plant, "objectId")
			delete(plant, "createdAt")
			delete(plant, "updatedAt")
			if got, _ := json.Marshal(plant); string(got) != want {
				t.Errorf("after the attacks a plant is %s, want %s", got, want)
			}
		}
		if len(results) != 3 {
			t.Errorf("after the attacks there are %d plants: %d %s", len(results), o.status, o.body)
		}
	})
	return s
}

// answersInWords tells whether a refusal keeps to Loam's own words: no text of
// the store's engine, no path, no statement. What is answered otherwise is data.
func (s *siege) answersInWords(o outcome, what string) {
	s.t.Helper()
	if o.status < 400 {
		return
	}
	for _, word := range []string{"SQL", "sql", "SELECT", "syntax error", "sqlite", "constraint failed", "no such", ".go:", "goroutine", "runtime error", "/tmp", "topology", "clusterTime", "mongo", "panic"} {
		if strings.Contains(o.body, word) && !strings.Contains(what, word) {
			s.t.Errorf("%s, %s tells of the inside: %d %s", o.way, what, o.status, o.body)
		}
	}
	if o.status >= 500 {
		s.t.Errorf("%s, %s: %d %s", o.way, what, o.status, o.body)
	}
}

func TestAdvisory_F01_ClassesWithoutObjects(t *testing.T) {
	s := besiege(t)
	for _, class := range []string{"_JobStatus", "_PushStatus", "_Hooks", "_GlobalConfig", "_GraphQLConfig", "_JobSchedule", "_Audience", "_Idempotency", "_SCHEMA", "_Join:users:_Role", "_LoamMigration"} {
		for _, header := range [][]string{with(), as("bob")} {
			s.refuses(header, "POST", "/classes/"+class, `{"a":1}`, parse.OperationForbidden)
			s.refuses(header, "POST", "/classes/"+class, `{}`, parse.OperationForbidden)
			s.refuses(header, "PUT", "/classes/"+class+"/x", `{"a":1}`, parse.OperationForbidden)
		}
	}
	s.create("Note", `{"n":1}`) // it still serves
}

func TestAdvisory_F02_ExplainTakesListedValues(t *testing.T) {
	onStores(t, func(t *testing.T, s *siege) {
		for _, explain := range []string{`1`, `-1`, `"yes"`, `"queryplanner"`, `{}`, `[]`, `["queryPlanner"]`, `{"$ne":1}`, `{"verbosity":"queryPlanner"}`, `"__proto__"`, `"$where"`} {
			for _, path := range []string{"/classes/Plant", "/aggregate/Plant"} {
				for _, o := range s.ask(with(master), "GET", path, `{"explain":`+explain+`,"$match":{}}`) {
					if path == "/classes/Plant" {
						continue // $match is no parameter of it
					}
					if o.code() != parse.InvalidQuery || o.status != 400 {
						t.Errorf("%s, %s with explain=%s: %d %s", o.way, path, explain, o.status, o.body)
					}
				}
			}
			s.refuses(with(master), "GET", "/classes/Plant", `{"explain":`+explain+`}`, parse.InvalidQuery)
		}
	})
}

// What a client sends is Parse JSON and nothing else: forms of BSON and of
// MongoDB's Extended JSON are plain objects or refused, and nothing is code.
func TestAdvisory_F04_F07_NoBSONFromClients(t *testing.T) {
	onStores(t, func(t *testing.T, s *siege) {
		for _, value := range []string{
			`{"_bsontype":"Code","code":"delete Object.prototype"}`,
			`{"a":[{"b":{"_bsontype":"Code"}}]}`,
			`{"constructor":{"prototype":{"admin":true}}}`,
			`{"__proto__":{"admin":true}}`,
		} {
			s.refuses(as("bob"), "POST", "/classes/Note", `{"v":`+value+`}`, parse.InvalidKeyName)
			s.refuses(with(master), "PUT", "/config", `{"params":{"v":`+value+`}}`, parse.InvalidKeyName)
			s.refuses(with(master), "POST", "/schemas/Coded", `{"fields":{"v":{"type":"Object","defaultValue":`+value+`}}}`, parse.InvalidKeyName, parse.InvalidNestedKey)
		}
		for _, value := range []string{
			`{"$code":"x"}`, `{"$binary":{"base64":"eA==","subType":"00"}}`, `{"$oid":"5f0000000000000000000000"}`, `{"$function":{"body":"x","args":[],"lang":"js"}}`,
			`{"$date":"2020-01-01T00:00:00Z"}`, `{"$regularExpression":{"pattern":"x","options":""}}`, `{"$dbPointer":{}}`, `{"$numberLong":"1"}`, `{"$minKey":1}`, `{"a":{"$where":"1"}}`, `{"a.b":1}`,
		} {
			s.refuses(as("bob"), "POST", "/classes/Note", `{"v":`+value+`}`, parse.InvalidNestedKey)
			s.refuses(as("bob"), "POST", "/classes/Note", `{"list":[[`+value+`]]}`, parse.InvalidNestedKey)
		}
		for _, where := range []string{
			`{"$where":"sleep(1000)"}`, `{"$where":{"_bsontype":"Code"}}`, `{"$expr":{"$function":{"body":"x","args":[],"lang":"js"}}}`, `{"$jsonSchema":{}}`, `{"$comment":"x"}`, `{"$text":{"$search":"x"}}`,
			`{"n":{"$where":"1"}}`, `{"n":{"$expr":{}}}`, `{"n":{"$elemMatch":{}}}`, `{"n":{"$not":{}}}`, `{"n":{"$type":2}}`, `{"n":{"$mod":[1,0]}}`, `{"n":{"$eq":{"$where":"1"}}}`, `{"n":{"$in":[{"$where":"1"}]}}`, `{"n":{"$gt":{"$oid":"5f0000000000000000000000"}}}`,
		} {
			for _, o := range s.ask(as("bob"), "GET", "/classes/Plant", `{"where":`+where+`}`) {
				if o.status == 200 && strings.Contains(o.body, "objectId") {
					t.Errorf("%s, where %s finds %s", o.way, where, o.body)
				}
				s.answersInWords(o, where)
			}
		}
	})
}

// Texts of a query are data, whatever they would be in the store's language.
func TestAdvisory_F08_F09_TextsAreData(t *testing.T) {
	onStores(t, func(t *testing.T, s *siege) {
		for _, text := range hostile() {
			for _, where := range []string{
				`{"text":` + quote(text) + `}`,
				`{"text":{"$in":[` + quote(text) + `]}}`,
				`{"text":{"$regex":` + quote(text) + `}}`,
				`{"text":{"$regex":` + quote(`^\Q`+text+`\E`) + `}}`,
				`{"text":{"$regex":` + quote(text) + `,"$options":"ix"}}`,
				`{"text":{"$gt":` + quote(text) + `,"$lt":` + quote(text) + `}}`,
				`{"tags":{"$all":[` + quote(text) + `]}}`,
				`{"o":{"a":` + quote(text) + `}}`,
				`{"objectId":` + quote(text) + `}`,
				`{"createdAt":` + quote(text) + `}`,
			} {
				for _, o := range s.ask(with(), "GET", "/classes/Plant", `{"where":`+where+`}`) {
					s.answersInWords(o, where)
					results, _ := o.member("results").([]any)
					// A pattern may be found in the texts; a plain value never is.
					if !strings.Contains(where, "$regex") && len(results) > 0 {
						t.Errorf("%s, where %s finds %s", o.way, where, o.body)
					}
				}
			}
			for _, o := range s.ask(with(), "GET", "/classes/Plant/"+url.PathEscape(text), ``) {
				if s.answersInWords(o, "the id "+text); o.status == 200 && o.way != "by _method" {
					t.Errorf("%s, the id %q is answered %s", o.way, text, o.body)
				}
			}
			// As values they come back as they were.
			if text != "__proto__" {
				id := s.create("Text", `{"v":`+quote(text)+`,"o":{"k":[`+quote(text)+`]}}`)
				s.finds(with(), "/classes/Text", `{"where":{"v":`+quote(text)+`,"objectId":"`+id+`"}}`, 1)
			}
		}
		// A quoted text is found as it is, signs and all.
		s.finds(with(), "/classes/Plant", `{"where":{"text":{"$regex":"^\\Qit's \"1\" \\ ; --\\E$"}}}`, 1)
	})
}

// Names are names: of fields, in orders and keys, of classes and indexes, for the
// master key as for everybody.
func TestAdvisory_F10_F12_F13_F14_NamesAreNames(t *testing.T) {
	onStores(t, func(t *testing.T, s *siege) {
		plant, _ := s.once(with(master), "GET", "/classes/Plant", `{"limit":1}`).member("results").([]any)
		id, _ := plant[0].(map[string]any)["objectId"].(string)
		for _, name := range hostile() {
			for _, header := range [][]string{with(), with(master)} {
				codes := []parse.Code{parse.InvalidKeyName, parse.InvalidNestedKey, parse.InvalidQuery, parse.InvalidClassName, parse.OperationForbidden, parse.InvalidJSON}
				key := quote(name)
				s.refuses(header, "GET", "/classes/Plant", `{"where":{`+key+`:1}}`, codes...)
				s.refuses(header, "GET", "/classes/Plant", `{"where":{`+quote("o."+name)+`:{"$gt":1},`+key+`:null}}`, codes...)
				s.refuses(header, "POST", "/classes/Plant", `{`+key+`:1}`, codes...)
				s.refuses(header, "POST", "/classes/Plant", `{`+key+`:{"__op":"Increment","amount":1}}`, codes...)
				s.refuses(header, "PUT", "/classes/Plant/"+id, `{`+key+`:{"__op":"Increment","amount":1}}`, codes...)
				s.refuses(header, "PUT", "/classes/Plant/"+id, `{`+key+`:{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"Plant","objectId":"x"}]}}`, codes...)
				s.refuses(header, "POST", "/classes/"+url.PathEscape(name), `{"n":1}`, append(codes, parse.ObjectNotFound)...)
				for _, params := range []string{`{"order":` + key + `}`, `{"order":` + quote("-"+name) + `}`, `{"keys":` + key + `}`, `{"excludeKeys":` + key + `}`, `{"include":` + key + `}`, `{"hint":` + key + `}`,
					`{"comment":` + key + `}`, `{"redirectClassNameForKey":` + key + `}`, `{"hint":{` + key + `:1}}`} {
					for _, o := range s.ask(header, "GET", "/classes/Plant", params) {
						s.answersInWords(o, params)
					}
				}
			}
			for _, params := range []string{
				`{"distinct":` + quote(name) + `}`,
				`{"distinct":"n","where":{` + quote(name) + `:1}}`,
				`{"pipeline":[{"$group":{"_id":` + quote("$"+name) + `}}]}`,
				`{"pipeline":[{"$group":{"_id":null,` + quote(name) + `:{"$sum":1}}}]}`,
				`{"pipeline":[{"$project":{` + quote(name) + `:1}}]}`,
				`{"pipeline":[{"$match":{` + quote(name) + `:1}}]}`,
				`{"pipeline":[{"$sort":{` + quote(name) + `:1}}]}`,
				`{"pipeline":[{"$lookup":{"from":` + quote(name) + `,"localField":"n","foreignField":` + quote(name) + `,"as":"found"}}]}`,
				`{"pipeline":[{` + quote(name) + `:1}]}`,
				`{"rawValues":true,"rawFieldNames":true,"pipeline":[{"$match":{` + quote(name) + `:{"$regularExpression":{"pattern":` + quote(name) + `,"options":""}}}}]}`,
				`{"rawValues":true,"pipeline":[{"$match":{"text":{"$regularExpression":{"pattern":` + quote(name) + `,"options":` + quote(name) + `}}}}]}`,
				`{"rawValues":true,"pipeline":[{"$match":{"tags":{"$in":[{"$regularExpression":{"pattern":` + quote(name) + `,"options":""}}]}}}]}`,
			} {
				for _, o := range s.ask(with(master), "GET", "/aggregate/Plant", params) {
					s.answersInWords(o, params)
				}
			}
			for _, definition := range []string{
				`{"fields":{` + quote(name) + `:{"type":"String"}}}`,
				`{"fields":{"p":{"type":"Pointer","targetClass":` + quote(name) + `}}}`,
				`{"fields":{"p":{"type":` + quote(name) + `}}}`,
				`{"indexes":{"i":{` + quote(name) + `:1}}}`,
				`{"classLevelPermissions":{` + quote(name) + `:{"*":true}}}`,
				`{"classLevelPermissions":{"readUserFields":[` + quote(name) + `]}}`,
			} {
				for _, o := range s.ask(with(master), "PUT", "/schemas/Plant", definition) {
					if s.answersInWords(o, definition); o.status < 400 {
						t.Errorf("%s, %s is taken: %s", o.way, definition, o.body)
					}
				}
			}
			// The name of an index is any text, and only a name.
			for _, o := range s.ask(with(master), "PUT", "/schemas/Plant", `{"indexes":{`+quote(name)+`:{"n":1}}}`) {
				s.answersInWords(o, "an index named "+name)
			}
		}
	})
}

// Nor is anything else that a body names a way to the store's language.
func TestAdvisory_F13_NamesWithinValues(t *testing.T) {
	onStores(t, func(t *testing.T, s *siege) {
		pointer := func(class, id string) string {
			return `{"__type":"Pointer","className":` + quote(class) + `,"objectId":` + quote(id) + `}`
		}
		for i, name := range hostile() {
			key, class := quote(name), fmt.Sprintf("Note%d", i)
			for _, body := range []string{
				`{"o":{` + key + `:1}}`, `{"list":[{` + key + `:[1]}]}`, `{"ACL":{` + key + `:{"read":true}}}`, `{"ACL":{` + quote("role:"+name) + `:{"write":true}}}`,
				`{"a":` + pointer(name, "x") + `}`, `{"b":` + pointer("Plant", name) + `}`, `{"c":{"__op":"AddRelation","objects":[` + pointer("Plant", name) + `]}}`,
				`{"d":{"__op":"AddRelation","objects":[` + pointer(name, "x") + `]}}`, `{"e":{"__type":"File","name":` + key + `}}`, `{"f":{"__type":"Bytes","base64":` + key + `}}`,
				`{"g":{"__type":"Date","iso":` + key + `}}`, `{"h":{"__type":` + key + `}}`, `{"i":{"__op":` + key + `}}`, `{"j":{"__type":"Relation","className":` + key + `}}`,
			} {
				for _, o := range s.ask(as("bob"), "POST", "/classes/"+class, body) {
					s.answersInWords(o, body)
				}
			}
			for _, where := range []string{
				`{"$relatedTo":{"object":` + pointer("Plant", "x") + `,"key":` + key + `}}`, `{"$relatedTo":{"object":` + pointer(name, name) + `,"key":"n"}}`,
				`{"n":{"$inQuery":{"className":` + key + `,"where":{}}}}`, `{"n":{"$select":{"query":{"className":"Plant"},"key":` + key + `}}}`,
				`{"text":{"$text":{"$search":{"$term":` + key + `,"$language":` + key + `}}}}`, `{"text":{"$regex":"a","$options":` + key + `}}`, `{"n":{` + key + `:1}}`, `{"n":{` + quote("$"+name) + `:1}}`, `{` + quote("$"+name) + `:[]}`,
			} {
				for _, o := range s.ask(as("bob"), "GET", "/classes/"+class, `{"where":`+where+`}`) {
					s.answersInWords(o, where)
				}
			}
			for _, body := range []string{`{"params":{` + key + `:1}}`, `{"params":{"a":{` + key + `:1}}}`, `{"masterKeyOnly":{` + key + `:true}}`} {
				for _, o := range s.ask(with(master), "PUT", "/config", body) {
					s.answersInWords(o, body)
				}
			}
			for _, o := range s.ask(with(master), "POST", "/roles", `{"name":`+key+`,"ACL":{}}`) {
				s.answersInWords(o, "a role named "+name)
			}
			for _, o := range []outcome{s.once(as(name), "GET", "/classes/Plant", `{}`), s.once(with("X-Parse-Installation-Id: "+name), "POST", "/installations", `{"deviceType":`+key+`,"installationId":`+key+`}`)} {
				s.answersInWords(o, "a credential "+name)
			}
		}
	})
}

func TestAdvisory_F11_AmountsAreNumbers(t *testing.T) {
	onStores(t, func(t *testing.T, s *siege) {
		id := s.create("Counter", `{"n":1,"o":{"a":1}}`)
		for _, amount := range []string{`"1"`, `"1; DROP TABLE documents"`, `"1 WHERE 1=1 --"`, `null`, `true`, `{}`, `[]`, `[1]`, `{"$numberLong":"1"}`, `{"__op":"Increment","amount":1}`, `{"__type":"Bytes","base64":"MQ=="}`, `{"valueOf":1}`} {
			for _, key := range []string{"n", "o.a", "fresh"} {
				op := `{"` + key + `":{"__op":"Increment","amount":` + amount + `}}`
				s.refuses(as("bob"), "PUT", "/classes/Counter/"+id, op, parse.InvalidJSON)
				s.refuses(with(master), "PUT", "/classes/Counter/"+id, op, parse.InvalidJSON)
			}
			s.refuses(as("bob"), "POST", "/classes/Counter", `{"n":{"__op":"Increment","amount":`+amount+`}}`, parse.InvalidJSON)
		}
		s.finds(with(), "/classes/Counter", `{"where":{"n":1,"o":{"a":1}}}`, 1)
	})
}

// Nesting is refused by the decoder, before anything else walks over it.
func TestAdvisory_F20_F22_NestingIsBounded(t *testing.T) {
	s := garden(t)
	nested := func(n int, open, core, end string) string {
		return strings.Repeat(open, n) + core + strings.Repeat(end, n)
	}
	for _, depth := range []int{11, 60, 1000, 20000} {
		for _, where := range []string{
			nested(depth, `{"$or":[`, `{"n":1}`, `]}`),
			nested(depth, `{"$and":[{"n":1},`, `{"n":1}`, `]}`),
			nested(depth, `{"o":{"$inQuery":{"className":"Plant","where":`, `{}`, `}}}`),
		} {
			status, body := knock(s.Handler, scenario{request: "POST /parse/classes/Plant", header: with(), body: `{"_method":"GET","where":` + where + `}`})
			o := outcome{"by _method", status, body}
			if s.answersInWords(o, fmt.Sprintf("a where %d deep", depth)); status != 400 {
				t.Errorf("a where %d deep is answered %d", depth, status)
			}
		}
		if depth < 60 {
			continue
		}
		for _, body := range []string{nested(depth, `{"a":`, `1`, `}`), `{"a":` + nested(depth, `[`, ``, `]`) + `}`} {
			for _, path := range []string{"POST /parse/classes/Note", "POST /parse/batch", "PUT /parse/config"} {
				status, answer := knock(s.Handler, scenario{request: path, header: with(master), body: body})
				if depth > 64 && (status != 400 || !strings.Contains(answer, `"code":107`)) {
					t.Errorf("%s of %d levels: %d %s", path, depth, status, answer)
				}
			}
		}
	}
}

// The time that a query takes grows with its length, not with its shape: what is
// allocated on the way down to twice the depth is about twice as much.
func TestAdvisory_F23_WalksAreLinear(t *testing.T) {
	s := garden(t)
	work := func(depth int) float64 {
		where := strings.Repeat(`{"$or":[{"n":1},`, depth) + `{"n":{"$gt":0}}` + strings.Repeat(`]}`, depth)
		request := scenario{request: "POST /parse/classes/Plant", header: with(), body: `{"_method":"GET","where":` + where + `}`}
		if status, body := knock(s.Handler, request); status != 200 {
			t.Fatalf("%d deep: %d %s", depth, status, body)
		}
		return testing.AllocsPerRun(20, func() { knock(s.Handler, request) })
	}
	few, twice := work(5), work(10)
	if twice > 3*few {
		t.Errorf("%.0f allocations for 5 levels, %.0f for 10", few, twice)
	}
}

func TestAdvisory_F24_ClientVersionIsNotLookedAt(t *testing.T) {
	s := garden(t)
	for _, version := range []string{"", "x", strings.Repeat("1.", 100000) + "!", "js" + strings.Repeat("a-", 100000), "js1.2.3 \t", "'; DROP TABLE x"} {
		o := s.once(with("X-Parse-Client-Version: "+version), "GET", "/classes/Plant", `{"where":{"n":1}}`)
		if o.status != 200 || !strings.Contains(o.body, `"n":1`) {
			t.Errorf("with a version of %d bytes: %d %s", len(version), o.status, o.body)
		}
	}
}

func TestAdvisory_F26_BadPatternsTellNothing(t *testing.T) {
	onStores(t, func(t *testing.T, s *siege) {
		for _, pattern := range []string{`[`, `(`, `*`, `a{2,1}`, `a{1001}`, `(?P<n`, `(?<!a+)b`, `\1`, `(a)\1`, `(?#`, `\`, `\p{Nope}`, `[[:nope:]]`, `(?z)`, `\u{110000}`} {
			where := `{"text":{"$regex":` + quote(pattern) + `}}`
			for _, o := range s.ask(with(), "GET", "/classes/Plant", `{"where":`+where+`}`) {
				s.answersInWords(o, where)
				if o.status != 400 && o.status != 200 {
					t.Errorf("%s, %s: %d %s", o.way, where, o.status, o.body)
				}
			}
		}
		for _, where := range []string{`{"text":{"$regex":5}}`, `{"text":{"$regex":{"$regex":"a"}}}`, `{"text":{"$regex":["a"]}}`, `{"text":{"$regex":"a","$options":5}}`, `{"text":{"$regex":"a","$options":"g"}}`, `{"text":{"$options":"i"}}`, `{"text":{"$regex":null}}`} {
			s.refuses(with(), "GET", "/classes/Plant", `{"where":`+where+`}`, parse.InvalidQuery, parse.InvalidJSON)
		}
	})
}

// A file without its name or URL is refused or completed, and never a fault.
func TestAdvisory_F27_FilesWithoutURL(t *testing.T) {
	onStores(t, func(t *testing.T, s *siege) {
		for _, file := range []string{`{"__type":"File"}`, `{"__type":"File","url":"http://example.com/x"}`, `{"__type":"File","name":null}`, `{"__type":"File","name":5}`, `{"__type":"File","name":{"a":1},"url":"x"}`} {
			s.refuses(as("bob"), "POST", "/classes/Album", `{"cover":`+file+`}`, parse.IncorrectType, parse.InvalidJSON)
		}
		for _, body := range []string{`{"cover":{"__type":"File","name":"a.png"}}`, `{"cover":{"__type":"File","name":"a.png","url":null}}`, `{"cover":{"__type":"File","name":"a.png","url":5}}`,
			`{"pages":[{"__type":"File"},{"__type":"File","name":"a.png"},{"__type":"File","name":5,"url":{}}]}`, `{"o":{"cover":{"__type":"File"}}}`} {
			for _, o := range s.ask(as("bob"), "POST", "/classes/Album", body) {
				s.answersInWords(o, body)
			}
		}
		for _, o := range s.ask(with(), "GET", "/classes/Album", `{"include":"cover,pages","where":{"n":{"$exists":false}}}`) {
			if s.answersInWords(o, "albums"); o.status != 200 || !strings.Contains(o.body, `"url":"http://localhost/files/a.png"`) {
				t.Errorf("%s, the albums are %d %s", o.way, o.status, o.body)
			}
		}
	})
}

// What comes from outside is not written into the headers of an answer as it is.
// Files of objects are at hosts that the app allows, wherever in an object they are.
// A class's ACL is for objects that come without one.
// What goes wrong inside is told to nobody but the log.
// What a user signs in with is not written by a path that leads past its checks.
// Who may not create learns nothing of a class's fields.
