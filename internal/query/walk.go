package query

import (
	"math"
	"slices"
)

// The walks below visit a where in the order in which it was written, inside
// $or, $and and $nor too, but not inside subqueries: those are over other
// classes. They are linear, and as deep as Limits.QueryDepth lets a where be.

// Paths visits every constrained path; it is an iterator for range.
func (w *Where) Paths(yield func(path string, constraints []Constraint) bool) {
	w.walk(func(n Node) bool {
		f, ok := n.(*Field)
		return !ok || yield(f.Path, f.Constraints)
	})
}

// HasNear tells whether w sorts by the distance from a point.
func (w *Where) HasNear() bool {
	_, near := w.Near()
	return near
}

// Near returns the path by which w sorts by the distance from a point.
func (w *Where) Near() (path string, near bool) {
	isNear := func(c Constraint) bool { _, ok := c.(*NearSphere); return ok }
	for path, constraints := range w.Paths {
		if slices.ContainsFunc(constraints, isNear) {
			return path, true
		}
	}
	return "", false
}

// WithoutOrder returns w with conditions of nearness, which sort and cannot be
// counted, replaced by ones that hold for the same objects.
func (w *Where) WithoutOrder() *Where {
	unordered, _ := w.Rewrite(func(n Node) (Node, error) {
		f, ok := n.(*Field)
		if !ok {
			return n, nil
		}
		for i, c := range f.Constraints {
			near, ok := c.(*NearSphere)
			if !ok {
				continue
			}
			f = &Field{Path: f.Path, Constraints: slices.Clone(f.Constraints)}
			within := &WithinSphere{Center: near.Point, Radius: math.Pi} // the whole sphere
			if near.MaxDistance >= 0 {
				within.Radius = near.MaxDistance
			}
			f.Constraints[i] = within
		}
		return f, nil
	})
	return unordered
}

// walk calls visit with every Field and RelatedTo until it returns false, and
// tells whether it never did.
func (w *Where) walk(visit func(Node) bool) bool {
	if w == nil {
		return true
	}
	for _, n := range w.Nodes {
		if l, ok := n.(*Logical); ok {
			for _, clause := range l.Clauses {
				if !clause.walk(visit) {
					return false
				}
			}
			continue
		}
		if !visit(n) {
			return false
		}
	}
	return true
}

// Rewrite returns w with every Field and RelatedTo replaced by what replace
// makes of it, which is the same node to leave it as it is. w itself does not
// change; what is left alone is shared.
func (w *Where) Rewrite(replace func(Node) (Node, error)) (*Where, error) {
	if w == nil {
		return nil, nil
	}
	nodes := w.Nodes
	for i, n := range w.Nodes {
		changed, err := rewriteNode(n, replace)
		if err != nil {
			return nil, err
		}
		if changed == n {
			continue
		}
		if &nodes[0] == &w.Nodes[0] {
			nodes = slices.Clone(nodes)
		}
		nodes[i] = changed
	}
	if len(nodes) == 0 || &nodes[0] == &w.Nodes[0] {
		return w, nil
	}
	return &Where{Nodes: nodes}, nil
}

func rewriteNode(n Node, replace func(Node) (Node, error)) (Node, error) {
	l, ok := n.(*Logical)
	if !ok {
		return replace(n)
	}
	clauses := make([]*Where, len(l.Clauses))
	changed := false
	for i, clause := range l.Clauses {
		c, err := clause.Rewrite(replace)
		if err != nil {
			return nil, err
		}
		clauses[i] = c
		changed = changed || c != clause
	}
	if !changed {
		return n, nil
	}
	return &Logical{Op: l.Op, Clauses: clauses}, nil
}
