package embedded_test

import (
	"context"
	"testing"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
	"github.com/loam-baas/loam/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	open := func(t *testing.T) store.Store {
		s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close(context.Background()) })
		return s
	}
	storetest.Run(t, open)
	t.Run("Watch", func(t *testing.T) { storetest.Watch(t, open) })
}
