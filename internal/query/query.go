// Package query is Parse's query language: it decodes a query from its JSON
// into a typed form, bounds it, and compiles it to a store filter. It does no
// I/O and knows no permissions: the engine walks the typed form to check and to
// resolve it.
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
	// Keys are the dotted paths wanted; nil means all.
	Keys        []string
	ExcludeKeys []string
	// Include are dotted paths of pointers to fetch.
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

// Order is one sort key.
type Order struct {
	// Path is a dotted path, or "$score" for text search.
	Path       string
	Descending bool
}

// Where is a conjunction: all of its nodes must hold. A nil Where holds always.
type Where struct{ Nodes []Node }

// Node is one condition: *Field, *Logical or *RelatedTo. The set is closed.
type Node interface{ node() }

// Field constrains the value at a path; all constraints must hold.
type Field struct {
	Path        string
	Constraints []Constraint
}

// Logical is $or, $and or $nor over conjunctions.
type Logical struct {
	Op      LogicalOp
	Clauses []*Where
}

// LogicalOp is the operator of a Logical.
type LogicalOp string

// The logical operators.
const (
	Or  LogicalOp = "$or"
	And LogicalOp = "$and"
	Nor LogicalOp = "$nor"
)

// RelatedTo holds for the objects in a relation: {"$relatedTo": {object, key}}.
// The engine replaces it by a Field on objectId before compiling.
type RelatedTo struct {
	Object parse.Pointer
	Key    string
}

func (*Field) node()     {}
func (*Logical) node()   {}
func (*RelatedTo) node() {}

// Constraint is one test of a value. The set is closed.
type Constraint interface{ constraint() }

type (
	// Equal is {key: value} and $eq.
	Equal struct{ Value parse.Value }
	// Compare is $lt, $lte, $gt, $gte and $ne.
	Compare struct {
		Op    string
		Value parse.Value
	}
	// RelativeTime is {$lt: {$relativeTime: "3 days ago"}} and its kin.
	RelativeTime struct {
		Op   string
		Text string
	}
	// In is $in, or $nin when Negate.
	In struct {
		Negate bool
		Values []parse.Value
	}
	// All is $all.
	All struct{ Values []parse.Value }
	// ContainedBy is $containedBy.
	ContainedBy struct{ Values []parse.Value }
	// Exists is $exists.
	Exists struct{ Value bool }
	// Regex is $regex with $options.
	Regex struct{ Pattern, Options string }
	// InQuery is $inQuery, or $notInQuery when Negate. The engine replaces it by
	// In over pointers before compiling.
	InQuery struct {
		Negate    bool
		ClassName string
		Query     *Query
	}
	// Select is $select, or $dontSelect when Negate. The engine replaces it by
	// In over the values found at Key before compiling.
	Select struct {
		Negate    bool
		ClassName string
		Query     *Query
		Key       string
	}
	// NearSphere is $nearSphere; MaxDistance is in radians, negative means none.
	NearSphere struct {
		Point                    parse.GeoPoint
		MaxDistance, MinDistance float64
	}
	// WithinBox is {$within: {$box: [southwest, northeast]}}.
	WithinBox struct{ SouthWest, NorthEast parse.GeoPoint }
	// WithinPolygon is {$geoWithin: {$polygon: …}}.
	WithinPolygon struct{ Points []parse.GeoPoint }
	// WithinSphere is {$geoWithin: {$centerSphere: [point, radians]}}.
	WithinSphere struct {
		Center parse.GeoPoint
		Radius float64
	}
	// IntersectsPoint is {$geoIntersects: {$point: …}} on a Polygon field.
	IntersectsPoint struct{ Point parse.GeoPoint }
	// Text is {$text: {$search: …}}.
	Text struct {
		Term, Language                    string
		CaseSensitive, DiacriticSensitive *bool
	}
)

func (*Equal) constraint()           {}
func (*Compare) constraint()         {}
func (*RelativeTime) constraint()    {}
func (*In) constraint()              {}
func (*All) constraint()             {}
func (*ContainedBy) constraint()     {}
func (*Exists) constraint()          {}
func (*Regex) constraint()           {}
func (*InQuery) constraint()         {}
func (*Select) constraint()          {}
func (*NearSphere) constraint()      {}
func (*WithinBox) constraint()       {}
func (*WithinPolygon) constraint()   {}
func (*WithinSphere) constraint()    {}
func (*IntersectsPoint) constraint() {}
func (*Text) constraint()            {}

// Limits bound a query; zero means no limit. Exceeding one is an InvalidQuery
// error that names the limit (Parse Server's option requestComplexity).
type Limits struct {
	QueryDepth    int // nesting of $or, $and, $nor
	SubqueryDepth int // nesting of $inQuery, $select and their kin
	IncludeDepth  int // levels in one include path
	IncludeCount  int // include paths in one query
	WhereNodes    int // constraints in one query, subqueries included
	InValues      int // values in one $in, $nin, $all or $containedBy
	RegexLength   int // bytes in one $regex
	// DenyRegex refuses $regex altogether (requestComplexity.allowRegex false).
	DenyRegex bool
}
