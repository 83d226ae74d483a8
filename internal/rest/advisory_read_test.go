package rest_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// The advisories of group A, in every way that leads to a route.

const everybody = `"find":{"*":true},"get":{"*":true},"count":{"*":true},"create":{"*":true},"update":{"*":true},"delete":{"*":true},"addField":{"*":true}`

// Sessions are not found by guesses at their tokens, nor users by what only the
// server knows of them.
func TestAdvisory_A01_TokensAreNoConditions(t *testing.T) {
	s := besiege(t)
	for _, path := range []string{"/sessions", "/classes/_Session"} {
		for _, where := range []string{`{"_session_token":{"$regex":"^r:"}}`, `{"_session_token":"r:alice"}`, `{"$or":[{"_session_token":{"$exists":true}}]}`} {
			for _, header := range [][]string{with(), as("bob")} {
				s.refuses(header, "GET", path, `{"where":`+where+`}`, parse.InvalidKeyName, parse.OperationForbidden, parse.InvalidSessionToken)
			}
		}
		// The SDKs' name of it reaches the caller's own sessions at most.
		s.finds(as("bob"), path, `{"where":{"sessionToken":{"$regex":"^r:a"}}}`, 0)
		s.keepsFrom(as("bob"), "GET", path, `{"order":"sessionToken"}`, "session-alice", "r:alice")
		s.refuses(with(), "GET", path, `{"where":{"sessionToken":{"$regex":"^r:"}}}`, parse.InvalidSessionToken)
	}
	for _, path := range []string{"/users", "/classes/_User"} {
		for _, field := range []string{"_hashed_password", "_perishable_token", "_email_verify_token", "_failed_login_count", "_account_lockout_expires_at", "_password_history", "_tombstone"} {
			for _, operand := range []string{`{"$regex":"^"}`, `{"$exists":true}`, `{"$ne":1}`} {
				s.refuses(as("bob"), "GET", path, `{"where":{"`+field+`":`+operand+`}}`, parse.InvalidKeyName, parse.OperationForbidden)
			}
			s.refuses(as("bob"), "GET", path, `{"order":"`+field+`"}`, parse.InvalidKeyName, parse.OperationForbidden)
		}
		s.finds(as("bob"), path, `{"where":{"password":{"$regex":"^"}}}`, 0)
		s.keepsFrom(as("bob"), "GET", path, `{"keys":"_hashed_password,_perishable_token,password,username"}`, "$2a$10$", "reset-")
	}
}

// vault is a class that hides two fields from all but admins.
func (s *siege) vault() {
	s.t.Helper()
	s.schema("Vault", `{"fields":{"title":{"type":"String"},"secret":{"type":"String"},"hidden":{"type":"Object"},"next":{"type":"Pointer","targetClass":"Vault"}},
		"classLevelPermissions":{`+everybody+`,"protectedFields":{"*":["secret","hidden"],"role:admin":[]}}}`)
	first := s.create("Vault", `{"title":"a","secret":"secret-one","hidden":{"pin":123454321}}`)
	s.create("Vault", `{"title":"b","secret":"secret-two","next":{"__type":"Pointer","className":"Vault","objectId":"`+first+`"}}`)
	s.create("Guess", `{"value":"secret-one"}`)
	s.create("Guess", `{"title":"none"}`)
}

