package files

import (
	"context"
	"errors"
	"io"
)

// Fallback is a storage whose files are moving: new ones go to New, and what is
// not there yet is read from Old.
type Fallback struct{ New, Old Storage }

// Create implements Storage.
func (f Fallback) Create(ctx context.Context, name string, about About, content io.Reader) error {
	return f.New.Create(ctx, name, about, content)
}

// Stat implements Storage.
func (f Fallback) Stat(ctx context.Context, name string) (Info, error) {
	info, err := f.New.Stat(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return f.Old.Stat(ctx, name)
	}
	return info, err
}

// Open implements Storage.
func (f Fallback) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	r, err := f.New.Open(ctx, name, offset)
	if errors.Is(err, ErrNotFound) {
		return f.Old.Open(ctx, name, offset)
	}
	return r, err
}

// Delete implements Storage: the old one first, from which the file would else
// move again.
func (f Fallback) Delete(ctx context.Context, name string) error {
	old := f.Old.Delete(ctx, name)
	if old != nil && !errors.Is(old, ErrNotFound) {
		return old
	}
	err := f.New.Delete(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return old
	}
	return err
}

// List implements Storage.
func (f Fallback) List(ctx context.Context, yield func(Info) error) error {
	if err := f.New.List(ctx, yield); err != nil {
		return err
	}
	return f.Old.List(ctx, func(info Info) error {
		_, err := f.New.Stat(ctx, info.Name)
		if errors.Is(err, ErrNotFound) {
			return yield(info)
		}
		return err
	})
}

// Close implements Storage.
func (f Fallback) Close(ctx context.Context) error {
	return errors.Join(f.New.Close(ctx), f.Old.Close(ctx))
}
