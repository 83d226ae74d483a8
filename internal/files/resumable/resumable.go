// Package resumable takes uploads that may be broken off and go on later, by the
// protocol tus 1.0. What has come of a file is kept in a directory of this machine
// until all has; then the file is stored as any other.
package resumable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tus/tusd/v2/pkg/filestore"
	tus "github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
	expslog "golang.org/x/exp/slog"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

// Options configure a Server.
type Options struct {
	// Dir is where unfinished uploads are kept.
	Dir string
	// MaxSize is the largest file, in bytes.
	MaxSize int64
	// URL is that at which clients reach the server, without a slash at its end.
	URL    string
	Logger *slog.Logger
}

// Unfinished uploads: how long they are kept after their last piece, and how many
// there may be.
const (
	keptFor    = 24 * time.Hour
	maxPending = 1000
	sweepEvery = time.Hour
)

// Gate is what the server asks about an upload. It is a request's own.
type Gate interface {
	// Check refuses uploads that may not be stored, before anything of them has come.
	Check(ctx context.Context, u *files.Upload) error
	// Save stores a file that has come as a whole, and tells what its client is answered.
	Save(ctx context.Context, u *files.Upload) (answer []byte, location string, err error)
	// Refuse writes an error's answer: its status and body.
	Refuse(err error) (status int, body []byte)
}

// Server takes uploads. It is safe for concurrent use.
type Server struct {
	options Options
	handler *tus.UnroutedHandler
	store   filestore.FileStore
	stop    chan struct{}
	running sync.WaitGroup
}

// New returns a server; whoever makes it closes it.
func New(o Options) (*Server, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("uploads: %w", err)
	}
	s := &Server{options: o, store: filestore.New(o.Dir), stop: make(chan struct{})}
	composer := tus.NewStoreComposer()
	s.store.UseIn(composer)
	memorylocker.New().UseIn(composer)
	var err error
	s.handler, err = tus.NewUnroutedHandler(tus.Config{
		StoreComposer: composer, MaxSize: o.MaxSize, BasePath: o.URL + "/",
		DisableDownload: true, DisableConcatenation: true, Cors: &tus.CorsConfig{Disable: true},
		PreUploadCreateCallback: s.create, PreFinishResponseCallback: s.finish,
		Logger: expslog.New(expslog.NewTextHandler(io.Discard, nil)), // refusals are the client's, faults come through Gate
	})
	if err != nil {
		return nil, fmt.Errorf("uploads: %w", err)
	}
	s.sweep()
	s.running.Go(func() {
		for {
			select {
			case <-s.stop:
				return
			case <-time.After(sweepEvery):
				s.sweep()
			}
		}
	})
	return s, nil
}

// Close waits for what runs.
func (s *Server) Close() error {
	close(s.stop)
	s.running.Wait()
	return nil
}

type gateKey struct{}

// Serve answers a request below the server's URL, for the caller whom gate knows.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, gate Gate) {
	method := r.Method
	if other := r.Header.Get("X-HTTP-Method-Override"); other != "" && method == http.MethodPost {
		method = other
	}
	var act http.HandlerFunc
	switch method {
	case http.MethodPost:
		act = s.handler.PostFile
	case http.MethodHead:
		act = s.handler.HeadFile
	case http.MethodPatch:
		act = s.handler.PatchFile
	case http.MethodDelete:
		act = s.handler.DelFile
	default:
		w.Header().Set("Allow", "OPTIONS, POST, HEAD, PATCH, DELETE")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s.handler.Middleware(act).ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), gateKey{}, gate)))
}

// upload is what the metadata of an upload say.
func upload(info tus.FileInfo) *files.Upload {
	return &files.Upload{Name: info.MetaData["filename"], ContentType: info.MetaData["filetype"]}
}

var errTooMany = func() error {
	err := parse.NewError(parse.RequestLimitExceeded, "Too many uploads are unfinished; try again later.")
	err.Status = http.StatusServiceUnavailable
	return err
}()

// create decides whether an upload may begin.
func (s *Server) create(hook tus.HookEvent) (tus.HTTPResponse, tus.FileInfoChanges, error) {
	gate := hook.Context.Value(gateKey{}).(Gate)
	err := gate.Check(hook.Context, upload(hook.Upload))
	if err == nil {
		var pending []string
		if pending, err = filepath.Glob(filepath.Join(s.options.Dir, "*.info")); len(pending) >= maxPending {
			err = errTooMany
		}
	}
	return tus.HTTPResponse{}, tus.FileInfoChanges{}, refusal(gate, err)
}

// refusal is an error in the library's form, which answers it as it is.
func refusal(gate Gate, err error) error {
	if err == nil {
		return nil
	}
	status, body := gate.Refuse(err)
	return tus.Error{
		ErrorCode: "ERR_REFUSED", Message: err.Error(),
		HTTPResponse: tus.HTTPResponse{StatusCode: status, Body: string(body), Header: tus.HTTPHeader{"Content-Type": "application/json; charset=utf-8"}},
	}
}

// finish stores a file of which the last piece has come.
func (s *Server) finish(hook tus.HookEvent) (tus.HTTPResponse, error) {
	gate := hook.Context.Value(gateKey{}).(Gate)
	answer, location, err := s.save(hook.Context, gate, hook.Upload)
	if err != nil {
		return tus.HTTPResponse{}, refusal(gate, err)
	}
	return tus.HTTPResponse{StatusCode: http.StatusOK, Body: string(answer),
		Header: tus.HTTPHeader{"Content-Type": "application/json; charset=utf-8", "Location": location}}, nil
}

func (s *Server) save(ctx context.Context, gate Gate, info tus.FileInfo) (answer []byte, location string, err error) {
	done, err := s.store.GetUpload(ctx, info.ID)
	if err != nil {
		return nil, "", err
	}
	content, err := done.GetReader(ctx)
	if err != nil {
		return nil, "", err
	}
	u := upload(info)
	u.Content = content
	answer, location, err = gate.Save(ctx, u)
	if err = errors.Join(err, content.Close()); err != nil {
		return nil, "", err
	}
	return answer, location, s.store.AsTerminatableUpload(done).Terminate(ctx)
}

// sweep removes uploads that nobody goes on with.
func (s *Server) sweep() {
	entries, err := os.ReadDir(s.options.Dir)
	if err != nil {
		s.options.Logger.Error("could not look for old uploads", "error", err)
		return
	}
	for _, entry := range entries {
		id, isInfo := strings.CutSuffix(entry.Name(), ".info")
		if !isInfo {
			continue
		}
		data := filepath.Join(s.options.Dir, id)
		last, err := os.Stat(data)
		if err != nil {
			last, err = entry.Info()
		}
		if err != nil || time.Since(last.ModTime()) < keptFor {
			continue
		}
		for _, path := range []string{data, data + ".info"} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				s.options.Logger.Error("could not remove an old upload", "error", err)
			}
		}
	}
}

// Discovery are the headers of the answer to OPTIONS.
func (s *Server) Discovery(h http.Header) {
	h.Set("Tus-Resumable", "1.0.0")
	h.Set("Tus-Version", "1.0.0")
	h.Set("Tus-Extension", "creation,creation-with-upload,termination,creation-defer-length")
	h.Set("Tus-Max-Size", fmt.Sprint(s.options.MaxSize))
}
