package files

import (
	"context"
	"errors"
	"io"
)

// Reader reads a stored file from anywhere in it, as io.ReadSeeker. It opens the
// file where it is first read after a seek, so that only what is wanted is
// fetched. It is for one goroutine.
type Reader struct {
	ctx     context.Context
	storage Storage
	info    Info
	offset  int64
	open    io.ReadCloser // nil, or at offset
}

// NewReader returns a reader of a file that Stat told of. Its caller closes it.
func NewReader(ctx context.Context, s Storage, info Info) *Reader {
	return &Reader{ctx: ctx, storage: s, info: info}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.offset >= r.info.Size {
		return 0, io.EOF
	}
	if r.open == nil {
		open, err := r.storage.Open(r.ctx, r.info.Name, r.offset)
		if err != nil {
			return 0, err
		}
		r.open = open
	}
	n, err := r.open.Read(p)
	r.offset += int64(n)
	if errors.Is(err, io.EOF) && r.offset < r.info.Size {
		err = io.ErrUnexpectedEOF // the file has changed meanwhile
	}
	return n, err
}

var errSeek = errors.New("files: seek to before the beginning")

// Seek implements io.Seeker.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.info.Size
	}
	if offset < 0 {
		return 0, errSeek
	}
	if offset != r.offset {
		if err := r.Close(); err != nil {
			return 0, err
		}
		r.offset = offset
	}
	return offset, nil
}

// Close lets go of what is open.
func (r *Reader) Close() error {
	if r.open == nil {
		return nil
	}
	err := r.open.Close()
	r.open = nil
	return err
}
