package mongowire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// spool holds the documents that a cursor has left, one after the other: in
// memory or, when they are too many, in a file. It is filled, rewound and read.
type spool struct {
	cursors *cursors
	memory  []byte // what has not been written or read yet
	counted int64  // bytes of memory that the cursors account for
	file    *os.File
	path    string        // of the file, if it has to be removed in the end
	out     *bufio.Writer // to the file while it is filled
	in      *bufio.Reader // of the file while it is read
	// held is a document that was read and did not fit.
	held bson.Raw
}

func newSpool(c *cursors) *spool { return &spool{cursors: c} }

// add appends a document.
func (s *spool) add(doc bson.Raw) error {
	if s.file == nil {
		if s.reserve(len(doc)) {
			s.memory = append(s.memory, doc...)
			return nil
		}
		if err := s.overflow(); err != nil {
			return spoolError(err)
		}
	}
	_, err := s.out.Write(doc)
	return spoolError(err)
}

// reserve accounts for n more bytes of memory, if there is room for them.
func (s *spool) reserve(n int) bool {
	if len(s.memory)+n > maxCursorBytes {
		return false
	}
	if s.cursors.memory.Add(int64(n)) > maxCursorsBytes {
		s.cursors.memory.Add(-int64(n))
		return false
	}
	s.counted += int64(n)
	return true
}

func (s *spool) release() {
	s.cursors.memory.Add(-s.counted)
	s.memory, s.counted = nil, 0
}

// overflow moves what is in memory to a file.
func (s *spool) overflow() error {
	f, err := os.CreateTemp(s.cursors.dir, "loam-cursor-*")
	if err != nil {
		return err
	}
	// Where an open file can be removed, nothing is left of it after a crash.
	if os.Remove(f.Name()) != nil {
		s.path = f.Name()
	}
	s.file, s.out = f, bufio.NewWriterSize(f, 64<<10)
	_, err = s.out.Write(s.memory)
	s.release()
	return err
}

// rewind ends the filling, so that the documents can be read.
func (s *spool) rewind() error {
	if s.file == nil {
		return nil
	}
	if err := s.out.Flush(); err != nil {
		return spoolError(err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return spoolError(err)
	}
	s.out, s.in = nil, bufio.NewReaderSize(s.file, 64<<10)
	return nil
}

// batch reads up to size documents, as many as go into an answer, and tells
// whether there are more.
func (s *spool) batch(size int64) (b batch, more bool, err error) {
	b = newBatch()
	for {
		if s.held == nil {
			if s.held, err = s.read(); err != nil || s.held == nil {
				return b, false, err
			}
		}
		if !b.fits(s.held, size) {
			return b, true, nil
		}
		b.add(s.held)
		s.held = nil
	}
}

// read returns the next document, nil when there is none.
func (s *spool) read() (bson.Raw, error) {
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
		return nil, spoolError(err)
	}
	doc := make(bson.Raw, binary.LittleEndian.Uint32(length))
	_, err = io.ReadFull(s.in, doc)
	return doc, spoolError(err)
}

// close lets go of the documents.
func (s *spool) close() {
	s.release()
	s.held = nil
	if s.file == nil {
		return
	}
	// Nobody needs what is in it any more, so that an error says nothing.
	_ = s.file.Close()
	if s.path != "" {
		_ = os.Remove(s.path)
	}
	s.file = nil
}

func spoolError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("results that wait on disk: %w", err)
}
