package interop

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/server"
)

// loam serves the same app from the story's store, and returns what ends it.
func (s *story) loam(t *testing.T) (stop func()) {
	t.Helper()
	return startLoam(t, s.dir, s.port, nil)
}

// startLoam serves the app from the store in a directory, with more options, and
// returns what ends it.
func startLoam(t *testing.T, dir string, port int, more map[string]any) (stop func()) {
	t.Helper()
	options := map[string]any{
		"appId": "app", "masterKey": "master",
		"host": "127.0.0.1", "port": port,
		"serverURL": serverURL(port), "publicServerURL": serverURL(port),
		"databaseURI":              "file://" + filepath.ToSlash(dir),
		"allowClientClassCreation": true,
		// As script/server.mjs has it; the mails go to files.
		"appName": "Interchange", "verifyUserEmails": true, "emailVerifyTokenValidityDuration": 3600,
		"emailAdapter": "inbox:", "dataDir": t.TempDir(),
		"accountLockout": map[string]any{"threshold": 4, "duration": 60},
		"passwordPolicy": map[string]any{"maxPasswordHistory": 3, "maxPasswordAge": 365, "resetTokenValidityDuration": 3600},
	}
	maps.Copy(options, more)
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "loam.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	effective, err := config.Load(config.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := server.New(t.Context(), effective.Process, logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-s.Ready():
	case err := <-done:
		done <- err
		t.FailNow()
	}
	return stop
}
