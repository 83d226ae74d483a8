// Package query is Parse's query language: it decodes a query from its JSON
// into a typed form, bounds it, and compiles it to a store filter. It does no
// I/O and knows no permissions: the engine walks the typed form to check and to
// resolve it.
//
// The typed form is immutable: who wants another one makes it with Rewrite.
package query

import "github.com/loam-baas/loam/internal/parse"

// Query is a typed query over one class.
type Query struct {
	Where *Where
	Order []Order
	// Limit is the number of results wanted; nil means the app's default.
	Limit *int
	Skip  int
	// Count asks for the number of all matches beside the results.
	Count bool
	// Keys are the dotted paths wanted; nil means all, an empty list none. The default fields
	// (objectId, createdAt, updatedAt, ACL) are always wanted and not named here.
	Keys        []string
	ExcludeKeys []string
	// Include are dotted paths of pointers to fetch, each one preceded by its
	// own prefixes, shortest first. Keys and ExcludeKeys that reach into a
	// pointer are accounted for.
	Include    []string
	IncludeAll bool

	ReadPreference         string
	IncludeReadPreference  string
	SubqueryReadPreference string
	Hint                   parse.Value // String or *Object; nil means none
	Explain                bool
	Comment                string
	// RedirectClassNameForKey is a pointer or relation field: the query runs on
	// the class that it points to.
	RedirectClassNameForKey string
}
