package files

import (
	"context"
	"errors"
	"fmt"
)

// Copied counts what Copy did.
type Copied struct {
	// Files and Bytes were copied, Present were there already.
	Files, Present int
	Bytes          int64
}

// Copy copies all files that to does not have, or has in another size, and tells
// progress of each when it is done. What is removed meanwhile is left out. It may
// be broken off and begun again.
func Copy(ctx context.Context, from, to Storage, progress func(Info)) (Copied, error) {
	var done Copied
	err := from.List(ctx, func(listed Info) error {
		have, err := to.Stat(ctx, listed.Name)
		if err == nil && have.Size == listed.Size {
			done.Present++
			return nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("%s: %w", listed.Name, err)
		}
		info, err := copyFile(ctx, from, to, listed.Name)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", listed.Name, err)
		}
		done.Files++
		done.Bytes += info.Size
		progress(info)
		return nil
	})
	return done, err
}

func copyFile(ctx context.Context, from, to Storage, name string) (Info, error) {
	info, err := from.Stat(ctx, name)
	if err != nil {
		return info, err
	}
	content := NewReader(ctx, from, info)
	if err := errors.Join(to.Create(ctx, name, info.About, content), content.Close()); err != nil {
		return info, err
	}
	// What was deleted meanwhile must not come back.
	if _, err := from.Stat(ctx, name); err != nil {
		if errors.Is(err, ErrNotFound) {
			return info, errors.Join(err, to.Delete(ctx, name))
		}
		return info, err
	}
	return info, nil
}