func TestAdvisory_A03_A06_A07_HiddenFieldsInEveryWay(t *testing.T) {
	s := besiege(t)
	s.vault()
	inQuery := func(where string) string { return `{"next":{"$inQuery":{"className":"Vault","where":` + where + `}}}` }
	for _, where := range []string{
		`{"secret":"secret-one"}`,
		`{"secret":{"$exists":true}}`,
		`{"hidden.pin":123454321}`,
		`{"hidden":{"pin":123454321}}`,
		`{"hidden.pin.deeper":{"$ne":5}}`,
		`{"$or":[{"title":"a"},{"secret":{"$regex":"^secret"}}]}`,
		`{"$and":[{"$nor":[{"$or":[{"hidden.pin":{"$gt":1}}]}]}]}`,
		inQuery(`{"secret":"secret-one"}`),
		inQuery(`{"$or":[` + inQuery(`{"hidden.pin":123454321}`) + `]}`),
		`{"title":{"$select":{"query":{"className":"Vault","where":{"secret":"secret-one"}},"key":"title"}}}`,
	} {
		for _, header := range [][]string{with(), as("bob")} {
			s.refuses(header, "GET", "/classes/Vault", `{"where":`+where+`}`, parse.OperationForbidden)
			s.refuses(header, "GET", "/classes/Vault", `{"where":`+where+`,"count":1,"limit":0}`, parse.OperationForbidden)
		}
	}
	for _, order := range []string{"secret", "-secret", "title,hidden.pin", "-hidden"} {
		s.refuses(as("bob"), "GET", "/classes/Vault", `{"order":"`+order+`"}`, parse.OperationForbidden)
	}
	for _, params := range []string{`{}`, `{"keys":"secret,hidden"}`, `{"keys":"hidden.pin"}`, `{"include":"next,hidden,secret"}`, `{"includeAll":true}`, `{"excludeKeys":"title"}`} {
		s.keepsFrom(as("bob"), "GET", "/classes/Vault", params, "secret-one", "secret-two", "123454321")
	}
	// To a selection a hidden field is as one that is not there.
	s.finds(as("carol"), "/classes/Guess", `{"where":{"value":{"$select":{"query":{"className":"Vault"},"key":"secret"}}}}`, 1)
	for _, key := range []string{"secret", "hidden.pin"} {
		selection := `{"query":{"className":"Vault","where":{}},"key":"` + key + `"}`
		s.finds(as("bob"), "/classes/Guess", `{"where":{"value":{"$select":`+selection+`}}}`, 0)
		s.finds(as("bob"), "/classes/Guess", `{"where":{"value":{"$dontSelect":`+selection+`}}}`, 2)
	}
	s.finds(as("carol"), "/classes/Vault", `{"where":{"secret":"secret-one"},"count":1}`, 1)
}

// What a request reaches by itself it also reaches through includes and
// subqueries, and no more.
func TestAdvisory_A04_IncludesAndSubqueriesAskForPermission(t *testing.T) {
	s := besiege(t)
	s.schema("Locked", `{"fields":{"secret":{"type":"String"}},"classLevelPermissions":{"find":{},"get":{},"count":{}}}`)
	s.schema("Private", `{"fields":{"secret":{"type":"String"}}}`)
	locked := s.create("Locked", `{"secret":"locked away"}`)
	private := s.create("Private", `{"secret":"alice's own","ACL":{"alice":{"read":true}}}`)
	pointer := func(class, id string) string {
		return `{"__type":"Pointer","className":"` + class + `","objectId":"` + id + `"}`
	}
	s.create("Post", `{"locked":`+pointer("Locked", locked)+`,"private":`+pointer("Private", private)+`,"many":[`+pointer("Locked", locked)+`,`+pointer("Private", private)+`],
		"o":{"deep":`+pointer("Private", private)+`},"crew":{"__op":"AddRelation","objects":[`+pointer("Private", private)+`]}}`)
	for _, include := range []string{"locked", "private", "many", "o.deep", "*", "locked.secret", "many.secret"} {
		s.keepsFrom(as("bob"), "GET", "/classes/Post", `{"include":"`+include+`"}`, "locked away", "alice's own")
	}
	s.keepsFrom(as("bob"), "GET", "/classes/Post", `{"includeAll":true}`, "locked away", "alice's own")
	for _, where := range []string{
		`{"locked":{"$inQuery":{"className":"Locked","where":{}}}}`,
		`{"locked":{"$notInQuery":{"className":"Locked","where":{"secret":"x"}}}}`,
		`{"title":{"$select":{"query":{"className":"Locked"},"key":"secret"}}}`,
		`{"$or":[{"title":{"$dontSelect":{"query":{"className":"Locked"},"key":"secret"}}}]}`,
	} {
		s.refuses(as("bob"), "GET", "/classes/Post", `{"where":`+where+`}`, parse.OperationForbidden)
	}
	s.finds(as("bob"), "/classes/Post", `{"where":{"private":{"$inQuery":{"className":"Private","where":{"secret":{"$regex":"^a"}}}}}}`, 0)
	s.finds(as("bob"), "/classes/Post", `{"redirectClassNameForKey":"crew"}`, 0)
	s.finds(as("alice"), "/classes/Post", `{"where":{"private":{"$inQuery":{"className":"Private","where":{"secret":{"$regex":"^a"}}}}}}`, 1)
}

