package rest_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// The rows of group I that concern data, in every way that leads to a route.

func TestAdvisory_I08_HeadersOfAnswers(t *testing.T) {
	s := garden(t, func(o *engine.Options) { o.AllowCustomObjectID = true })
	server := s.server()
	body := `{"objectId":"x\r\nSet-Cookie: a=b\r\n\r\n<script>"}`
	for _, path := range []string{"/classes/Note", "/classes/Note%0d%0aSet-Cookie:%20a=b", "/roles%0d%0aSet-Cookie:%20a=b"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /parse%s HTTP/1.1\r\nHost: x\r\n%s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", path, app, len(body), body)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("POST %s sets headers: %v", path, answer.Header)
		}
	}
}

func TestAdvisory_I13_FilesAreWhereTheAppAllows(t *testing.T) {
	s := garden(t, func(o *engine.Options) { o.FilePolicy.Domains = []string{"files.example.com", "*.cdn.example.com"} })
	file := func(url string) string { return `{"__type":"File","name":"a.png","url":` + url + `}` }
	id := s.create("Album", `{"n":1}`)
	for _, url := range []string{
		`"http://169.254.169.254/latest/meta-data"`, `"http://localhost:1337/parse"`, `"http://files.example.com.evil.example/a"`, `"http://evilfiles.example.com/a"`, `"http://cdn.example.com/a"`,
		`"http://files.example.com@evil.example/a"`, `"http://evil.example\\@files.example.com/a"`, `"http://files.example.com%2f@evil.example/a"`, `"file:///etc/passwd"`, `"data:text/plain,x"`, `"//files.example.com/a"`, `"files.example.com/a"`, `"a.png"`, `"http://[::1]/a"`, `"http:// files.example.com/a"`,
	} {
		for _, value := range []string{file(url), `[` + file(url) + `]`, `{"a":[{"b":` + file(url) + `}]}`, `{"__op":"Add","objects":[` + file(url) + `]}`, `{"__op":"AddUnique","objects":[{"a":` + file(url) + `}]}`} {
			s.refuses(as("bob"), "POST", "/classes/Album", `{"v`+strconv.Itoa(len(value))+`":`+value+`}`, parse.FileSaveError)
			s.refuses(with(master), "PUT", "/classes/Album/"+id, `{"v`+strconv.Itoa(len(value))+`":`+value+`}`, parse.FileSaveError)
		}
		s.refuses(with(master), "PUT", "/config", `{"params":{"logo":`+file(url)+`}}`, parse.FileSaveError)
	}
	for _, url := range []string{`5`, `{"href":"http://evil.example"}`, `["http://evil.example"]`} {
		// What is no text is no URL, and not kept.
		s.once(as("bob"), "POST", "/classes/Album", `{"list":[`+file(url)+`]}`)
		s.refuses(as("bob"), "POST", "/classes/Album", `{"list":[{"__type":"File","url":`+url+`}]}`, parse.FileSaveError)
	}
	s.keepsFrom(with(master), "GET", "/classes/Album", `{}`, "evil")
	for _, url := range []string{`"https://files.example.com/a.png"`, `"http://FILES.example.com:8080/a.png?x#y"`, `"https://a.cdn.example.com/a.png"`, `null`, `""`} {
		for _, o := range s.ask(as("bob"), "POST", "/classes/Album", `{"cover":`+file(url)+`,"pages":[`+file(url)+`]}`) {
			if o.member("objectId") == nil {
				t.Errorf("%s, a file at %s: %d %s", o.way, url, o.status, o.body)
			}
		}
	}
}

func TestAdvisory_I14_OwnACLsStay(t *testing.T) {
	s := garden(t)
	s.schema("Diary", `{"classLevelPermissions":{`+everybody+`,"ACL":{"*":{"read":true},"currentUser":{"read":true,"write":true}}}}`)
	for _, acl := range []string{`{"bob":{"read":true,"write":true}}`, `{"role:admin":{"read":true}}`, `{}`} {
		for _, o := range s.ask(as("bob"), "POST", "/classes/Diary", `{"text":"private","ACL":`+acl+`}`) {
			id, _ := o.member("objectId").(string)
			got := s.once(with(master), "GET", "/classes/Diary/"+id, ``)
			if stored, _ := json.Marshal(got.member("ACL")); id == "" || string(stored) != acl {
				t.Errorf("%s, with the ACL %s the object has %s", o.way, acl, got.body)
			}
			s.refuses(with(), "GET", "/classes/Diary/"+id, ``, parse.ObjectNotFound)
			if acl != `{"bob":{"read":true,"write":true}}` {
				continue
			}
			// A change that names no ACL leaves it.
			s.once(as("bob"), "PUT", "/classes/Diary/"+id, `{"text":"changed"}`)
			s.refuses(with(), "GET", "/classes/Diary/"+id, ``, parse.ObjectNotFound)
		}
	}
	s.finds(as("alice"), "/classes/Diary", `{}`, 0)
}

