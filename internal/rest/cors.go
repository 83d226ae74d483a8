package rest

import (
	"net/http"
	"slices"
	"strings"
)

// allowedHeaders are the request headers that every client may send from a
// browser. Source: the headers of the Parse protocol.
const allowedHeaders = "X-Parse-Master-Key, X-Parse-REST-API-Key, X-Parse-Javascript-Key, X-Parse-Application-Id, " +
	"X-Parse-Client-Version, X-Parse-Session-Token, X-Requested-With, X-Parse-Revocable-Session, X-Parse-Request-Id, " +
	"Content-Type, Pragma, Cache-Control"

// cors are the headers that let pages of other origins call the API. All values
// are made beforehand: they go out with every response.
type cors struct {
	origins                        [][]string // the first is for every other origin
	methods, headers, expose, vary []string
}

func newCORS(origins, headers []string) cors {
	if len(origins) == 0 {
		origins = []string{"*"}
	}
	c := cors{
		methods: []string{"GET,PUT,POST,DELETE,OPTIONS"},
		headers: []string{strings.Join(append([]string{allowedHeaders}, headers...), ", ")},
		expose:  []string{"X-Parse-Job-Status-Id, X-Parse-Push-Status-Id"},
		vary:    []string{"Origin"},
	}
	for _, origin := range origins {
		c.origins = append(c.origins, []string{origin})
	}
	return c
}

// set puts the headers into h; nobody may append to them there.
func (c *cors) set(h http.Header, r *http.Request) {
	origin := c.origins[0]
	if len(c.origins) > 1 {
		asked := first(r.Header["Origin"])
		if i := slices.IndexFunc(c.origins, func(o []string) bool { return o[0] == asked }); i > 0 {
			origin = c.origins[i]
		}
		h["Vary"] = c.vary
	}
	h["Access-Control-Allow-Origin"] = origin
	h["Access-Control-Allow-Methods"] = c.methods
	h["Access-Control-Allow-Headers"] = c.headers
	h["Access-Control-Expose-Headers"] = c.expose
}
