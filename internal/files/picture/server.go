package picture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

// Options configure a Server.
type Options struct {
	Limits
	// CacheDir is where pictures that were made are kept, and CacheBytes how many
	// bytes of them.
	CacheDir   string
	CacheBytes int64
	// SigningKey makes only requests that are signed with it be answered; "" makes
	// all be.
	SigningKey string
}

// Work on one picture, and requests that wait for others' work.
const (
	workTime   = 30 * time.Second
	maxWaiting = 256
)

// Server makes pictures for those who read files, as many at a time as there are
// processors. It is safe for concurrent use.
type Server struct {
	options Options
	cache   *cache
	slots   chan struct{}
	waiting atomic.Int64
	flight  singleflight.Group
}

// New returns a server. What its directory holds of an earlier one is removed.
func New(o Options) (*Server, error) {
	c, err := openCache(o.CacheDir, o.CacheBytes)
	if err != nil {
		return nil, err
	}
	return &Server{options: o, cache: c, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}, nil
}

// Picture is one that was made.
type Picture struct {
	Content     []byte
	ContentType string
	// ETag is in quotes, as in HTTP.
	ETag string
}

var (
	errSignature = parse.NewError(parse.OperationForbidden, "The signature of the parameters is wrong.")
	errBusy      = func() error {
		err := parse.NewError(parse.RequestLimitExceeded, "Too many pictures are being made; try again later.")
		err.Status = http.StatusServiceUnavailable
		return err
	}()
)

// Asked tells whether a URL asks for another version of a file, and for which.
// Parameters of files that are no pictures do not count.
func (s *Server) Asked(info files.Info, query url.Values) (r Request, asked bool, err error) {
	if !strings.HasPrefix(files.ServedType(info.Name, info.ContentType), "image/") {
		return r, false, nil
	}
	r, asked, err = Parse(query, s.options.Side)
	if asked && err == nil && s.options.SigningKey != "" && !Signed(s.options.SigningKey, info.Name, query) {
		err = errSignature
	}
	return r, asked, err
}

// Make returns a version of a file, made now or kept from before. Several who want
// one version wait for one work.
func (s *Server) Make(ctx context.Context, info files.Info, r Request, open func(context.Context) io.ReadCloser) (*Picture, error) {
	sum := sha256.Sum256([]byte(info.Name + "\n" + info.ETag + "\n" + r.String()))
	key := hex.EncodeToString(sum[:])
	if p := s.cache.get(key); p != nil {
		return p, nil
	}
	if s.waiting.Add(1) > maxWaiting {
		s.waiting.Add(-1)
		return nil, errBusy
	}
	defer s.waiting.Add(-1)
	result := s.flight.DoChan(key, func() (any, error) {
		// It is the work of all who wait for it: none of them ends it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTime)
		defer cancel()
		return s.make(ctx, key, r, open)
	})
	select {
	case done := <-result:
		if done.Err != nil {
			return nil, done.Err
		}
		return done.Val.(*Picture), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *Server) make(ctx context.Context, key string, r Request, open func(context.Context) io.ReadCloser) (*Picture, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, errBusy
	}
	source := open(ctx)
	defer source.Close()
	content, contentType, err := Make(ctx, source, r, s.options.Limits)
	if err != nil {
		return nil, err
	}
	p := &Picture{Content: content, ContentType: contentType, ETag: `"` + key[:32] + `"`}
	return p, s.cache.put(key, p)
}