func TestAdvisory_I15_FaultsTellNothing(t *testing.T) {
	for _, fault := range []error{
		errors.New("sqlite: step: disk I/O error: /var/lib/loam/loam.db"),
		fmt.Errorf("connection(db1.internal:27017[-5]) incomplete read of message header: %w", net.ErrClosed),
		parse.NewError(parse.InternalServerError, "The database is not available; try again later.").WithCause(errors.New("server selection error: db1.internal")),
		parse.NewError(parse.Timeout, "The request took too long.").WithCause(errors.New("MaxTimeMSExpired on db1.internal")),
		parse.NewError(parse.DuplicateValue, "A duplicate value for a field with unique values was provided").WithCause(errors.New(`E11000 duplicate key error collection: app._User index: email_1 dup key: { email: "alice@example.com" }`)),
	} {
		d := newDoor(t, nil)
		d.engine.fail = func(string) error { return fault }
		for _, s := range []scenario{
			{request: "GET /parse/classes/A", header: with()},
			{request: "POST /parse/classes/A", header: with(), body: `{"a":1}`},
			{request: "DELETE /parse/classes/A/x", header: with()},
			{request: "GET /parse/aggregate/A", header: with(master)},
			{request: "GET /parse/config", header: with()},
			{request: "GET /parse/schemas", header: with(master)},
			{request: "POST /parse/batch", header: with(), body: `{"requests":[{"method":"GET","path":"/parse/classes/A"},{"method":"POST","path":"/parse/classes/A","body":{}}]}`},
			{request: "POST /parse/batch", header: with(), body: `{"transaction":true,"requests":[{"method":"POST","path":"/parse/classes/A","body":{}}]}`},
		} {
			w := httptest.NewRecorder()
			d.ServeHTTP(w, s.http())
			for _, word := range []string{"sqlite", "/var", "db1", "27017", "E11000", "alice@", "MaxTime"} {
				if strings.Contains(w.Body.String(), word) {
					t.Errorf("%s tells %s: %d %s", s.request, word, w.Code, w.Body)
				}
			}
		}
	}
}

func TestAdvisory_I09_AuthDataByPath(t *testing.T) {
	s := garden(t)
	refusals := []parse.Code{parse.InvalidKeyName, parse.InvalidNestedKey, parse.OperationForbidden, parse.CommandUnavailable, parse.SessionMissing, parse.ObjectNotFound}
	for _, key := range []string{"authData.facebook", "authData.facebook.id", "authData.anonymous.id", "_auth_data_facebook", "_auth_data_facebook.id", "_hashed_password"} {
		for _, value := range []string{`"bob"`, `{"id":"bob"}`, `null`, `{"__op":"Delete"}`} {
			for _, path := range []string{"/classes/_User/alice", "/classes/_User/bob"} {
				s.refuses(as("bob"), "PUT", path, `{"`+key+`":`+value+`}`, refusals...)
			}
		}
	}
	s.finds(with(master), "/classes/_User", `{"where":{"authData.facebook":{"$exists":true}}}`, 0)
}

func TestAdvisory_I11_PermissionComesBeforeFields(t *testing.T) {
	s := garden(t)
	s.schema("Closed", `{"fields":{"n":{"type":"Number"},"must":{"type":"String","required":true}},"classLevelPermissions":{"create":{"role:admin":true}}}`)
	for _, body := range []string{`{}`, `{"n":"text"}`, `{"must":5}`, `{"fresh":1,"must":"x"}`, `{"n":1,"must":"x"}`} {
		s.refuses(as("bob"), "POST", "/classes/Closed", body, parse.OperationForbidden)
	}
	for _, o := range s.ask(as("carol"), "POST", "/classes/Closed", `{"n":1,"must":"x"}`) {
		if o.member("objectId") == nil {
			t.Errorf("%s, who may create is answered %d %s", o.way, o.status, o.body)
		}
	}
}
