package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
)

const (
	keyLine = "MIIEpAIBAAKCAQEAcanarycanarycanary"
	appKey  = "-----BEGIN RSA PRIVATE KEY-----\n" + keyLine + "\n-----END RSA PRIVATE KEY-----\n"
)

func TestAppInsteadOfAToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.pem")
	if err := os.WriteFile(file, []byte(appKey), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{
		"a key in a variable": {"GITHUB_APP_PRIVATE_KEY=" + appKey},
		"a key in one line":   {"GITHUB_APP_PRIVATE_KEY=" + strings.ReplaceAll(appKey, "\n", `\n`)},
		"a key in a file":     {"GITHUB_APP_PRIVATE_KEY_FILE=" + file},
		"beside a token":      {"GITHUB_APP_PRIVATE_KEY_FILE=" + file, "GITHUB_TOKEN=t"},
	}
	for name, vars := range tests {
		t.Run(name, func(t *testing.T) {
			e, p := environment(t, append(vars, "GITHUB_APP_ID=12", "X_HUB_SIGNATURE=s")...)
			if len(p.vars) != 0 {
				t.Errorf("left in the environment: %q", p.vars)
			}
			for range 2 {
				c, err := e.Credentials(config.Role{Receives: true, Works: true})
				if err != nil {
					t.Fatal(err)
				}
				if c.AppID != 12 || !strings.Contains(c.AppKey, keyLine) || c.Username != "" {
					t.Errorf("the credentials are others (id %d)", c.AppID)
				}
			}
			if all := e.Sensitive(); !slices.Contains(all, keyLine) || slices.Contains(all, "12") || slices.Contains(all, file) {
				t.Errorf("%d values are sensitive; want the key's lines, and neither the id nor the file's name", len(all))
			}
		})
	}
}

func TestAReceiverNeedsNoKey(t *testing.T) {
	e, _ := environment(t, "GITHUB_APP_ID=12", "X_HUB_SIGNATURE=s")
	c, err := e.Credentials(config.Role{Receives: true})
	if err != nil || c.AppID != 12 || c.AppKey != "" {
		t.Errorf("App %d, %v", c.AppID, err)
	}
	if _, err := e.Credentials(config.Role{Works: true}); err == nil {
		t.Error("who works needs no key")
	}
}

func TestAppThatIsNotWhole(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.pem")
	large := filepath.Join(t.TempDir(), "large.pem")
	if err := os.WriteFile(large, make([]byte, 65<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		vars []string
		want string
	}{
		"no key":       {[]string{"GITHUB_APP_ID=12"}, "GITHUB_APP_ID is set, and neither GITHUB_APP_PRIVATE_KEY_FILE nor GITHUB_APP_PRIVATE_KEY"},
		"no id":        {[]string{"GITHUB_APP_PRIVATE_KEY=" + appKey}, "a GitHub App's key is set, and GITHUB_APP_ID is not"},
		"two keys":     {[]string{"GITHUB_APP_ID=12", "GITHUB_APP_PRIVATE_KEY=" + appKey, "GITHUB_APP_PRIVATE_KEY_FILE=" + missing}, "GITHUB_APP_PRIVATE_KEY and GITHUB_APP_PRIVATE_KEY_FILE are both set"},
		"a name as id": {[]string{"GITHUB_APP_ID=mine", "GITHUB_APP_PRIVATE_KEY=" + appKey}, `GITHUB_APP_ID: "mine" is not an App's id`},
		"no such file": {[]string{"GITHUB_APP_ID=12", "GITHUB_APP_PRIVATE_KEY_FILE=" + missing}, "GITHUB_APP_PRIVATE_KEY_FILE: there is no such file"},
		"a large file": {[]string{"GITHUB_APP_ID=12", "GITHUB_APP_PRIVATE_KEY_FILE=" + large}, "GITHUB_APP_PRIVATE_KEY_FILE: it can't be read"},
		"a folder":     {[]string{"GITHUB_APP_ID=12", "GITHUB_APP_PRIVATE_KEY_FILE=" + t.TempDir()}, "GITHUB_APP_PRIVATE_KEY_FILE: it can't be read"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, _ := environment(t, append(tt.vars, "X_HUB_SIGNATURE=s", "GITHUB_USERNAME=u", "GITHUB_TOKEN=t")...)
			_, err := e.Credentials(config.Role{Receives: true, Works: true})
			var p *event.Problem
			if !errors.As(err, &p) || p.Public != tt.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAppIsNeverGranted(t *testing.T) {
	for _, name := range []string{"GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY", "GITHUB_APP_PRIVATE_KEY_FILE", "github_app_private_key"} {
		if _, err := config.ParseGrants([]string{"octo/hello=" + name}, true); err == nil {
			t.Errorf("%s can be granted", name)
		}
	}
}
