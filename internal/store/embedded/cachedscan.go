package embedded

import (
	"bytes"
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// An index's entries are side by side, but the documents that they lead to are
// all over the file: looking one up costs several times what its entry does. So
// a scan of an index looks first whether the cache has what it is about to read.
// If so, it reads entries only, and takes what is missing from the file one by
// one. If not, SQLite joins the documents to the entries, which costs less than
// a statement for each.

// peeked is how many of a range's first documents are looked for in the cache.
const peeked = 8

// stepRows reads one range of an index by its entries if the cache has half of
// what comes first; else it does nothing, and is not done.
func (s *scan) stepRows(ctx context.Context, key stmtKey, r keyRange) (done bool, err error) {
	if key.does == indexUp {
		key.does = rowsUp
	} else {
		key.does = rowsDown
	}
	st, err := s.conn.prepare(key)
	if err != nil {
		return false, err
	}
	st.bindBlob(1, r.low)
	st.bindBlob(2, r.high)
	defer st.reset()
	var rows [peeked]int64
	var docs [peeked]bson.Raw
	n, hits, more := 0, 0, true
	for ; n < peeked; n++ {
		if more, err = st.step(); err != nil {
			return false, err
		}
		if !more {
			break
		}
		rows[n] = st.int(0)
		if docs[n] = s.cache.byRow(s.coll.n, rows[n], s.at); docs[n] != nil {
			hits++
		}
	}
	// The statement's snapshot ends with its last row: what is missing then can't
	// be read any more.
	if 2*hits < n || !more && hits < n {
		return false, nil
	}
	if err := s.check(); err != nil {
		return false, err
	}
	for i := range n {
		if goOn, err := s.offerRow(ctx, rows[i], docs[i]); err != nil || !goOn {
			return true, err
		}
	}
	for more {
		if more, err = st.step(); err != nil || !more {
			return true, err
		}
		rid := st.int(0)
		if goOn, err := s.offerRow(ctx, rid, s.cache.byRow(s.coll.n, rid, s.at)); err != nil || !goOn {
			return true, err
		}
	}
	return true, nil
}

// offerRow offers the document of a row, which is read from the file if it is nil.
func (s *scan) offerRow(ctx context.Context, rid int64, doc bson.Raw) (bool, error) {
	if doc != nil {
		return s.offer(ctx, handle{rid: rid, kept: true}, doc)
	}
	st, err := s.conn.prepare(stmtKey{does: docByRID, docs: s.coll.n})
	if err != nil {
		return false, err
	}
	defer st.reset()
	st.bindInt(1, rid)
	if found, err := st.first(); err != nil || !found {
		return err == nil, err
	}
	doc = st.blob(1)
	s.remember(rid, doc)
	return s.offer(ctx, handle{rid: rid}, doc)
}

// remember lets the cache have a copy of a document that was read from the file,
// if it is not for the first time. What reads more than the cache can hold would
// only drive out what others need.
func (s *scan) remember(rid int64, doc bson.Raw) {
	size := int64(len(doc))
	if !s.cache.wants(len(doc)) || s.given+size > s.cache.share() || !s.cache.seenBefore(s.coll.n, rid) {
		return
	}
	s.given += size
	s.cache.put(s.coll.n, rid, nil, bytes.Clone(doc), s.at)
}
