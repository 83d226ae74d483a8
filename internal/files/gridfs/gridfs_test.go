package gridfs_test

import (
	"context"
	"testing"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/filestest"
	"github.com/loam-baas/loam/internal/files/gridfs"
	"github.com/loam-baas/loam/internal/store/embedded"
)

func TestStorageOnTheEmbeddedStore(t *testing.T) {
	filestest.Run(t, func(t *testing.T) files.Storage {
		s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return gridfs.New(s)
	})
}
