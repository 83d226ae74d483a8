package sealed

import (
	"crypto/cipher"
	"encoding/binary"
)

// block is an element of GF(2^128) as GCM writes it: the first bit is that of the
// lowest power, the highest bit of high.
type block struct{ high, low uint64 }

// ghash is GCM's hash of a text that comes in pieces (NIST SP 800-38D, 6.4). The
// standard library has GCM for texts in memory only. Its time depends on the data
// by way of the processor's cache; who can measure that is on the machine, where
// the key is.
type ghash struct {
	products [16]block // of the hash key and every value of four bits
	sum      block
	rest     [16]byte
	n        int    // bytes in rest
	length   uint64 // of the text, in bytes
}

func newGHASH(c cipher.Block) *ghash {
	var key [16]byte
	c.Encrypt(key[:], key[:])
	g := &ghash{}
	g.products[8] = block{binary.BigEndian.Uint64(key[:8]), binary.BigEndian.Uint64(key[8:])}
	for i := 4; i > 0; i /= 2 {
		g.products[i] = g.products[2*i].timesX()
	}
	for i := 2; i < 16; i *= 2 {
		for j := 1; j < i; j++ {
			g.products[i+j] = block{g.products[i].high ^ g.products[j].high, g.products[i].low ^ g.products[j].low}
		}
	}
	return g
}

// timesX multiplies by x.
func (b block) timesX() block {
	carry := b.low & 1
	return block{b.high>>1 ^ carry*(0xe1<<56), b.high<<63 | b.low>>1}
}

// reductions are what the four bits that fall off at the end come back as.
var reductions = func() (r [16]uint64) {
	for i := range r {
		b := block{low: uint64(i)}
		for range 4 {
			b = b.timesX()
		}
		r[i] = b.high
	}
	return r
}()

// multiply multiplies the sum by the hash key.
func (g *ghash) multiply() {
	var product block
	for _, word := range [2]uint64{g.sum.low, g.sum.high} {
		for range 16 {
			off := product.low & 15
			product = block{product.high>>4 ^ reductions[off], product.high<<60 | product.low>>4}
			p := &g.products[word&15]
			product.high ^= p.high
			product.low ^= p.low
			word >>= 4
		}
	}
	g.sum = product
}

func (g *ghash) add(p []byte) {
	g.sum.high ^= binary.BigEndian.Uint64(p[:8])
	g.sum.low ^= binary.BigEndian.Uint64(p[8:16])
	g.multiply()
}

// Write adds a piece of the text; it never fails.
func (g *ghash) Write(p []byte) (int, error) {
	written := len(p)
	g.length += uint64(written)
	if g.n > 0 {
		n := copy(g.rest[g.n:], p)
		g.n += n
		if p = p[n:]; g.n < 16 {
			return written, nil
		}
		g.add(g.rest[:])
		g.n = 0
	}
	for ; len(p) >= 16; p = p[16:] {
		g.add(p)
	}
	g.n = copy(g.rest[:], p)
	return written, nil
}

// finish pads the text, adds its length and returns the hash.
func (g *ghash) finish() (sum [16]byte) {
	if g.n > 0 {
		clear(g.rest[g.n:])
		g.add(g.rest[:])
	}
	g.sum.low ^= g.length * 8
	g.multiply()
	binary.BigEndian.PutUint64(sum[:8], g.sum.high)
	binary.BigEndian.PutUint64(sum[8:], g.sum.low)
	return sum
}
