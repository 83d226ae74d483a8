package parse

import "sync/atomic"

// Allowance bounds what one answer may be made of, in bytes. Objects that point
// to each other would otherwise make answers that grow exponentially with the
// depth of an include. The zero Allowance, and nil, allow anything. It is safe
// for concurrent use.
type Allowance struct {
	size int
	used atomic.Int64
}

// Limit sets how many bytes may be taken; anything when size is not positive.
// It is called before the first Take.
func (a *Allowance) Limit(size int) { a.size = size }

// Take takes n bytes. Beyond the limit it returns an error for the client.
func (a *Allowance) Take(n int) error {
	if a == nil || a.size <= 0 || a.used.Add(int64(n)) <= int64(a.size) {
		return nil
	}
	return Errorf(InvalidQuery, "Size of the answer exceeds maximum allowed (%d bytes)", a.size)
}