func TestAdvisory_A05_ExplainInEveryWay(t *testing.T) {
	s := besiege(t)
	s.create("Note", `{"n":1}`)
	for _, explain := range []string{`true`, `"true"`, `"executionStats"`, `"queryPlanner"`, `"allPlansExecution"`} {
		s.refuses(as("bob"), "GET", "/classes/Note", `{"explain":`+explain+`}`, parse.InvalidQuery)
		s.refuses(as("bob"), "GET", "/users", `{"explain":`+explain+`}`, parse.InvalidQuery)
	}
	for _, o := range s.ask(with(master), "GET", "/classes/Note", `{"explain":true}`) {
		if _, isPlan := o.member("results").(map[string]any); o.status != 200 || !isPlan {
			t.Errorf("master, %s: %d %s", o.way, o.status, o.body)
		}
	}
}

// A count tells of a relation as much as a find, for every group that fields are
// hidden from.
func TestAdvisory_A15_A16_CountsOfRelations(t *testing.T) {
	for group, hidden := range map[string][][]string{
		`"*":["crew"]`:                                  {with(), as("alice"), as("bob"), as("carol")},
		`"*":["crew"],"role:admin":[]`:                  {with(), as("alice"), as("bob")},
		`"authenticated":["crew"]`:                      {as("alice"), as("bob"), as("carol")},
		`"*":[],"role:admin":["crew"],"bob":["crew"]`:   {},
		`"role:admin":["crew"]`:                         {as("carol")},
		`"bob":["crew"]`:                                {as("bob")},
		`"*":["crew"],"alice":[]`:                       {with(), as("bob"), as("carol")},
		`"*":["crew"],"userField:owner":[]`:             {with(), as("bob"), as("carol")},
		`"authenticated":["crew"],"userField:owner":[]`: {as("bob"), as("carol")},
	} {
		t.Run(group, func(t *testing.T) {
			s := besiege(t)
			s.schema("Team", `{"fields":{"crew":{"type":"Relation","targetClass":"Member"},"owner":{"type":"Pointer","targetClass":"_User"}},
				"classLevelPermissions":{`+everybody+`,"protectedFields":{`+group+`}}}`)
			member := s.create("Member", `{"name":"m"}`)
			team := s.create("Team", `{"owner":{"__type":"Pointer","className":"_User","objectId":"alice"},
				"crew":{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"Member","objectId":"`+member+`"}]}}`)
			related := `{"$relatedTo":{"object":{"__type":"Pointer","className":"Team","objectId":"` + team + `"},"key":"crew"}}`
			for _, where := range []string{related, `{"$or":[` + related + `]}`, `{"$and":[{"name":"m"},` + related + `]}`} {
				for _, header := range hidden {
					s.refuses(header, "GET", "/classes/Member", `{"where":`+where+`}`, parse.OperationForbidden)
					s.refuses(header, "GET", "/classes/Member", `{"where":`+where+`,"count":1,"limit":0}`, parse.OperationForbidden)
				}
				s.finds(with(master), "/classes/Member", `{"where":`+where+`,"count":1}`, 1)
			}
		})
	}
}

// Writes tell nothing of what their caller may not read.
func TestAdvisory_A17_WritesInEveryWay(t *testing.T) {
	s := besiege(t)
	s.schema("Account", `{"fields":{"hits":{"type":"Number"},"secret":{"type":"Object"},"tags":{"type":"Array"},"balance":{"type":"Number","defaultValue":70707}},
		"classLevelPermissions":{`+everybody+`,"protectedFields":{"*":["secret","tags","balance"]}}}`)
	id := s.create("Account", `{"hits":1,"secret":{"n":70707,"more":{"deep":70707}},"tags":["70707"],"balance":70707}`)
	unreadable := s.create("Account", `{"hits":70707,"ACL":{"*":{"write":true}}}`)
	s.schema("Sealed", `{"fields":{"hits":{"type":"Number"}},"classLevelPermissions":{"find":{},"get":{},"count":{},"create":{"*":true},"update":{"*":true},"delete":{"*":true},"addField":{"*":true}}}`)
	sealed := s.create("Sealed", `{"hits":70707}`)
	nothing := `{"__op":"Increment","amount":0}`
	for _, c := range [][2]string{
		{"Account/" + id, `{"secret.n":` + nothing + `}`},
		{"Account/" + id, `{"secret.more.deep":` + nothing + `,"hits":` + nothing + `}`},
		{"Account/" + id, `{"tags":{"__op":"Add","objects":[]}}`},
		{"Account/" + id, `{"tags":{"__op":"Remove","objects":["x"]}}`},
		{"Account/" + id, `{"tags":{"__op":"AddUnique","objects":["x"]}}`},
		{"Account/" + id, `{"balance":` + nothing + `}`},
		{"Account/" + unreadable, `{"hits":` + nothing + `}`},
		{"Sealed/" + sealed, `{"hits":` + nothing + `}`},
	} {
		s.keepsFrom(as("bob"), "PUT", "/classes/"+c[0], c[1], "70707")
	}
	s.keepsFrom(as("bob"), "POST", "/classes/Account", `{"hits":1}`, "70707")
	for _, o := range s.ask(as("bob"), "PUT", "/classes/Account/"+id, `{"hits":{"__op":"Increment","amount":1}}`) {
		if _, told := o.member("hits").(float64); !told {
			t.Errorf("%s, what may be read is not told: %s", o.way, o.body)
		}
	}
}

