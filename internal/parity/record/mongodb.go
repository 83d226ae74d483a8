package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/loam-baas/loam/internal/mongowire"
	"github.com/loam-baas/loam/internal/parity"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

// asOnMongoDB is what reasons say where Loam answers as parse-server would, were
// it not recorded on PostgreSQL.
const asOnMongoDB = "as on MongoDB"

// claims tells whether an exchange says that its answer is parse-server's on MongoDB.
func claims(x *parity.Exchange) bool {
	return x.Loam != nil && strings.Contains(x.Differs, asOnMongoDB)
}

// contradiction tells where parse-server on MongoDB answers otherwise than Loam,
// though Loam is said to answer so. What fails there without a reason is no
// contradiction: it passes on as status 500 whatever the database refuses.
func contradiction(x *parity.Exchange, answer *parity.Answer, b parity.Bindings) []parity.Difference {
	if !claims(x) || answer.Status == http.StatusInternalServerError {
		return nil
	}
	return x.Compare(x.Loam, answer, b)
}

// databases are embedded stores behind MongoDB's wire protocol, one for each
// name that is asked for.
type databases struct {
	directory string

	mu     sync.Mutex
	stores map[string]store.Store
}

// Store returns the store of a database, new if need be; nil when it can't be opened.
func (d *databases) Store(name string) store.Store {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.stores[name]; ok {
		return s
	}
	s, err := embedded.Open(context.Background(), embedded.Options{Dir: filepath.Join(d.directory, name), Durability: embedded.Normal})
	if err != nil {
		return nil
	}
	d.stores[name] = s
	return s
}

// Names lists the databases.
func (d *databases) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := make([]string, 0, len(d.stores))
	for name := range d.stores {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// serveMongoDB serves databases until stop is called.
func serveMongoDB() (uri string, stop func() error, err error) {
	directory, err := os.MkdirTemp("", "parity-mongodb-")
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(directory))
	}
	d := &databases{directory: directory, stores: make(map[string]store.Store)}
	serving, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mongowire.New(d, mongowire.Options{}).Serve(serving, listener) }()
	return "mongodb://" + listener.Addr().String(), func() error {
		end()
		problems := []error{<-ended}
		closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, s := range d.stores {
			problems = append(problems, s.Close(closing))
		}
		return errors.Join(append(problems, os.RemoveAll(directory))...)
	}, nil
}
