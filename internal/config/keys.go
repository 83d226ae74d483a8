package config

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// keysFile holds, in the data directory, the application id and the keys that
// Loam generated. It is read like a configuration file that all others go before.
const keysFile = "keys.json"

// generateKeys makes the data directory and the keys file in it, unless they
// are there. Of several processes that do so at once one wins, and all others
// find its file complete. It tells whether this one made the file.
func generateKeys(dir string) (made bool, err error) {
	path := filepath.Join(dir, keysFile)
	if _, err := os.Stat(path); err == nil {
		return false, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("make the data directory: %w", err)
	}
	data, err := json.MarshalIndent(struct {
		AppID     string `json:"appId"`
		MasterKey string `json:"masterKey"`
	}{strings.ToLower(rand.Text()), rand.Text()}, "", "  ")
	if err != nil {
		return false, err
	}
	if made, err = publish(path, append(data, '\n')); err != nil {
		return false, fmt.Errorf("keep the generated keys: %w", err)
	}
	return made, nil
}

// publish makes a file of that content, readable by its owner only, in one
// step, and safely on the disk. It leaves a file that is there alone.
func publish(path string, data []byte) (made bool, err error) {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, ".keys-*") // mode 0600
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err != nil {
		return false, err
	}
	// A link, not a rename: it fails when the name is taken.
	if err := os.Link(temp.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return false, nil
		}
		return false, err
	}
	return true, syncDirectory(dir)
}

// syncDirectory makes the names in a directory last.
func syncDirectory(dir string) error {
	if runtime.GOOS == "windows" { // directories can't be synced there
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// exposed says so when others than its owner may read the file.
func exposed(path string) string {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("%s can be read by others than its owner (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
}
