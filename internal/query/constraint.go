package query

import "github.com/loam-baas/loam/internal/parse"

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
	// RelativeTime is {$lt: {$relativeTime: "3 days ago"}} and its kin. Text is
	// well-formed.
	RelativeTime struct {
		Op   string
		Text string
	}
	// In is $in, or $nin when Negate.
	In struct {
		Negate bool
		Values []parse.Value
	}
	// All is $all: either over values, or over Prefixes when it asks for array
	// elements that start with each of them.
	All struct {
		Values []parse.Value
		// Prefixes are patterns of the form ^\Qtext\E.
		Prefixes []string
	}
	// ContainedBy is $containedBy.
	ContainedBy struct{ Values []parse.Value }
	// Exists is $exists.
	Exists struct{ Value bool }
	// Regex is $regex with $options, some of "imxsu".
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
		Point       parse.GeoPoint
		MaxDistance float64
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
