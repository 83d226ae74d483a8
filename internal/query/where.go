package query

import "github.com/loam-baas/loam/internal/parse"

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
