package parity

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Difference is a place where an answer is not what was expected.
type Difference struct {
	// Where is a path such as body.results[0].n.
	Where     string
	Want, Got string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: want %s, got %s", d.Where, d.Want, d.Got)
}

// Compare tells where got is not what want stands for.
func (x *Exchange) Compare(want, got *Answer, b Bindings) []Difference {
	c := comparison{bindings: b, unordered: x.Unordered}
	if want.Status != got.Status {
		c.add("status", strconv.Itoa(want.Status), strconv.Itoa(got.Status))
	}
	for name := range want.Headers {
		if w, g := want.Headers.Get(name), got.Headers.Get(name); !b.matches(w, g) {
			c.add(name, w, g)
		}
	}
	for name := range got.Headers {
		if _, ok := want.Headers[name]; !ok {
			c.add(name, "none", got.Headers.Get(name))
		}
	}
	c.bodies(want.Body, got.Body)
	return c.found
}

type comparison struct {
	bindings  Bindings
	unordered bool
	found     []Difference
}

func (c *comparison) add(where, want, got string) {
	c.found = append(c.found, Difference{where, want, got})
}

func (c *comparison) bodies(want, got string) {
	w, err := decode(want)
	if err != nil {
		if !c.bindings.matches(want, got) {
			c.add("body", want, got)
		}
		return
	}
	g, err := decode(got)
	if err != nil {
		c.add("body", want, got)
		return
	}
	c.values("body", w, g)
}

func (c *comparison) values(where string, want, got value) {
	switch want := want.(type) {
	case object:
		got, ok := got.(object)
		if !ok {
			break
		}
		c.objects(where, want, got)
		return
	case array:
		got, ok := got.(array)
		if !ok {
			break
		}
		if c.unordered && where == "body.results" {
			got = c.aligned(want, got)
		}
		c.arrays(where, want, got)
		return
	case json.Number:
		if got, ok := got.(json.Number); ok && sameNumber(want, got) {
			return
		}
	case string:
		if want == "<any>" {
			return
		}
		if got, ok := got.(string); ok && c.bindings.matches(want, got) {
			return
		}
	default:
		if want == got {
			return
		}
	}
	c.add(where, encodeLine(want), encodeLine(got))
}

func (c *comparison) objects(where string, want, got object) {
	wanted := make(map[string]bool, len(want))
	for _, m := range want {
		key := c.bindings.Fill(m.key)
		wanted[key] = true
		if !got.has(key) {
			c.add(where+"."+m.key, encodeLine(m.value), "nothing")
			continue
		}
		c.values(where+"."+m.key, m.value, got.get(key))
	}
	for _, m := range got {
		if !wanted[m.key] {
			c.add(where+"."+m.key, "nothing", encodeLine(m.value))
		}
	}
}

func (c *comparison) arrays(where string, want, got array) {
	if len(want) != len(got) {
		c.add(where, encodeLine(want), encodeLine(got))
		return
	}
	for i := range want {
		c.values(fmt.Sprintf("%s[%d]", where, i), want[i], got[i])
	}
}

// aligned returns got in the order in which its elements agree with want's, as
// far as they do.
func (c *comparison) aligned(want, got array) array {
	if len(want) != len(got) {
		return got
	}
	left := append(array(nil), got...)
	ordered := make(array, len(want))
	var open []int
	for i, w := range want {
		open = append(open, i)
		for j, g := range left {
			trial := comparison{bindings: c.bindings}
			if trial.values("", w, g); len(trial.found) == 0 {
				ordered[i] = g
				left = append(left[:j], left[j+1:]...)
				open = open[:len(open)-1]
				break
			}
		}
	}
	for k, i := range open {
		ordered[i] = left[k]
	}
	return ordered
}

func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y
}
