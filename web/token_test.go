package web_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/franela/pocketci/web"
)

func TestTokenIsMadeOnceForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	first, err := web.Token(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := web.Token(dir)
	if err != nil || again != first || len(first) < 50 {
		t.Errorf("then %q, %v; first %q", again, err, first)
	}
	other, err := web.Token(t.TempDir())
	if err != nil || other == first {
		t.Errorf("another folder has the same token (%v)", err)
	}
	info, err := os.Stat(filepath.Join(dir, web.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %#o, want 0600", info.Mode().Perm())
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v (%v), want the token's file alone", entries, err)
	}
}

func TestTokenRefusesAFileThatIsNotSafe(t *testing.T) {
	write := func(mode os.FileMode, text string) func(string) error {
		return func(path string) error {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				return err
			}
			return os.Chmod(path, mode)
		}
	}
	for name, tc := range map[string]struct {
		make func(path string) error
		want string
	}{
		"others can read it": {write(0o644, token), "others can read"},
		"the group can":      {write(0o640, token), "others can read"},
		"empty":              {write(0o600, ""), "fewer than 32 characters"},
		"short":              {write(0o600, "secret\n"), "fewer than 32 characters"},
		"two lines":          {write(0o600, token+"\n"+token), "a header can't hold"},
		"a folder":           {func(path string) error { return os.Mkdir(path, 0o700) }, "not a plain file"},
		"a link": {func(path string) error {
			target := filepath.Join(filepath.Dir(path), "elsewhere")
			if err := os.WriteFile(target, []byte(token), 0o600); err != nil {
				return err
			}
			return os.Symlink(target, path)
		}, "not a plain file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := tc.make(filepath.Join(dir, web.TokenFile)); err != nil {
				t.Fatal(err)
			}
			got, err := web.Token(dir)
			if err == nil || got != "" || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, %v; want an error with %q", got, err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}
	if _, err := web.Token(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("made a token in a folder that isn't there")
	}
}

func TestTokenMayBeWrittenByTheOperator(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, web.TokenFile), []byte(token+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := web.Token(dir); err != nil || got != token {
		t.Errorf("got %q, %v", got, err)
	}
}
