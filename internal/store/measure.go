package store

import "context"

// Measurer is what a Store also implements when it can tell how large it is.
type Measurer interface {
	// Measure reads a whole collection, or its indexes' keys, to tell their size. A
	// collection that is not there is empty.
	Measure(ctx context.Context, collection string) (Size, error)
}

// Size is that of a collection, in bytes.
type Size struct {
	// Documents are how many there are, and Bytes what they take as BSON.
	Documents, Bytes int64
	// Indexes are the bytes of the indexes' keys, by name.
	Indexes map[string]int64
}
