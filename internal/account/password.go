package account

import (
	"context"
	"runtime"

	"golang.org/x/crypto/bcrypt"
)

// defaultCost is the bcrypt cost of Parse Server's hashes.
const defaultCost = 10

// maxPassword is the length in bytes from which on bcrypt looks at no more of a
// password; Parse Server's hashes leave the rest out as well.
const maxPassword = 72

// hasher makes and verifies password hashes, as many at the same time as there
// are processors: a storm of log-ins waits in line, and what else the process
// does gets its turn.
type hasher struct {
	slots chan struct{}
	cost  int
}

func newHasher(cost int) *hasher {
	return &hasher{slots: make(chan struct{}, runtime.GOMAXPROCS(0)), cost: cost}
}

// hash returns the hash of a password, or ctx's error when its turn doesn't come
// in time.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	var hash []byte
	err := h.inTurn(ctx, func() (err error) {
		hash, err = bcrypt.GenerateFromPassword(significant(password), h.cost)
		return err
	})
	return string(hash), err
}

// verify tells whether a hash is of a password. What is no hash is of none, and
// takes as long to say so (advisory C19).
func (h *hasher) verify(ctx context.Context, hash, password string) (bool, error) {
	verified := false
	err := h.inTurn(ctx, func() error {
		if _, err := bcrypt.Cost([]byte(hash)); err != nil {
			_ = bcrypt.CompareHashAndPassword([]byte(nobodysHash), significant(password))
			return nil
		}
		verified = bcrypt.CompareHashAndPassword([]byte(hash), significant(password)) == nil
		return nil
	})
	return verified, err
}

func (h *hasher) inTurn(ctx context.Context, do func() error) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-h.slots }()
	return do()
}

// nobodysHash is of no password that is known to anybody.
const nobodysHash = "$2a$10$jegqvBmWwg6Euj56oVIkbuxp.kFy9kOTP/b7bYTBbB0XaW0c2UNBa"

func significant(password string) []byte {
	return []byte(password[:min(len(password), maxPassword)])
}
