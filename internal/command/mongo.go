package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/mongowire"
	"github.com/loam-baas/loam/internal/store/embedded"
)

const mongoHelp = `
Serves an embedded store alone, as one database, to MongoDB's own tools and drivers: for a copy
with mongodump and mongorestore, or a look with mongosh. The store must not be in use; a server that
runs serves its stores itself, with --mongo-listen. docs/mongodb-wire.md tells more.

Whoever connects passes all permissions by. Without a password the address must be of the loopback
interface.

Flags:
`

// mongoDrain is how long commands that run may take after the signal to stop.
const mongoDrain = 25 * time.Second

// mongoFlags are the flags of "loam mongo".
type mongoFlags struct {
	set                              *pflag.FlagSet
	data, listen, database           string
	username, password, passwordFile string
	certFile, keyFile                string
}

func newMongoFlags() *mongoFlags {
	f := &mongoFlags{set: pflag.NewFlagSet("mongo", pflag.ContinueOnError)}
	f.set.SortFlags = false
	f.set.Usage = func() {}
	f.set.StringVar(&f.data, "data", "", "the store's `directory`, or a data directory of Loam; a new one is made")
	f.set.StringVar(&f.listen, "listen", "127.0.0.1:27017", "the `address` to listen on; the port 0 lets the system choose one")
	f.set.StringVar(&f.database, "database", "loam", "the `name` of the database as which the store is served")
	f.set.StringVar(&f.username, "username", "loam", "the `name` to log in with")
	f.set.StringVar(&f.password, "password", "", "the `password` to log in with, by SCRAM-SHA-256; also LOAM_MONGO_PASSWORD")
	f.set.StringVar(&f.passwordFile, "password-file", "", "a `file` whose first line is the password")
	f.set.StringVar(&f.certFile, "tls-cert-file", "", "PEM `file` of the certificate with which to encrypt")
	f.set.StringVar(&f.keyFile, "tls-key-file", "", "PEM `file` of the certificate's key")
	return f
}

// mongo serves an embedded store over MongoDB's wire protocol.
func (p *Program) mongo(ctx context.Context, args []string) error {
	f := newMongoFlags()
	if err := f.set.Parse(args); err != nil {
		return err
	}
	door, err := f.door(p.Env)
	if err != nil {
		return err
	}
	logger := newLogger(config.Log{Level: slog.LevelInfo}, p.Stderr)
	signals := p.Signals()
	listener, err := door.Listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	if door.Exposed() {
		logger.Warn("MongoDB's protocol crosses the network unencrypted; use --tls-cert-file", "address", door.Address)
	}
	s, err := embedded.Open(ctx, embedded.Options{Dir: storeIn(f.data), Logger: logger})
	if err != nil {
		return err
	}
	server := mongowire.New(mongowire.Single{Name: f.database, Database: s}, mongowire.Options{Credentials: door.Credentials, Logger: logger})
	serving, cut := context.WithCancel(ctx)
	defer cut()
	done := make(chan error, 1)
	go func() { done <- server.Serve(serving, listener) }()
	uri := url.URL{Scheme: "mongodb", Host: listener.Addr().String(), Path: "/" + f.database, RawQuery: "directConnection=true"}
	fmt.Fprintf(p.Stdout, "%s\n", uri.String())
	err = p.untilStopped(signals, done, server.Drain, cut, logger)
	var stop *stopError
	if errors.As(err, &stop) {
		return err
	}
	return errors.Join(err, s.Close(context.WithoutCancel(ctx)))
}

// untilStopped waits for the end of a server, which the first signal asks for and
// the second one does not wait for.
func (p *Program) untilStopped(signals <-chan os.Signal, done <-chan error, drain, cut func(), logger *slog.Logger) error {
	var late <-chan time.Time
	for {
		select {
		case err := <-done:
			return err
		case <-late:
			logger.Warn("commands took longer than the time to drain and were cut off", "timeout", mongoDrain)
			cut()
			late = nil
		case s := <-signals:
			if late != nil {
				logger.Warn("stopped at once", "signal", s.String())
				return &stopError{signalCode(s)}
			}
			logger.Info("stopping: running commands may end; a second signal ends them", "signal", s.String(), "timeout", mongoDrain)
			timer := time.NewTimer(mongoDrain)
			defer timer.Stop()
			late = timer.C
			drain()
		}
	}
}

// door checks the flags and makes the door of them.
func (f *mongoFlags) door(env []string) (mongowire.Door, error) {
	door := mongowire.Door{Address: f.listen, CertFile: f.certFile, KeyFile: f.keyFile}
	switch {
	case f.set.NArg() > 0:
		return door, &usageError{fmt.Sprintf("%q belongs to no flag", f.set.Arg(0))}
	case f.data == "":
		return door, &usageError{"which store? As in: loam mongo --data loam-data"}
	case !config.IsMongoDatabase(f.database):
		return door, &usageError{fmt.Sprintf("flag --database: %q can't be the name of a MongoDB database", f.database)}
	case f.password != "" && f.passwordFile != "":
		return door, &usageError{"--password and --password-file are two passwords"}
	case (f.certFile == "") != (f.keyFile == ""):
		return door, &usageError{"--tls-cert-file and --tls-key-file go together"}
	}
	password, err := f.readPassword(env)
	if err != nil || password == "" {
		return door, err
	}
	if door.Credentials, err = mongowire.NewCredentials(f.username, password); err != nil {
		return door, &usageError{err.Error()}
	}
	return door, nil
}

// readPassword returns the password, "" when there is none.
func (f *mongoFlags) readPassword(env []string) (string, error) {
	switch {
	case f.password != "":
		return f.password, nil
	case f.passwordFile == "":
		for _, entry := range env {
			if value, ok := strings.CutPrefix(entry, "LOAM_MONGO_PASSWORD="); ok {
				return value, nil
			}
		}
		return "", nil
	}
	content, err := os.ReadFile(f.passwordFile)
	if err != nil {
		return "", &usageError{fmt.Sprintf("flag --password-file: %v", err)}
	}
	first, _, _ := strings.Cut(string(content), "\n")
	if first = strings.TrimSuffix(first, "\r"); first == "" {
		return "", &usageError{fmt.Sprintf("flag --password-file: the first line of %s is empty", f.passwordFile)}
	}
	return first, nil
}

// storeIn is the directory of the store: the one named or, when that is a data
// directory of "loam serve", that of its first app.
func storeIn(dir string) string {
	first := filepath.Join(dir, "store")
	_, inside := os.Stat(filepath.Join(first, "loam.db"))
	if _, err := os.Stat(filepath.Join(dir, "loam.db")); errors.Is(err, fs.ErrNotExist) && inside == nil {
		return first
	}
	return dir
}
