package sealed

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/filestest"
	"github.com/loam-baas/loam/internal/files/local"
)

func newLocal(t *testing.T) *local.Storage {
	t.Helper()
	s, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func seal(t *testing.T, inner files.Storage, key string) *Storage {
	t.Helper()
	s, err := New(inner, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStorage(t *testing.T) {
	filestest.Run(t, func(t *testing.T) files.Storage { return seal(t, newLocal(t), "secret") })
}

// reference is the standard library's GCM with Parse Server's key.
func reference(t *testing.T, key string) cipher.AEAD {
	t.Helper()
	digest := sha256.Sum256([]byte(key))
	block, err := aes.NewCipher([]byte(base64.StdEncoding.EncodeToString(digest[:])[:32]))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, nonceSize)
	if err != nil {
		t.Fatal(err)
	}
	return gcm
}

func stored(t *testing.T, s files.Storage, name string) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFormatIsThatOfGCM(t *testing.T) {
	inner := newLocal(t)
	s, gcm := seal(t, inner, "secret"), reference(t, "secret")
	for _, n := range []int{0, 1, 15, 16, 17, 1000, 100_003} {
		content := filestest.Content(uint64(n), n)
		if err := s.Create(t.Context(), "x.bin", files.About{}, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		raw := stored(t, inner, "x.bin")
		nonce, tag := raw[n:n+nonceSize], raw[n+nonceSize:]
		got, err := gcm.Open(nil, nonce, append(bytes.Clone(raw[:n]), tag...), nil)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: GCM reads something else (%v)", n, err)
		}
		// And the other way round, as Parse Server writes it.
		sealed := gcm.Seal(nil, nonce, content, nil)
		whole := append(append(bytes.Clone(sealed[:n]), nonce...), sealed[n:]...)
		if err := inner.Create(t.Context(), "y.bin", files.About{}, bytes.NewReader(whole)); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, s, "y.bin"); !bytes.Equal(got, content) {
			t.Errorf("%d bytes: what GCM wrote is read as something else", n)
		}
	}
}

func TestChangedFilesAreNotRead(t *testing.T) {
	inner := newLocal(t)
	s := seal(t, inner, "secret")
	content := filestest.Content(1, 1000)
	if err := s.Create(t.Context(), "x.bin", files.About{}, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	raw := stored(t, inner, "x.bin")
	for _, i := range []int{0, 500, 999, 1000, 1015, 1016, 1031} {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		if err := inner.Create(t.Context(), "x.bin", files.About{}, bytes.NewReader(changed)); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Open(t.Context(), "x.bin", 0); !errors.Is(err, errSealed) {
			if err == nil {
				_ = r.Close()
			}
			t.Errorf("byte %d was changed: %v, want a refusal", i, err)
		}
	}
	if err := inner.Create(t.Context(), "x.bin", files.About{}, bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	if r, err := seal(t, inner, "other").Open(t.Context(), "x.bin", 0); !errors.Is(err, errSealed) {
		if err == nil {
			_ = r.Close()
		}
		t.Errorf("another key: %v, want a refusal", err)
	}
	if got := stored(t, s, "x.bin"); !bytes.Equal(got, content) {
		t.Error("the file as it was is read as something else")
	}
}

// The counter of 32 bits begins anew in the middle of a file when the nonce wants
// it; the rest of the block stays.
func TestCounterBeginsAnew(t *testing.T) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	first := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	binary.BigEndian.PutUint32(first[12:], 1<<32-3)
	got := make([]byte, 5*16)
	newStream(block, first, 0).apply(got)
	var want []byte
	for _, n := range []uint32{1<<32 - 2, 1<<32 - 1, 0, 1, 2} {
		counter := first
		binary.BigEndian.PutUint32(counter[12:], n)
		block.Encrypt(counter[:], counter[:])
		want = append(want, counter[:]...)
	}
	if !bytes.Equal(got, want) {
		t.Error("the key stream is not GCM's")
	}
	part := make([]byte, 30)
	newStream(block, first, 21).apply(part)
	if !bytes.Equal(part, want[21:51]) {
		t.Error("the key stream from the middle on is not GCM's")
	}
}

func BenchmarkHash(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	g, text := newGHASH(block), make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	for b.Loop() {
		_, _ = g.Write(text)
	}
}
