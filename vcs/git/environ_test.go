package git

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSealedEnvironment(t *testing.T) {
	got := sealed([]string{
		"PATH=/bin", "https_proxy=http://proxy", "NO_PROXY=localhost", "SSL_CERT_FILE=/ca.pem", "TMPDIR=/tmp",
		"GITHUB_TOKEN=secret", "HOME=/root", "GIT_DIR=/x", "GIT_CONFIG_COUNT=1", "GIT_SSH=x", "GIT_TRACE=1", "GIT_ASKPASS=x", "SSH_AUTH_SOCK=x", "LD_PRELOAD=x",
		"GIT_EXEC_PATH=/x", "GIT_SSL_NO_VERIFY=1", "GIT_ALLOW_PROTOCOL=ext", "GIT_CONFIG_PARAMETERS='a=b'", "GIT_PROXY_COMMAND=x", "EDITOR=x", "PATHOLOGY=1",
	}, "/empty")
	slices.Sort(got)
	want := []string{
		"GIT_ATTR_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=/empty", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_DEFAULT_REF_FORMAT=files", "GIT_NO_LAZY_FETCH=1", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0", "GIT_SSL_CAINFO=/ca.pem", "GIT_TERMINAL_PROMPT=0",
		"HOME=/empty", "LC_ALL=C", "NO_PROXY=localhost", "PATH=/bin", "SSL_CERT_FILE=/ca.pem", "TMPDIR=/tmp", "XDG_CONFIG_HOME=/empty", "https_proxy=http://proxy",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRemoteCheck(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    Remote
		bad  string
	}{
		{"https", Remote{URL: "https://github.com/octo/hello", Username: "octo", Token: "x"}, ""},
		{"https with a port", Remote{URL: "https://git.example.com:8443/octo/hello.git"}, ""},
		{"http on loopback", Remote{URL: "http://127.0.0.1:8080/octo/hello"}, ""},
		{"http on localhost", Remote{URL: "http://localhost/octo/hello"}, ""},
		{"http on loopback, version 6", Remote{URL: "http://[::1]:80/octo/hello"}, ""},
		{"http", Remote{URL: "http://github.com/octo/hello"}, "repository address http://github.com/octo/hello is not https, which only loopback may do without"},
		{"http on a name that begins like loopback", Remote{URL: "http://localhost.evil.com/octo/hello"}, "repository address http://localhost.evil.com/octo/hello is not https, which only loopback may do without"},
		{"http on a name that is an address's", Remote{URL: "http://127.0.0.1.evil.com/x/y"}, "repository address http://127.0.0.1.evil.com/x/y is not https, which only loopback may do without"},
		{"ssh", Remote{URL: "ssh://git@github.com/octo/hello"}, "repository address holds credentials: set username and token instead"},
		{"ssh in short", Remote{URL: "git@github.com:octo/hello"}, "repository address can't be parsed"},
		{"a file", Remote{URL: "file:///srv/git"}, "repository address file:///srv/git is not scheme://host/path"},
		{"a program", Remote{URL: "ext::sh -c touch% pwned"}, "repository address ext::sh -c touch% pwned is not scheme://host/path"},
		{"a path", Remote{URL: "/srv/git"}, "repository address /srv/git is not scheme://host/path"},
		{"an option", Remote{URL: "--upload-pack=touch"}, "repository address --upload-pack=touch is not scheme://host/path"},
		{"git's own protocol", Remote{URL: "git://github.com/octo/hello"}, "repository address git://github.com/octo/hello is neither https nor http on loopback"},
		{"credentials", Remote{URL: "https://octo:s3cret@github.com/octo/hello"}, "repository address holds credentials: set username and token instead"},
		{"a query", Remote{URL: "https://github.com/octo/hello?x=1"}, "repository address https://github.com/octo/hello?x=1 is not scheme://host/path"},
		{"two lines", Remote{URL: "https://github.com/octo/hello\nx"}, "repository address can't be parsed"},
		{"two lines of a token", Remote{URL: "https://github.com/octo/hello", Token: "a\r\nX-Evil: 1"}, "repository address or credentials hold control characters"},
		{"a colon in the username", Remote{URL: "https://github.com/octo/hello", Username: "a:b", Token: "x"}, "username holds a colon"},
		{"nothing", Remote{}, "repository address  is not scheme://host/path"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if err := tc.r.check(); err != nil {
				got = err.Error()
			}
			if got != tc.bad {
				t.Errorf("%q, want %q", got, tc.bad)
			}
		})
	}
}

// TestCredentialsAreForTheirHostOnly: git matches scheme, host and port.
func TestCredentialsAreForTheirHostOnly(t *testing.T) {
	for url, key := range map[string]string{
		"https://git.example.com:8443/octo/hello": "http.https://git.example.com:8443/.extraheader",
		"http://127.0.0.1:80/octo/hello":          "http.http://127.0.0.1:80/.extraheader",
	} {
		found := false
		for _, s := range (Remote{URL: url, Token: "x"}).settings() {
			if strings.Contains(s.value, "Authorization") {
				found = s.key == key && s.value == "Authorization: Basic eC1hY2Nlc3MtdG9rZW46eA=="
			}
		}
		if !found {
			t.Errorf("%s: no header for it alone", url)
		}
	}
	for _, s := range (Remote{URL: "https://github.com/octo/hello"}).settings() {
		if strings.Contains(s.value, "Authorization") {
			t.Error("a header without a token")
		}
	}
}

func TestAtLeast(t *testing.T) {
	for version, ok := range map[string]bool{
		"git version 2.31.0": true, "git version 2.39.5 (Apple Git-154)": true, "git version 3.0": true, "git version 2.100.1.windows.1": true,
		"git version 2.30.9": false, "git version 1.99": false, "": false, "gut version 3.0": false,
	} {
		if err := atLeast(version, minMajor, minMinor); (err == nil) != ok {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// TestGitThatFetchesByItselfIsRefused: without its word, git would look for missing
// objects by starting itself.
func TestGitThatFetchesByItselfIsRefused(t *testing.T) {
	home := t.TempDir()
	good := program{path: "git", env: sealed([]string{"PATH=" + os.Getenv("PATH")}, home), base: sealedSettings()}
	if err := checkGit(t.Context(), &good, home); err != nil {
		t.Errorf("this git: %v", err)
	}
	deaf := good
	deaf.env = slices.DeleteFunc(slices.Clone(good.env), func(kv string) bool { return kv == noLazyFetch })
	if err := checkGit(t.Context(), &deaf, home); err == nil || !strings.Contains(err.Error(), "does not obey GIT_NO_LAZY_FETCH") {
		t.Errorf("one that does not obey: %v", err)
	}
}

func TestTidy(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"fatal: it is s3cret here\n", "fatal: it is *** here"},
		{"a\x1b[31mred\x07\r\nb", "a [31mred  \nb"},
		{"\u0085\u200e", "\u200e"},
	} {
		if got := tidy(tc.text, "s3cret", ""); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}
