package parse

import "strings"

// KeySet is a set of dotted paths, as keys and excludeKeys name them. It is
// immutable and safe to share.
type KeySet struct {
	whole    bool // a path ends here
	children map[string]*KeySet
}

// NewKeySet returns the set of the paths.
func NewKeySet(paths ...string) *KeySet {
	root := &KeySet{}
	for _, path := range paths {
		k := root
		for rest, dotted := path, true; dotted; {
			var name string
			name, rest, dotted = strings.Cut(rest, ".")
			next := k.children[name]
			if next == nil {
				next = &KeySet{}
				if k.children == nil {
					k.children = make(map[string]*KeySet)
				}
				k.children[name] = next
			}
			k = next
		}
		k.whole = true
	}
	return root
}

// Child returns the set of the paths below name, or nil when none begins with
// name. An object included at name uses it as its own set when it is not Leaf.
func (k *KeySet) Child(name string) *KeySet {
	if k == nil {
		return nil
	}
	return k.children[name]
}

// Whole tells whether one of the paths ends here.
func (k *KeySet) Whole() bool { return k != nil && k.whole }

// Leaf tells whether no path goes on from here.
func (k *KeySet) Leaf() bool { return k == nil || len(k.children) == 0 }