func TestAdvisory_A20_IdsShapedAsRoles(t *testing.T) {
	s := besiege(t, func(o *engine.Options) { o.AllowCustomObjectID = true })
	for _, path := range []string{"/classes/Thing", "/roles", "/installations", "/classes/_User"} {
		for _, o := range s.ask(as("bob"), "POST", path, `{"objectId":"role:admin","name":"x","deviceType":"ios","installationId":"i"}`) {
			if o.status < 400 {
				t.Errorf("%s, POST %s: %d %s", o.way, path, o.status, o.body)
			}
		}
	}
	s.insert("_User", bson.D{{Key: "_id", Value: "role:admin"}, {Key: "username", Value: "mallory"}})
	s.insert("_Session", bson.D{{Key: "_id", Value: "m"}, {Key: "_session_token", Value: "r:mallory"}, {Key: "_p_user", Value: "_User$role:admin"}})
	id := s.create("Note", `{"text":"for admins","ACL":{"role:admin":{"read":true,"write":true}}}`)
	s.keepsFrom(as("mallory"), "GET", "/classes/Note", `{}`, "for admins")
	s.refuses(as("mallory"), "PUT", "/classes/Note/"+id, `{"text":"x"}`, parse.ObjectNotFound)
	s.refuses(as("mallory"), "DELETE", "/classes/Note/"+id, ``, parse.ObjectNotFound)
	s.finds(as("carol"), "/classes/Note", `{}`, 1)
}

func TestAdvisory_A21_A22_KeysInEveryWay(t *testing.T) {
	s := besiege(t)
	s.schema("Fixed", `{"fields":{"a":{"type":"Number"},"o":{"type":"Object"}},"classLevelPermissions":{"find":{"*":true},"get":{"*":true},"create":{"*":true},"update":{"*":true},"addField":{}}}`)
	id := s.create("Fixed", `{"a":1,"o":{"b":1}}`)
	for _, value := range []string{`1`, `null`, `{}`, `{"__op":"Increment","amount":1}`, `{"__op":"Add","objects":[1]}`, `{"__op":"SetOnInsert","amount":1}`} {
		s.refuses(as("bob"), "PUT", "/classes/Fixed/"+id, `{"fresh":`+value+`}`, parse.OperationForbidden)
		s.refuses(as("bob"), "PUT", "/classes/Fixed/"+id, `{"fresh.b":`+value+`}`, parse.OperationForbidden, parse.InvalidKeyName)
		s.refuses(as("bob"), "POST", "/classes/Fixed", `{"fresh":`+value+`}`, parse.OperationForbidden)
	}
	for _, key := range []string{"_rperm", "_wperm", "_acl", "_id", "_created_at", "_updated_at", "_p_owner", "_hashed_password", "_failed_login_count", "_auth_data_x", "__proto__", "constructor", "$set", "a.$[]", "_rperm.0", "o.$where", ".", "a..b", "o."} {
		for _, value := range []string{`["*"]`, `null`, `{"__op":"Delete"}`, `{"__op":"Increment","amount":1}`} {
			s.refuses(as("bob"), "PUT", "/classes/Fixed/"+id, `{"`+key+`":`+value+`}`, parse.InvalidKeyName, parse.InvalidNestedKey)
			s.refuses(as("bob"), "POST", "/classes/Fixed", `{"`+key+`":`+value+`}`, parse.InvalidKeyName, parse.InvalidNestedKey)
		}
	}
	s.finds(with(), "/classes/Fixed", `{"where":{"a":1,"o":{"b":1}}}`, 1)
}

