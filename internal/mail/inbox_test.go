package mail_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/mail"
	"github.com/loam-baas/loam/internal/mail/mailtest"
)

func TestInbox_KeepsTheLatestMessages(t *testing.T) {
	var log bytes.Buffer
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	dir := filepath.Join(t.TempDir(), "in[box]*")
	inbox := mail.NewInbox(mail.InboxOptions{
		Dir: dir, Keep: 2, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Now: func() time.Time { now = now.Add(time.Second); return now },
	})
	for n := range 3 {
		m := message()
		m.ID = fmt.Sprint("id", n)
		if err := inbox.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if n == 0 { // what is not the inbox's stays
			if err := os.WriteFile(filepath.Join(dir, "0.txt"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := "0.txt 20260102T030407.000-id1.eml 20260102T030408.000-id2.eml"
	if got := strings.Join(names, " "); got != want {
		t.Fatalf("files %s, want %s", got, want)
	}
	raw, err := os.ReadFile(filepath.Join(dir, names[2]))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mailtest.Read(raw)
	if err != nil || m.Text != message().Text {
		t.Errorf("text %q (%v)", m.Text, err)
	}
	if !strings.Contains(log.String(), "links=\"https://example.com/apps/app/verify_email?token=abc\"") {
		t.Errorf("the log has no link:\n%s", log.String())
	}
}
