package config_test

import (
	"strings"
	"testing"

	"github.com/franela/pocketci/config"
)

func TestUntrustedSecretsAreListedByFunctionAndVariable(t *testing.T) {
	s, err := config.ParseUntrustedSecrets([]string{"octo/hello=testOnGithubPullRequest:NPM_TOKEN", "Acme/*=Lint-On-Github:POCKETCI_SECRET_X"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		repo, function, name string
		want                 bool
	}{
		{"octo/hello", "testOnGithubPullRequest", "NPM_TOKEN", true},
		{"Octo/Hello", "test-on-github-pull-request", "NPM_TOKEN", true},
		{"octo/hello", "testOnGithubPullRequest", "npm_token", false},
		{"octo/hello", "testOnGithubPullRequest", "OTHER", false},
		{"octo/hello", "lintOnGithub", "NPM_TOKEN", false},
		{"octo/other", "testOnGithubPullRequest", "NPM_TOKEN", false},
		{"acme/a", "lintOnGithub", "POCKETCI_SECRET_X", true},
		{"evil/acme/a", "lintOnGithub", "POCKETCI_SECRET_X", false},
	} {
		if got := s.Allows(tt.repo, tt.function, tt.name); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
	if (config.UntrustedSecrets{}).Allows("octo/hello", "f", "X") {
		t.Error("the zero value lists something")
	}
}

func TestUntrustedSecretsThatAreRefused(t *testing.T) {
	for _, spec := range []string{
		"", "f:X", "octo/hello=f", "octo/hello=:X", "octo/hello=f:", "octo/hello=*:X", "octo/hello=f:*", "octo=f:X",
		"octo/hello=f:X_HUB_SIGNATURE", "octo/hello=f:POCKETCI_API_LISTEN", "octo/hello=f:X Y", "!octo/hello=f:X",
	} {
		if _, err := config.ParseUntrustedSecrets([]string{spec}); err == nil {
			t.Errorf("%q is taken", spec)
		}
	}
}

func TestForks(t *testing.T) {
	f, err := config.ParseForks([]string{"octo/*", "!octo/open"})
	if err != nil {
		t.Fatal(err)
	}
	if !f.Trusts("Octo/hello") || f.Trusts("octo/open") || f.Trusts("acme/hello") {
		t.Error("the globs don't hold")
	}
	if (config.Forks{}).Trusts("octo/hello") {
		t.Error("the zero value trusts")
	}
	if f, _ := config.ParseForks([]string{"!octo/open"}); f.Trusts("octo/hello") {
		t.Error("an exclusion alone trusts the rest")
	}
}

func TestUntrustedEngine(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string // part of the error; empty: taken
	}{
		"none":                  {nil, ""},
		"another one":           {[]string{"--engine", "tcp://a:1", "--untrusted-engine", "tcp://b:1"}, ""},
		"same":                  {[]string{"--engine", "tcp://a:1", "--untrusted-engine", "same"}, ""},
		"the same, written out": {[]string{"--engine", "tcp://a:1", "--untrusted-engine", "tcp://a:1"}, "is the engine for everything else"},
		"no host":               {[]string{"--untrusted-engine", "b"}, "is not a runner host"},
		"several":               {[]string{"--engine", "tcp://a:1", "--untrusted-engine", "tcp://b:1,tcp://c:1"}, ""},
		"one of several":        {[]string{"--engine", "tcp://a:1,tcp://c:1", "--untrusted-engine", "tcp://b:1", "--untrusted-engine", "tcp://c:1"}, "tcp://c:1 is the engine for everything else"},
		"one twice":             {[]string{"--untrusted-engine", "tcp://b:1,tcp://b:1"}, "is named twice"},
		"same and another one":  {[]string{"--untrusted-engine", "same,tcp://b:1"}, "stands alone"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := agent(t, machine, nil, tt.args...)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
