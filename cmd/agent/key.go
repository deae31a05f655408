package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keySize is the size of the key for secrets' names, in bytes.
const keySize = 32

// sessionKey reads the key from the data folder, or makes one. It stays the same
// over restarts: the engine's cache goes by the names that are derived from it.
func sessionKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, "engine-key")
	key, err := os.ReadFile(path)
	if err == nil && len(key) == keySize {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the engine key: %w", err)
	}
	key = make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make the engine key: %w", err)
	}
	if err := os.WriteFile(path+".new", key, 0o600); err != nil {
		return nil, fmt.Errorf("keep the engine key: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return nil, fmt.Errorf("keep the engine key: %w", err)
	}
	return key, nil
}
