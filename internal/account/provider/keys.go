package provider

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"
)

const (
	// keysAge is how long a key set is used without being asked for again.
	keysAge = time.Hour
	// keysStale is how long it is used when it can't be had again.
	keysStale = 24 * time.Hour
	// keysPause is how long a key set is not asked for again, whatever keys tokens
	// name: who forges names of keys makes no requests of them.
	keysPause = 30 * time.Second
	// keysRetry is the same for a key set that could not be had.
	keysRetry = 5 * time.Second
	// keysCount bounds the keys of a set.
	keysCount = 100
)

var errUnknownKey = errors.New("the token's key is not one of the provider's")

// keySet is the keys that a provider signs with (RFC 7517), as it publishes them.
// It is asked for when it is needed, by one request at a time.
type keySet struct {
	http *http.Client
	now  func() time.Time
	// url is where the keys are; a provider that has to find it out returns it here.
	url func(context.Context) (string, error)
	age time.Duration

	turn chan struct{} // whoever holds its one place asks

	mu             sync.Mutex
	keys           map[string]publicKey
	fetched, tried time.Time
	failure        error // of the last time that the set was asked for
}

// publicKey is a key and the only algorithm that it is for, "" when it says none.
type publicKey struct {
	key       crypto.PublicKey
	algorithm string
}

func newKeySet(env Env, age time.Duration, url func(context.Context) (string, error)) *keySet {
	return &keySet{http: env.HTTP, now: env.Now, url: url, age: age, turn: make(chan struct{}, 1)}
}

// fixed is a URL that needs no finding out.
func fixed(url string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return url, nil }
}

// get returns a key by its id.
func (s *keySet) get(ctx context.Context, id string) (publicKey, error) {
	if key, ok, fresh := s.known(id); ok && fresh {
		return key, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return publicKey{}, ctx.Err()
	}
	// Whoever had the turn before may have asked.
	if key, ok, fresh := s.known(id); ok && fresh {
		return key, nil
	}
	err := s.ask(ctx)
	if key, ok, _ := s.known(id); ok {
		return key, nil
	}
	if err == nil {
		err = errUnknownKey
	}
	return publicKey{}, err
}

// known returns a key of the set at hand, if it is not too old to be used at all,
// and whether it is young enough to need no asking.
func (s *keySet) known(id string) (key publicKey, ok, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := s.now().Sub(s.fetched)
	if key, ok = s.keys[id]; age > keysStale {
		return publicKey{}, false, false
	}
	return key, ok, age <= s.age
}

// ask asks for the key set, unless that was done just now. One that can't be had
// leaves the last as it is.
func (s *keySet) ask(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, pause := s.now(), keysPause
	if s.failure != nil {
		pause = keysRetry
	}
	if !s.tried.IsZero() && now.Sub(s.tried) < pause {
		return s.failure
	}
	s.tried = now
	s.mu.Unlock()
	// It is for all who wait, not just for who asks: it ends when the client's time does.
	keys, err := s.fetch(context.WithoutCancel(ctx))
	s.mu.Lock()
	s.failure = err
	if err == nil {
		s.keys, s.fetched = keys, now
	}
	return err
}

func (s *keySet) fetch(ctx context.Context) (map[string]publicKey, error) {
	url, err := s.url(ctx)
	if err != nil {
		return nil, err
	}
	text, err := fetch(ctx, s.http, http.MethodGet, url, nil, nil)
	if err != nil {
		return nil, err
	}
	return decodeKeys(text)
}

// webKey is a key in JSON (RFC 7518, section 6).
type webKey struct {
	Type       string `json:"kty"`
	ID         string `json:"kid"`
	Use        string `json:"use"`
	Algorithm  string `json:"alg"`
	Curve      string `json:"crv"`
	N, E, X, Y string
}

// decodeKeys decodes the keys of a set that can verify; others are left out, as
// the RFC wants it.
func decodeKeys(text []byte) (map[string]publicKey, error) {
	var set struct{ Keys []webKey }
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("the key set is none: %w", err)
	}
	if len(set.Keys) > keysCount {
		return nil, fmt.Errorf("the key set has more than %d keys", keysCount)
	}
	keys := map[string]publicKey{}
	for _, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" {
			continue
		}
		if key := k.public(); key != nil {
			keys[k.ID] = publicKey{key, k.Algorithm}
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key that could verify")
	}
	return keys, nil
}

// public returns the key, nil when it is none or too weak.
func (k *webKey) public() crypto.PublicKey {
	switch k.Type {
	case "RSA":
		n, e := number(k.N), number(k.E)
		if n == nil || e == nil || n.BitLen() < 2048 || n.BitLen() > 8192 || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
			return nil
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Curve]
		x, errX := base64.RawURLEncoding.DecodeString(k.X)
		y, errY := base64.RawURLEncoding.DecodeString(k.Y)
		if curve == nil || errX != nil || errY != nil {
			return nil
		}
		point := append(append([]byte{4}, x...), y...)
		key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
		if err != nil {
			return nil
		}
		return key
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if k.Curve != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
			return nil
		}
		return ed25519.PublicKey(x)
	}
	return nil
}

func number(text string) *big.Int {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || len(b) > 1024 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}
