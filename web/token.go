package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// TokenFile is the name of the token's file in the data folder.
const TokenFile = "api-token"

// minToken is the shortest token that is taken, in characters.
const minToken = 32

// Token gives the API's token from the data folder; the first time it makes one,
// of 256 random bits. Its file can be read by its owner only, and a file that
// others can read, or that isn't a plain file, is refused. To change the token,
// remove the file and start the agent again.
func Token(dir string) (string, error) {
	path := filepath.Join(dir, TokenFile)
	token, err := readToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	token = rand.Text() + rand.Text() // 130 bits each, in letters and digits
	if err := writeToken(dir, path, token); err != nil {
		return "", fmt.Errorf("make the API token: %w", err)
	}
	return token, nil
}

// readToken reads a token; the error wraps [fs.ErrNotExist] if there is none.
func readToken(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("read the API token: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read the API token: %s is not a plain file", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("read the API token: others can read %s (mode %#o): chmod 600 it, or remove it to get a new one", path, info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the API token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("read the API token: %s: %w", path, err)
	}
	return token, nil
}

// checkToken refuses what could be guessed, or not be sent in a header.
func checkToken(token string) error {
	if len(token) < minToken {
		return fmt.Errorf("the token has fewer than %d characters: remove it to get a new one", minToken)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the token has characters that a header can't hold: remove it to get a new one")
	}
	return nil
}

// writeToken writes the file whole or not at all, also across a crash.
func writeToken(dir, path, token string) error {
	f, err := os.CreateTemp(dir, "."+TokenFile+"-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(token + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
