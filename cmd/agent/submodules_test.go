package main

import (
	"testing"

	"github.com/franela/pocketci/config"
)

func TestSubmodules(t *testing.T) {
	const repository = "https://github.com/octo/hello.git"
	tests := map[string]struct {
		repos     []string
		submodule string
		want      bool
	}{
		"the owner's own":               {nil, "https://github.com/octo/other.git", true},
		"without .git":                  {nil, "https://github.com/Octo/other", true},
		"another owner's":               {nil, "https://github.com/eve/other.git", false},
		"one that may trigger":          {[]string{"octo/*", "eve/lib"}, "https://github.com/eve/lib.git", true},
		"one that may not":              {[]string{"octo/hello"}, "https://github.com/octo/secret.git", false},
		"another host":                  {nil, "https://evil.example/octo/other.git", false},
		"http":                          {nil, "http://github.com/octo/other.git", false},
		"ssh":                           {nil, "git@github.com:octo/other.git", false},
		"with credentials":              {nil, "https://x:y@github.com/octo/other.git", false},
		"a path that climbs":            {nil, "https://github.com/octo/../eve/other.git", false},
		"deeper than owner and name":    {nil, "https://github.com/octo/other/more.git", false},
		"the host alone":                {nil, "https://github.com/", false},
		"a query":                       {nil, "https://github.com/octo/other.git?x=y", false},
		"a file of the engine's":        {nil, "file:///etc", false},
		"a port that is not ours":       {nil, "https://github.com:8443/octo/other.git", false},
		"the same name in another case": {[]string{"octo/hello"}, "https://GITHUB.com/OCTO/HELLO", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			repos, err := config.ParseRepos(tt.repos)
			if err != nil {
				t.Fatal(err)
			}
			if got := submodules("https://github.com", repos)(repository, tt.submodule); got != tt.want {
				t.Errorf("%s: %v, want %v", tt.submodule, got, tt.want)
			}
		})
	}
}
