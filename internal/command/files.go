package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/loam-baas/loam/internal/app"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/files"
)

const filesHelp = `
  loam files migrate --from URL --to URL    copy the files that the second place lacks
  loam files gc --dry-run                   list the files that no object names
  loam files gc                             delete them

Places are URLs as the option "filesAdapter" has them: file:///directory, gridfs:, s3://bucket/prefix?region=….
"migrate" may be broken off and begun again. To move files while Loam serves, set "filesAdapter" to the new
place and "filesFallback" to the old one: "loam serve" then copies them itself.

"gc" leaves files alone that are younger than --older-than (24h), the time that clients have to put what they upload
into an object. It looks at a copy of an embedded store, so that a server may run; if the files are in the store
themselves (gridfs:), it must not.

It takes the flags of "loam serve", and --app ID for another app than the first.
`

// files copies files, or deletes those that are in no use.
func (p *Program) files(ctx context.Context, args []string) error {
	flags := config.NewFlags("files")
	id := flags.String("app", "the `id` of the app; the first one by default")
	from := flags.String("from", "the `place` to copy from")
	to := flags.String("to", "the `place` to copy to")
	dry := flags.Bool("dry-run", "delete nothing")
	age := flags.String("older-than", "the `time` since its upload that a file is left alone; 24h by default")
	rest, err := flags.Parse(args)
	if err != nil {
		return err
	}
	if len(rest) == 0 || rest[0] != "migrate" && rest[0] != "gc" {
		return &usageError{"do what? As in: loam files migrate --from URL --to URL, or: loam files gc --dry-run"}
	}
	e, err := p.load(flags, rest[1:], false)
	if err != nil {
		return err
	}
	a, err := appOf(e.Process, *id)
	if err != nil {
		return err
	}
	ctx, stop := p.untilSignal(ctx)
	defer stop()
	logger := newLogger(e.Process.Log, p.Stderr)
	if rest[0] == "gc" {
		return p.collectFiles(ctx, a, logger, *age, *dry)
	}
	return p.migrateFiles(ctx, a, logger, *from, *to)
}

// collectFiles deletes files that are in no use, or lists them.
func (p *Program) collectFiles(ctx context.Context, a *config.App, logger *slog.Logger, age string, dry bool) error {
	older := 24 * time.Hour
	if age != "" {
		var err error
		if older, err = time.ParseDuration(age); err != nil || older < 0 {
			return &usageError{"--older-than is no time as 24h"}
		}
	}
	var n int
	var bytes int64
	err := app.Orphans(ctx, a, logger, older, func(storage files.Storage, info files.Info) error {
		if !dry {
			if err := storage.Delete(ctx, info.Name); err != nil && !errors.Is(err, files.ErrNotFound) {
				return err
			}
		}
		n, bytes = n+1, bytes+info.Size
		fmt.Fprintf(p.Stdout, "%s\t%d bytes\t%s\n", info.Name, info.Size, info.Modified.UTC().Format(time.RFC3339))
		return nil
	})
	done := "deleted"
	if dry {
		done = "to delete"
	}
	fmt.Fprintf(p.Stdout, "%s: %d files of %d bytes\n", done, n, bytes)
	return err
}

// migrateFiles copies files from one place to another.
func (p *Program) migrateFiles(ctx context.Context, a *config.App, logger *slog.Logger, from, to string) error {
	var places []config.FilesAdapter
	for _, end := range []struct{ name, address string }{{"from", from}, {"to", to}} {
		if end.address == "" {
			return &usageError{"where from, and where to? As in: loam files migrate --from URL --to URL"}
		}
		place, err := config.ParseFilesAdapter(end.address)
		if err != nil {
			return &usageError{fmt.Sprintf("--%s %v", end.name, err)}
		}
		places = append(places, place)
	}
	return app.WithFiles(ctx, a, logger, places, func(storages []files.Storage) error {
		done, err := files.Copy(ctx, storages[0], storages[1], func(info files.Info) {
			fmt.Fprintf(p.Stdout, "%s\t%d bytes\n", info.Name, info.Size)
		})
		fmt.Fprintf(p.Stdout, "copied %d files of %d bytes; %d were there\n", done.Files, done.Bytes, done.Present)
		return err
	})
}