// With the read-only master key nobody finds out how to sign in as somebody who
// may write.
func TestAdvisory_A24_A26_ReadersBecomeNobody(t *testing.T) {
	s := besiege(t, func(o *engine.Options) { o.AggregationForReadOnlyMaster = true })
	s.insert("_User", bson.D{{Key: "_id", Value: "dave"}, {Key: "username", Value: "dave"}, {Key: "_auth_data_anonymous", Value: bson.D{{Key: "id", Value: "known-to-dave"}}},
		{Key: "_auth_data_mfa", Value: bson.D{{Key: "secret", Value: "known-to-dave"}, {Key: "recovery", Value: bson.A{"known-to-dave"}}}}})
	reader := with("X-Parse-Master-Key: readonly")
	secrets := []string{"known-to-dave", "r:alice", "$2a$10$", "reset-"}
	for path, params := range map[string][]string{
		"/users":              {`{}`, `{"keys":"authData,_hashed_password"}`, `{"keys":"authData.anonymous"}`, `{"excludeKeys":"username"}`},
		"/users/dave":         {`{}`, `{"keys":"authData"}`},
		"/classes/_User":      {`{}`},
		"/sessions":           {`{}`, `{"keys":"sessionToken"}`, `{"include":"user"}`},
		"/classes/_Session":   {`{"includeAll":true}`},
		"/aggregate/_User":    {`{"pipeline":[]}`, `{"pipeline":[{"$project":{"x":"$_auth_data_anonymous","y":{"$objectToArray":"$$ROOT"}}}]}`, `{"pipeline":[{"$group":{"_id":"$_auth_data_mfa.secret"}}]}`},
		"/aggregate/_Session": {`{"pipeline":[]}`, `{"pipeline":[{"$lookup":{"from":"_User","localField":"x","foreignField":"y","as":"z"}}]}`, `{"pipeline":[{"$unionWith":"_User"}]}`},
	} {
		for _, p := range params {
			s.keepsFrom(reader, "GET", path, p, secrets...)
		}
	}
	for _, where := range []string{`{"authData.anonymous.id":{"$regex":"^k"}}`, `{"authData.mfa":{"$exists":true}}`, `{"_auth_data_mfa.secret":{"$regex":"^k"}}`, `{"$or":[{"authData":{"$exists":true}}]}`, `{"_perishable_token":{"$gt":"a"}}`, `{"_hashed_password":{"$exists":true}}`} {
		s.refuses(reader, "GET", "/users", `{"where":`+where+`}`, parse.OperationForbidden, parse.InvalidKeyName)
		s.refuses(reader, "GET", "/classes/_Session", `{"where":{"user":{"$inQuery":{"className":"_User","where":`+where+`}}}}`, parse.OperationForbidden, parse.InvalidKeyName)
	}
	for _, distinct := range []string{"_auth_data_anonymous.id", "authData.anonymous.id", "_perishable_token"} {
		s.refuses(reader, "GET", "/aggregate/_User", `{"distinct":"`+distinct+`"}`, parse.OperationForbidden, parse.InvalidKeyName)
	}
	s.create("Guess", `{"value":"known-to-dave"}`)
	s.finds(reader, "/classes/Guess", `{"where":{"value":{"$select":{"query":{"className":"_User"},"key":"authData.anonymous.id"}}}}`, 0)
	s.finds(with(master), "/users", `{"where":{"authData.anonymous.id":"known-to-dave"}}`, 1)
}

func TestAdvisory_A23_SessionsOfOthers(t *testing.T) {
	s := besiege(t)
	for _, path := range []string{"/sessions/session-alice", "/classes/_Session/session-alice"} {
		for _, header := range [][]string{with(), as("bob")} {
			codes := []parse.Code{parse.ObjectNotFound, parse.InvalidSessionToken, parse.CommandUnavailable, parse.OperationForbidden}
			s.refuses(header, "PUT", path, `{"note":"mine now"}`, codes...)
			s.refuses(header, "PUT", path, `{"user":{"__type":"Pointer","className":"_User","objectId":"bob"}}`, codes...)
			s.refuses(header, "GET", path, ``, codes...)
			s.refuses(header, "DELETE", path, ``, codes...)
		}
	}
	s.keepsFrom(with(master), "GET", "/classes/_Session", `{}`, "mine now")
	s.finds(with(master), "/classes/_Session", `{"where":{"user":{"__type":"Pointer","className":"_User","objectId":"alice"}}}`, 1)
}
