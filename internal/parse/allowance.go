package parse

import "sync/atomic"

// Allowance bounds what one answer may be made of, in bytes. Objects that point
// to each other would otherwise make answers that grow exponentially with the
// depth of an include. It is safe for concurrent use; nil allows anything.
type Allowance struct {
	size int
	used atomic.Int64
}

// NewAllowance returns an allowance of that many bytes, nil when size is not
// positive.
func NewAllowance(size int) *Allowance {
	if size <= 0 {
		return nil
	}
	return &Allowance{size: size}
}

// Take takes n bytes. Beyond the allowance it returns an error for the client.
func (a *Allowance) Take(n int) error {
	if a == nil || a.used.Add(int64(n)) <= int64(a.size) {
		return nil
	}
	return Errorf(InvalidQuery, "Size of the answer exceeds maximum allowed (%d bytes)", a.size)
}
