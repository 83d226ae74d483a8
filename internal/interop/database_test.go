package interop

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/loam-baas/loam/internal/mongowire"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

// openStore opens the embedded store in a directory, for one server at a time.
func openStore(t *testing.T, dir string) store.Store {
	t.Helper()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serveWire opens the store in a directory as a MongoDB and returns its URI, and
// what ends both.
func serveWire(t *testing.T, dir string) (uri string, stop func()) {
	t.Helper()
	s := openStore(t, dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- mongowire.New(mongowire.Single{Name: "parse", Database: s}, mongowire.Options{}).Serve(ctx, listener)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, s.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return "mongodb://" + listener.Addr().String() + "/parse", stop
}
