package mail

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// InboxOptions say where a development inbox is.
type InboxOptions struct {
	// Dir holds one file for each message, named by its time.
	Dir string
	// Keep is how many of them are kept; older ones are removed.
	Keep   int
	Logger *slog.Logger
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Inbox is where mail stays on the machine while an app is being developed: each
// message becomes a file, which any mail program opens, and a line in the log
// with its links.
type Inbox struct {
	o  InboxOptions
	mu sync.Mutex
}

// NewInbox returns a Sender that keeps mail in a directory.
func NewInbox(o InboxOptions) *Inbox {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Inbox{o: o}
}

// links are what one would click.
var links = regexp.MustCompile(`https?://\S+`)

// fileTime orders files by name.
const (
	fileTime      = "20060102T150405.000"
	fileExtension = ".eml"
)

// Send writes the message down.
func (i *Inbox) Send(ctx context.Context, m *Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	now := i.o.Now()
	msg, err := compose(m, now)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := os.MkdirAll(i.o.Dir, 0o700); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	path := filepath.Join(i.o.Dir, now.UTC().Format(fileTime)+"-"+m.ID+fileExtension)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	_, err = msg.WriteTo(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	i.o.Logger.InfoContext(ctx, "mail in the development inbox", "to", m.To, "subject", m.Subject,
		"links", strings.Join(links.FindAllString(m.Text, -1), " "), "file", path)
	return i.trim()
}

// trim removes the oldest files.
func (i *Inbox) trim() error {
	entries, err := os.ReadDir(i.o.Dir) // sorted by name
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return filepath.Ext(e.Name()) != fileExtension })
	for _, old := range entries[:max(0, len(entries)-i.o.Keep)] {
		if err := os.Remove(filepath.Join(i.o.Dir, old.Name())); err != nil {
			return fmt.Errorf("mail: %w", err)
		}
	}
	return nil
}
