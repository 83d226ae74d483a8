package config

import "testing"

// A start should not be slowed by its configuration.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		f := NewFlags("serve")
		if _, err := f.Parse([]string{"--max-limit=7"}); err != nil {
			b.Fatal(err)
		}
		if _, err := Load(Sources{Flags: f, Env: app}); err != nil {
			b.Fatal(err)
		}
	}
}
