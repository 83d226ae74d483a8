package parse

import "crypto/rand"

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// NewObjectID returns a random id of size characters, each of A-Z, a-z and 0-9
// with the same chance.
func NewObjectID(size int) string {
	id := make([]byte, 0, size)
	var random [32]byte
	for len(id) < size {
		rand.Read(random[:]) // never fails: it ends the program instead
		for _, b := range random {
			// Six bits are 64 values; two of them name no character.
			if b &= 63; int(b) < len(idAlphabet) && len(id) < size {
				id = append(id, idAlphabet[b])
			}
		}
	}
	return string(id)
}
