// Package spool keeps what is too much for memory in temporary files: documents
// that are read again in the order in which they came, and records to be sorted.
package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Options say where things are kept.
type Options struct {
	// Dir is the directory of temporary files; "" means the system's.
	Dir string
	// Memory is how many bytes are kept in memory.
	Memory int
	// Reserve accounts for memory that many share, n below 0 giving it back, and
	// tells whether it may be had; nil means that it may.
	Reserve func(n int64) bool
	// Refuse is the error for what does not fit into Memory where files are not
	// allowed; nil allows them.
	Refuse error
}

// Spool holds documents, one after the other, in memory or, when they are too
// many, in a file. It is filled, rewound and read.
type Spool struct {
	options  Options
	memory   []byte // what has not been written or read yet
	reserved int64
	file     *file
	out      *bufio.Writer // to the file while it is filled
	in       *bufio.Reader // of the file while it is read
	buffer   []byte
}

// New returns an empty spool, to be closed in the end.
func New(o Options) *Spool { return &Spool{options: o} }

// Add appends a document.
func (s *Spool) Add(doc bson.Raw) error {
	if s.file == nil {
		if s.reserve(len(doc)) {
			s.memory = append(s.memory, doc...)
			return nil
		}
		if err := s.overflow(); err != nil {
			return failed(err)
		}
	}
	_, err := s.out.Write(doc)
	return failed(err)
}

// reserve accounts for n more bytes of memory, if there is room for them.
func (s *Spool) reserve(n int) bool {
	if len(s.memory)+n > s.options.Memory {
		return false
	}
	if s.options.Reserve != nil && !s.options.Reserve(int64(n)) {
		return false
	}
	s.reserved += int64(n)
	return true
}

func (s *Spool) release() {
	if s.options.Reserve != nil && s.reserved > 0 {
		s.options.Reserve(-s.reserved)
	}
	s.memory, s.reserved = nil, 0
}

// overflow moves what is in memory to a file.
func (s *Spool) overflow() (err error) {
	if s.options.Refuse != nil {
		return s.options.Refuse
	}
	if s.file, err = create(s.options.Dir); err != nil {
		return err
	}
	s.out = bufio.NewWriterSize(s.file.File, blockSize)
	_, err = s.out.Write(s.memory)
	s.release()
	return err
}

// OnDisk tells whether the documents are in a file.
func (s *Spool) OnDisk() bool { return s.file != nil }

// Rewind ends the filling, so that the documents can be read.
func (s *Spool) Rewind() error {
	if s.file == nil {
		return nil
	}
	if err := s.out.Flush(); err != nil {
		return failed(err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return failed(err)
	}
	s.out, s.in = nil, bufio.NewReaderSize(s.file.File, blockSize)
	return nil
}

// Next returns the next document, nil when there is none. It is valid until the
// next call.
func (s *Spool) Next() (bson.Raw, error) {
	if s.file == nil {
		if len(s.memory) == 0 {
			return nil, nil
		}
		n := binary.LittleEndian.Uint32(s.memory)
		doc := s.memory[:n:n]
		s.memory = s.memory[n:]
		return doc, nil
	}
	length, err := s.in.Peek(4)
	if errors.Is(err, io.EOF) && len(length) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, failed(err)
	}
	s.buffer = sized(s.buffer, int(binary.LittleEndian.Uint32(length)))
	_, err = io.ReadFull(s.in, s.buffer)
	return s.buffer, failed(err)
}

// Close lets go of the documents.
func (s *Spool) Close() {
	s.release()
	if s.file != nil {
		s.file.remove()
		s.file = nil
	}
}

// blockSize is that of what is read and written at once, in bytes.
const blockSize = 64 << 10

// file is a temporary file.
type file struct {
	*os.File
	path string // if it has to be removed in the end
}

func create(dir string) (*file, error) {
	f, err := os.CreateTemp(dir, "loam-spool-*")
	if err != nil {
		return nil, err
	}
	// Where an open file can be removed, nothing is left of it after a crash.
	if os.Remove(f.Name()) != nil {
		return &file{File: f, path: f.Name()}, nil
	}
	return &file{File: f}, nil
}

func (f *file) remove() {
	// Nobody needs what is in it any more, so that an error says nothing.
	_ = f.Close()
	if f.path != "" {
		_ = os.Remove(f.path)
	}
}

// sized returns a buffer of n bytes, the one given if it is large enough.
func sized(buffer []byte, n int) []byte {
	if cap(buffer) < n {
		return make([]byte, n)
	}
	return buffer[:n]
}

func failed(err error) error {
	var kept *os.PathError
	if errors.As(err, &kept) || errors.Is(err, io.ErrShortWrite) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("results that wait on disk: %w", err)
	}
	return err
}
