package spool

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/loam-baas/loam/internal/store/heap"
)

// Sorter sorts records by keys, or finds the first of them: with a capacity it is
// a heap, the last in order on top, else a list. What does not fit into memory
// is sorted into files, which are merged in the end. Records of equal keys stay
// in the order in which they came.
type Sorter struct {
	options  Options
	capacity int64
	items    []item
	size     int
	count    int64
	runs     []*run
}

// item is a record behind its key.
type item struct {
	data   []byte
	key    int // the key's length
	number int64
}

// itemSize is what an item takes besides its data, in bytes.
const itemSize = 48

func (a *item) compare(b *item) int {
	if c := bytes.Compare(a.data[:a.key], b.data[:b.key]); c != 0 {
		return c
	}
	return int(a.number - b.number)
}

func (a *item) after(b *item) bool { return a.compare(b) > 0 }

// NewSorter returns a sorter, to be closed in the end, that keeps the first
// capacity records in order, or all if capacity is 0. Options.Reserve is not asked.
func NewSorter(o Options, capacity int64) *Sorter { return &Sorter{options: o, capacity: capacity} }

// Add takes a copy of a record.
func (s *Sorter) Add(key, record []byte) error {
	s.count++
	full := s.capacity > 0 && int64(len(s.items)) == s.capacity
	if full && bytes.Compare(key, s.items[0].data[:s.items[0].key]) >= 0 {
		return nil
	}
	data := make([]byte, 0, len(key)+len(record))
	it := item{data: append(append(data, key...), record...), key: len(key), number: s.count}
	s.size += len(it.data) + itemSize
	switch {
	case full:
		s.size -= len(s.items[0].data) + itemSize
		s.items[0] = it
		heap.Down(s.items, (*item).after)
	default:
		s.items = append(s.items, it)
		if s.capacity > 0 {
			heap.Up(s.items, (*item).after)
		}
	}
	if s.size > s.options.Memory {
		return failed(s.overflow())
	}
	return nil
}

// overflow moves what is in memory, in order, to a file.
func (s *Sorter) overflow() error {
	if s.options.Refuse != nil {
		return s.options.Refuse
	}
	f, err := create(s.options.Dir)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, &run{file: f})
	out := bufio.NewWriterSize(f.File, blockSize)
	s.sort()
	var head [8]byte
	for _, it := range s.items {
		binary.LittleEndian.PutUint32(head[:], uint32(it.key))
		binary.LittleEndian.PutUint32(head[4:], uint32(len(it.data)))
		if _, err := out.Write(head[:]); err != nil {
			return err
		}
		if _, err := out.Write(it.data); err != nil {
			return err
		}
	}
	clear(s.items)
	s.items, s.size = s.items[:0], 0
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

func (s *Sorter) sort() {
	slices.SortFunc(s.items, func(a, b item) int { return a.compare(&b) })
}

// Sorted calls yield with the records in order, until it returns false. They are
// valid during the call only.
func (s *Sorter) Sorted(yield func(record []byte) (more bool, err error)) error {
	if len(s.runs) > 0 {
		return s.merged(yield)
	}
	s.sort()
	for _, it := range s.items {
		if more, err := yield(it.data[it.key:]); err != nil || !more {
			return err
		}
	}
	return nil
}

// merged is Sorted for what is in files.
func (s *Sorter) merged(yield func([]byte) (bool, error)) error {
	if len(s.items) > 0 {
		if err := s.overflow(); err != nil {
			return failed(err)
		}
	}
	// rest is a heap of the runs that have a record, the first in order on top.
	var rest []*run
	for i, r := range s.runs {
		r.in = bufio.NewReaderSize(r.file.File, blockSize)
		r.item.number = int64(i) // earlier runs hold earlier records
		if more, err := r.next(); err != nil {
			return failed(err)
		} else if more {
			rest = append(rest, r)
		}
	}
	slices.SortFunc(rest, func(a, b *run) int { return a.item.compare(&b.item) })
	for n := int64(0); len(rest) > 0 && (s.capacity == 0 || n < s.capacity); n++ {
		first := rest[0]
		if more, err := yield(first.item.data[first.item.key:]); err != nil || !more {
			return err
		}
		more, err := first.next()
		if err != nil {
			return failed(err)
		}
		if more {
			heap.Down(rest, sooner)
		} else {
			rest = heap.Pop(rest, sooner)
		}
	}
	return nil
}

// Close lets go of the records.
func (s *Sorter) Close() {
	for _, r := range s.runs {
		r.file.remove()
	}
	s.runs, s.items = nil, nil
}

// run is a file of records in order.
type run struct {
	file *file
	in   *bufio.Reader
	item item // the next one
}

func sooner(a, b **run) bool { return (*a).item.compare(&(*b).item) < 0 }

// next reads the next record and tells whether there is one.
func (r *run) next() (bool, error) {
	var head [8]byte
	if _, err := io.ReadFull(r.in, head[:]); errors.Is(err, io.EOF) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	r.item.key = int(binary.LittleEndian.Uint32(head[:]))
	r.item.data = sized(r.item.data, int(binary.LittleEndian.Uint32(head[4:])))
	_, err := io.ReadFull(r.in, r.item.data)
	return true, err
}
