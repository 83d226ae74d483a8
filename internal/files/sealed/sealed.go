// Package sealed encrypts files before another storage keeps them, as Parse
// Server's GridFS and file-system adapters do with an encryption key: AES-256-GCM
// over the whole file, of any length, with the nonce and the tag at its end.
package sealed

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/loam-baas/loam/internal/files"
)

// The bytes behind the encrypted content.
const (
	nonceSize = 16
	tagSize   = 16
	trailer   = nonceSize + tagSize
)

// maxVerified is the number of files whose tag is remembered to be right.
const maxVerified = 4096

// Storage is a files.Storage that keeps encrypted what it is given. A file is
// read twice: nothing of it is given away before its tag is known to be right.
type Storage struct {
	files.Storage
	block cipher.Block

	mu       sync.Mutex
	verified map[string]string // names of files and the ETag that was right
}

// New returns a storage that encrypts what inner keeps.
func New(inner files.Storage, key string) (*Storage, error) {
	digest := sha256.Sum256([]byte(key))
	// Parse Server's key is the beginning of the digest's base64.
	block, err := aes.NewCipher([]byte(base64.StdEncoding.EncodeToString(digest[:])[:32]))
	if err != nil {
		return nil, err
	}
	return &Storage{Storage: inner, block: block, verified: make(map[string]string)}, nil
}

// errSealed says that a file was changed, or encrypted with another key, or not
// encrypted at all.
var errSealed = errors.New("files: the file can't be decrypted with this key")

// Create implements files.Storage.
func (s *Storage) Create(ctx context.Context, name string, about files.About, content io.Reader) error {
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:]) // never fails
	counter := s.counter(nonce[:])
	sealing := &sealing{content: content, stream: newStream(s.block, counter, 0), hash: newGHASH(s.block)}
	sealing.finish = func() []byte { return append(nonce[:], s.tag(sealing.hash, counter)...) }
	return s.Storage.Create(ctx, name, about, sealing)
}

// sealing encrypts a content while it is read.
type sealing struct {
	content io.Reader
	stream  *stream
	hash    *ghash
	finish  func() []byte
	end     []byte
	ended   bool
}

func (s *sealing) Read(p []byte) (int, error) {
	if s.ended {
		n := copy(p, s.end)
		if s.end = s.end[n:]; n == 0 && len(p) > 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	n, err := s.content.Read(p)
	s.stream.apply(p[:n])
	_, _ = s.hash.Write(p[:n]) // never fails
	if errors.Is(err, io.EOF) {
		s.ended, s.end, err = true, s.finish(), nil
	}
	return n, err
}

// counter is the first block of the key stream, which encrypts the tag.
func (s *Storage) counter(nonce []byte) [16]byte {
	g := newGHASH(s.block)
	// A nonce that is not of 96 bits is hashed, its length behind it.
	var length [16]byte
	binary.BigEndian.PutUint64(length[8:], uint64(len(nonce))*8)
	g.add(nonce)
	g.add(length[:])
	var counter [16]byte
	binary.BigEndian.PutUint64(counter[:8], g.sum.high)
	binary.BigEndian.PutUint64(counter[8:], g.sum.low)
	return counter
}

func (s *Storage) tag(g *ghash, counter [16]byte) []byte {
	sum := g.finish()
	s.block.Encrypt(counter[:], counter[:])
	subtle.XORBytes(sum[:], sum[:], counter[:])
	return sum[:]
}

// stream is GCM's key stream: a counter of 32 bits, which begins anew at its end.
type stream struct {
	block   cipher.Block
	counter [16]byte
	ctr     cipher.Stream
	left    uint64 // bytes until the counter begins anew
}

// newStream returns the key stream from a byte of the content on.
func newStream(b cipher.Block, first [16]byte, offset int64) *stream {
	s := &stream{block: b, counter: first}
	s.restart(binary.BigEndian.Uint32(first[12:]) + 1 + uint32(offset/16)) // modulo 2^32, as it is meant
	skip := make([]byte, offset%16)
	s.apply(skip)
	return s
}

func (s *stream) restart(counter uint32) {
	binary.BigEndian.PutUint32(s.counter[12:], counter)
	s.ctr = cipher.NewCTR(s.block, s.counter[:])
	s.left = (1<<32 - uint64(counter)) * 16
}

func (s *stream) apply(p []byte) {
	for len(p) > 0 {
		if s.left == 0 {
			s.restart(0)
		}
		n := min(uint64(len(p)), s.left)
		s.ctr.XORKeyStream(p[:n], p[:n])
		s.left -= n
		p = p[n:]
	}
}

// Stat implements files.Storage. The size is that of the content.
func (s *Storage) Stat(ctx context.Context, name string) (files.Info, error) {
	info, err := s.Storage.Stat(ctx, name)
	if err == nil && info.Size < trailer {
		err = errSealed
	}
	info.Size -= trailer
	return info, err
}

// List implements files.Storage.
func (s *Storage) List(ctx context.Context, yield func(files.Info) error) error {
	return s.Storage.List(ctx, func(info files.Info) error {
		info.Size = max(0, info.Size-trailer)
		return yield(info)
	})
}

// Open implements files.Storage. When the file is replaced meanwhile, it begins
// anew: what is decrypted is what was verified.
func (s *Storage) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	for range 10 {
		before, err := s.Stat(ctx, name)
		if err != nil {
			return nil, err
		}
		content, openErr := s.open(ctx, before, offset)
		after, err := s.Stat(ctx, name)
		if err == nil && after.ETag == before.ETag {
			return content, openErr
		}
		if openErr == nil {
			err = errors.Join(err, content.Close())
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errSealed
}

func (s *Storage) open(ctx context.Context, info files.Info, offset int64) (io.ReadCloser, error) {
	end, err := s.end(ctx, info)
	if err != nil {
		return nil, err
	}
	counter := s.counter(end[:nonceSize])
	if err := s.verify(ctx, info, counter, end[nonceSize:]); err != nil {
		return nil, err
	}
	inner, err := s.Storage.Open(ctx, info.Name, offset)
	if err != nil {
		return nil, err
	}
	return &opened{Closer: inner, content: io.LimitReader(inner, info.Size-offset), stream: newStream(s.block, counter, offset)}, nil
}

// opened decrypts a content while it is read.
type opened struct {
	io.Closer
	content io.Reader
	stream  *stream
}

func (o *opened) Read(p []byte) (int, error) {
	n, err := o.content.Read(p)
	o.stream.apply(p[:n])
	return n, err
}

// end are nonce and tag of a file.
func (s *Storage) end(ctx context.Context, info files.Info) ([]byte, error) {
	r, err := s.Storage.Open(ctx, info.Name, info.Size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	end := make([]byte, trailer)
	_, err = io.ReadFull(r, end)
	return end, err
}

// verify reads a file through and compares its tag, unless it has been right before.
func (s *Storage) verify(ctx context.Context, info files.Info, counter [16]byte, tag []byte) error {
	s.mu.Lock()
	right := s.verified[info.Name] == info.ETag && info.ETag != ""
	s.mu.Unlock()
	if right {
		return nil
	}
	r, err := s.Storage.Open(ctx, info.Name, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	g := newGHASH(s.block)
	if _, err := io.Copy(g, io.LimitReader(r, info.Size)); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(tag, s.tag(g, counter)) == 0 {
		return errSealed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.verified) >= maxVerified {
		clear(s.verified)
	}
	s.verified[info.Name] = info.ETag
	return nil
}
