package app

import (
	"testing"

	"github.com/loam-baas/loam/internal/config"
)

func TestFileURL(t *testing.T) {
	file := fileURL(&config.App{AppID: "my app", PublicServerURL: "https://api.example.com/parse"})
	for name, want := range map[string]string{
		"0123_picture.png":        "https://api.example.com/parse/files/my%20app/0123_picture.png",
		"a b@c/d.txt":             "https://api.example.com/parse/files/my%20app/a%20b%40c%2Fd.txt",
		"tfss-1-été's (2)~*!.jpg": "https://api.example.com/parse/files/my%20app/tfss-1-%C3%A9t%C3%A9's%20(2)~*!.jpg",
	} {
		if got := string(file(nil, name)); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	first := file([]byte(`"`), "a")
	if second := file([]byte(`"`), "b"); string(first[len(first)-1]) != "a" || string(second[len(second)-1]) != "b" {
		t.Error("two URLs share their bytes")
	}
}
