// Package parity holds the scenarios that say what the Parse protocol is:
// readable request/response scripts whose answers were recorded from a real
// parse-server. Package record (a command) records them; this package's tests
// play them against Loam.
//
// A scenario file is a text file in scenarios/<area>. Its title is a line
// "# …", each scenario begins with a line "## …"; paragraphs are separated by
// blank lines, and a paragraph that begins with a request line is an exchange,
// every other one is prose:
//
//	# Increment
//
//	## an amount is added to a number
//
//	POST /classes/Counter as counter
//	{"n": 1}
//	=> 201
//	Location: <base>/classes/Counter/<counter>
//	{"objectId": "<counter>", "createdAt": "<date>"}
//
//	GET /classes/Counter by master
//	? where={"n": {"$gt": 0}}
//	? order=-n
//	=> 200
//	{"results": [{"n": 1, "createdAt": "<date>", "updatedAt": "<date>", "objectId": "<counter>"}]}
//
// See [Exchange] for the request line's words, [Bindings] for what may stand in
// angle brackets. A scenario runs in an app without any objects and classes. The
// app is "app" unless a paragraph "app: <name>" before the first exchange names another; the
// apps and their options are in reference/apps.json.
package parity

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// File is a file of scenarios on one topic.
type File struct {
	// Area is the name of the file's directory; Name is that of the file.
	Area, Name string
	// Title is the text of the "# " line, Prose what follows it.
	Title     string
	Prose     []string
	Scenarios []*Scenario
}

// Scenario is a sequence of exchanges in an app that was empty before.
type Scenario struct {
	Title string
	// App names the app that is asked, "app" by default.
	App string
	// Paragraphs are a *Exchange or a string of prose each, in the file's order.
	Paragraphs []any
}

// Exchanges returns the scenario's exchanges, in order.
func (s *Scenario) Exchanges() []*Exchange {
	var all []*Exchange
	for _, p := range s.Paragraphs {
		if x, ok := p.(*Exchange); ok {
			all = append(all, x)
		}
	}
	return all
}

// Typed is what the scenario's requests say, to tell what was typed from what
// was made.
func (s *Scenario) Typed() string {
	var b strings.Builder
	for _, x := range s.Exchanges() {
		fmt.Fprintln(&b, x.Path, x.Parameters, x.Headers, x.Body)
	}
	return b.String()
}

// Exchange is a request and the answers to it. Its request line is a method and
// a path below the app's mount path, followed by any of these words:
//
//	as <name>[,<name>…]  binds what the answer says to names, see Bindings; in a
//	                     batch each name stands for the answer in its place
//	by master|readonly|maintenance   sends that key of the app
//	unordered            the elements of "results" may come in any order
//	escaped              the body has Go's escapes, for bytes that are no text
//	showing <header>[,<header>…]     these headers are part of the answer, too
//
// Lines "? name=value" below it are query parameters, lines "Name: value" are
// headers (an empty value removes a header that would be sent by default: the
// application id, and Content-Type: application/json with a body), and the rest is the
// body as it is sent, where <repeat 3 abc> is short for abcabcabc.
//
// The line "=> status" begins the answer: headers and body. Where Loam answers
// in another way on purpose, a line "differs: reason" and Loam's answer follow.
type Exchange struct {
	Line      int
	Method    string
	Path      string
	As        []string
	By        string
	Unordered bool
	Escaped   bool
	Showing   []string
	// Parameters and Headers are the lines' text.
	Parameters []string
	Headers    []string
	Body       string
	// Recorded is the reference's answer, nil before it was recorded.
	Recorded *Answer
	// Differs says why Loam's answer is another one.
	Differs string
	// Loam is Loam's answer when it differs, nil before it was filled in.
	Loam *Answer
}

// Expected is the answer that Loam shall give.
func (x *Exchange) Expected() *Answer {
	if x.Loam != nil {
		return x.Loam
	}
	return x.Recorded
}

// Answer is a response as far as a scenario looks at it.
type Answer struct {
	Status int
	// Headers are the headers worth recording: those in recordedHeaders and
	// those that the exchange shows.
	Headers http.Header
	// Body is Parse JSON, or any other text, or "".
	Body string
}

// Target is where scenarios are played.
type Target struct {
	// Apps has the URL of each app's mount path, such as http://127.0.0.1:1337/parse.
	Apps   map[string]*url.URL
	Client *http.Client
}
