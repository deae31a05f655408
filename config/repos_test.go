package config_test

import (
	"strings"
	"testing"

	"github.com/franela/pocketci/config"
)

func TestRepos(t *testing.T) {
	tests := map[string]struct {
		globs []string
		repo  string
		match bool
		named bool
	}{
		"all":                         {nil, "any/thing", true, false},
		"one":                         {[]string{"octo/hello"}, "octo/hello", true, true},
		"without case":                {[]string{"Octo/Hello"}, "oCTO/hELLO", true, true},
		"another":                     {[]string{"octo/hello"}, "octo/hello2", false, true},
		"an owner's":                  {[]string{"octo/*"}, "octo/x.y", true, true},
		"another owner's":             {[]string{"octo/*"}, "octopus/x", false, true},
		"one of several":              {[]string{"acme/*", "octo/h*"}, "octo/hello", true, true},
		"excluded":                    {[]string{"octo/*", "!octo/hello"}, "octo/hello", false, true},
		"not the excluded":            {[]string{"octo/*", "!octo/hello"}, "octo/x", true, true},
		"all but the excluded":        {[]string{"!evil/*"}, "octo/x", true, false},
		"anybody's are not named":     {[]string{"*/*"}, "octo/x", true, false},
		"an open owner is not named":  {[]string{"octo/*", "octo-*/*"}, "octo-evil/x", true, false},
		"owners in braces not either": {[]string{"{octo,acme}/*"}, "acme/x", true, false},
		"no slash in the name":        {[]string{"octo/*"}, "octo/a/b", false, true},
		"a doublestar is a star":      {[]string{"octo/**"}, "octo/a/b", false, true},
		"and no owner alone":          {[]string{"octo/**"}, "octo", false, true},
		"empty name":                  {[]string{"octo/*"}, "", false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := config.ParseRepos(tt.globs)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Match(tt.repo); got != tt.match {
				t.Errorf("match: %v", got)
			}
			if got := r.Named(); got != tt.named {
				t.Errorf("named: %v", got)
			}
		})
	}
}

func TestReposThatAreRefused(t *testing.T) {
	for _, glob := range []string{"", "!", "octo", "octo/", "/hello", "a/b/c", "octo/**/x", "octo/[", "{octo/a,octo/b}", "oc to/x", "*"} {
		if _, err := config.ParseRepos([]string{glob}); err == nil {
			t.Errorf("%q is taken", glob)
		}
	}
	_, err := config.ParseRepos([]string{"octo"})
	if err == nil || !strings.Contains(err.Error(), "write octo/*") {
		t.Errorf("no way out: %v", err)
	}
}

func FuzzRepos(f *testing.F) {
	for _, g := range []string{"octo/*", "!octo/x", "{a,b}/[c-d]?", "a/b", `a/\*`} {
		f.Add(g, "octo/hello")
	}
	f.Fuzz(func(t *testing.T, glob, repo string) {
		r, err := config.ParseRepos([]string{glob})
		if err != nil {
			return
		}
		if r.Match(repo) != r.Match(strings.ToUpper(strings.ToLower(repo))) && isASCII(repo) {
			t.Errorf("%q tells %q by its case", glob, repo)
		}
		again, err := config.ParseRepos([]string{r.String()})
		if err != nil || again.Match(repo) != r.Match(repo) || again.Named() != r.Named() {
			t.Errorf("%q is another after a round: %q, %v", glob, r.String(), err)
		}
		if !strings.HasPrefix(glob, "!") && r.Match(repo) && strings.Count(repo, "/") != 1 {
			t.Errorf("%q lets %q in", glob, repo)
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c > 127 })
}

func TestStrangers(t *testing.T) {
	s, err := config.ParseStrangers([]string{"octo/hello=OnGithubIssueComment", "acme/*=lint-on-*", "ThankOnGithubStar"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		repo, function string
		allowed        bool
	}{
		{"octo/hello", "onGithubIssueComment", true},
		{"Octo/Hello", "onGithubIssueComment", true},
		{"octo/other", "onGithubIssueComment", false},
		{"octo/hello", "onGithubIssueCommentCreated", false},
		{"octo/hello", "xOnGithubIssueComment", false},
		{"acme/x", "lintOnGithubPush", true},
		{"octo/hello", "lintOnGithubPush", false},
		{"any/thing", "thankOnGithubStar", true},
		{"any/thing", "dispatch", false},
	}
	for _, tt := range tests {
		if got := s.Allows(tt.repo, tt.function); got != tt.allowed {
			t.Errorf("%s of %s: %v", tt.function, tt.repo, got)
		}
	}
	if (config.Strangers{}).Allows("octo/hello", "dispatch") {
		t.Error("the zero value lists something")
	}
	for _, spec := range []string{"", "octo/hello=", "=X", "octo=X", "a[", "octo/hello=a/b", "!x", "octo/hello=!x"} {
		if _, err := config.ParseStrangers([]string{spec}); err == nil {
			t.Errorf("%q is taken", spec)
		}
	}
}

func TestBots(t *testing.T) {
	b, err := config.ParseBots([]string{"Dependabot[bot]", "octo-ci"})
	if err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]bool{
		"dependabot[bot]": true, "octo-CI": true, "dependabot": false, "octo-ci[bot]": false, "": false,
	} {
		if got := b.Trusts(login); got != want {
			t.Errorf("%s: %v", login, got)
		}
	}
	if (config.Bots{}).Trusts("dependabot[bot]") {
		t.Error("the zero value trusts somebody")
	}
	for _, login := range []string{"", "[bot]", "*", "a b", "a*[bot]"} {
		if _, err := config.ParseBots([]string{login}); err == nil {
			t.Errorf("%q is taken", login)
		}
	}
}

func TestAccepted(t *testing.T) {
	a, err := config.ParseAccepted([]string{"Octo/Hello=42", "acme/x=7", "octo/hello=42"})
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := a.ID("octo/HELLO"); !ok || id != 42 {
		t.Errorf("%d, %v", id, ok)
	}
	if _, ok := a.ID("octo/other"); ok {
		t.Error("another name has an id")
	}
	if got := a.All(); len(got) != 2 || got["acme/x"] != 7 {
		t.Errorf("%v", got)
	}
	for _, spec := range []string{"", "octo/hello", "octo/hello=", "octo/hello=x", "octo/hello=0", "octo/hello=-1", "octo/*=1", "octo=1", "!octo/x=1", "=1"} {
		if _, err := config.ParseAccepted([]string{spec}); err == nil {
			t.Errorf("%q is taken", spec)
		}
	}
	if _, err := config.ParseAccepted([]string{"octo/x=1", "octo/X=2"}); err == nil {
		t.Error("one name with two ids is taken")
	}
}
