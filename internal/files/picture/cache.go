package picture

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// cache keeps pictures in files, the latest used ones.
type cache struct {
	root     *os.Root
	capacity int64

	mu      sync.Mutex
	entries map[string]*list.Element // of *entry
	used    *list.List               // the latest used first
	size    int64
}

type entry struct {
	key, contentType string
	size             int64
}

// suffix is the end of the names of the cache's files: it touches no others.
const suffix = ".picture"

func openCache(dir string, capacity int64) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	c := &cache{root: root, capacity: capacity, entries: make(map[string]*list.Element), used: list.New()}
	left, err := fs.ReadDir(root.FS(), ".")
	for _, file := range left {
		if strings.HasSuffix(file.Name(), suffix) {
			err = errors.Join(err, root.Remove(file.Name()))
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pictures: %w", err), root.Close())
	}
	return c, nil
}

// get returns a picture that is kept, or nil.
func (c *cache) get(key string) *Picture {
	c.mu.Lock()
	element := c.entries[key]
	if element == nil {
		c.mu.Unlock()
		return nil
	}
	c.used.MoveToFront(element)
	contentType := element.Value.(*entry).contentType
	c.mu.Unlock()
	content, err := c.root.ReadFile(key + suffix)
	if err != nil {
		return nil // it has been let go meanwhile, or somebody tidied up
	}
	return &Picture{Content: content, ContentType: contentType, ETag: `"` + key[:32] + `"`}
}

// put keeps a picture and lets others go for it.
func (c *cache) put(key string, p *Picture) error {
	size := int64(len(p.Content))
	if size > c.capacity {
		return nil
	}
	if err := c.root.WriteFile(key+suffix+".new", p.Content, 0o600); err != nil {
		return fmt.Errorf("pictures: %w", err)
	}
	if err := c.root.Rename(key+suffix+".new", key+suffix); err != nil {
		return fmt.Errorf("pictures: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key] != nil {
		return nil
	}
	c.entries[key] = c.used.PushFront(&entry{key, p.ContentType, size})
	for c.size += size; c.size > c.capacity; {
		oldest := c.used.Remove(c.used.Back()).(*entry)
		delete(c.entries, oldest.key)
		c.size -= oldest.size
		if err := c.root.Remove(oldest.key + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("pictures: %w", err)
		}
	}
	return nil
}

func (c *cache) close() error { return c.root.Close() }

// Close lets go of the directory.
func (s *Server) Close() error { return s.cache.close() }
