// Package match decides on raw BSON documents what MongoDB decides: whether a
// document satisfies a filter, which of two values comes first, what an update
// makes of a document, what a projection leaves of it, and which keys an index
// holds for it. It does no I/O and keeps no state; everything compiled is
// immutable and safe for concurrent use.
//
// Documents are read in place, without decoding them. They are expected to be
// well formed; what is malformed reads as if it ended there and never panics.
//
// Every error is a *store.RequestError with MongoDB's code.
package match
