package engine

import (
	"sync"

	"github.com/loam-baas/loam/internal/parse"
)

// Result is an answer ready to be written as Parse JSON.
type Result struct {
	json   []byte
	pooled *[]byte
}

// NewResult returns a result of ready Parse JSON.
func NewResult(json []byte) *Result { return &Result{json: json} }

// JSON returns the answer. The caller must not change it, nor use it after Release.
func (r *Result) JSON() []byte { return r.json }

// With is the answer, an object, with more members. It takes the place of r, of
// which the memory is given back.
func (r *Result) With(more ...parse.Member) *Result {
	json := append(make([]byte, 0, len(r.json)+128), r.json[:len(r.json)-1]...)
	for _, m := range more {
		if len(json) > 1 {
			json = append(json, ',')
		}
		json = append(parse.AppendString(json, m.Key), ':')
		json = parse.AppendJSON(json, m.Value)
	}
	r.Release()
	return NewResult(append(json, '}'))
}

// Release gives the answer's memory back. A result that is never released is
// collected as garbage; one must not be used after it was.
func (r *Result) Release() {
	if r.pooled == nil || cap(r.json) > maxPooled {
		return
	}
	*r.pooled = r.json[:0]
	buffers.Put(r.pooled)
	r.json, r.pooled = nil, nil
}

// buffers holds the memory of answers between requests: growing it anew for
// each find costs as much as encoding what is found. It holds no state.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// maxPooled is the largest answer, in bytes, whose memory is kept.
const maxPooled = 1 << 20

// pooledResult lets fill append an answer to memory from the pool.
func pooledResult(fill func(dst []byte) ([]byte, error)) (*Result, error) {
	buffer := buffers.Get().(*[]byte)
	json, err := fill((*buffer)[:0])
	if err != nil {
		buffers.Put(buffer)
		return nil, err
	}
	return &Result{json: json, pooled: buffer}, nil
}
