// Package text is full-text search as MongoDB's text indexes do it: which
// strings of a document an index holds, the terms that they come to in their
// languages, what those terms weigh, and what a search asks for. It does no I/O;
// everything compiled is immutable and safe for concurrent use.
//
// Every error is a *store.RequestError with MongoDB's code.
package text
