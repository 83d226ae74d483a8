package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/store/embedded"
)

const snapshotHelp = `
  loam snapshot --to DIR       copy the embedded stores and keys.json into a new directory

Each store is copied as of one moment, also beside a running server, whose write-ahead log grows meanwhile.
DIR has its name only when everything is on the disk. It is a data directory: "loam serve --data-dir DIR"
serves it, and "loam doctor --data-dir DIR" checks it. Stores on MongoDB are left to mongodump.

It takes the flags of "loam serve".
`

// snapshot copies the data directory.
func (p *Program) snapshot(ctx context.Context, args []string) (err error) {
	flags := config.NewFlags("snapshot")
	to := flags.String("to", "the new `directory`")
	e, err := p.parse(flags, args)
	if err != nil {
		return err
	}
	if *to == "" {
		return &usageError{"where to? As in: loam snapshot --to DIR"}
	}
	stores := localStores(e)
	if len(stores) == 0 {
		return errors.New("no app of this configuration is on the embedded store")
	}
	ctx, stop := p.untilSignal(ctx)
	defer stop()
	if _, err := os.Lstat(*to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already; a snapshot needs a new directory", *to)
	}
	partial, err := os.MkdirTemp(filepath.Dir(*to), filepath.Base(*to)+".partial-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	for _, s := range stores {
		dir := filepath.Join(partial, s.place(e.Process.DataDir))
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			return err
		}
		if err := embedded.SnapshotDir(ctx, s.dir, dir); err != nil {
			return err
		}
	}
	if err := copyKeys(e.KeysFile, partial); err != nil {
		return err
	}
	if err := os.Rename(partial, *to); err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "%s: a snapshot of %d stores\n", *to, len(stores))
	return nil
}

// place is where the store is in a data directory.
func (s *localStore) place(dataDir string) string {
	place, err := filepath.Rel(dataDir, s.dir)
	if err != nil || place == "." || place == ".." || strings.HasPrefix(place, ".."+string(filepath.Separator)) {
		return filepath.Join("stores", s.app)
	}
	return place
}

// copyKeys copies the file of generated keys, if there is one, into a directory.
func copyKeys(path, dir string) error {
	if path == "" {
		return nil
	}
	keys, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, filepath.Base(path)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(keys)
	return errors.Join(err, f.Sync(), f.Close())
}
