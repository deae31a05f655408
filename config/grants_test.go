package config_test

import (
	"strings"
	"testing"

	"github.com/franela/pocketci/config"
)

func TestGrants(t *testing.T) {
	const main, dev, pull = "refs/heads/main", "refs/heads/dev", "refs/pull/7/head"
	tests := map[string]struct {
		specs     []string
		defaults  bool
		repo, ref string
		name      string
		allowed   bool
	}{
		"nothing":                            {nil, false, "octo/hello", main, "GITHUB_TOKEN", false},
		"by default":                         {nil, true, "octo/hello", main, "GITHUB_TOKEN", true},
		"by default, the user":               {nil, true, "octo/hello", main, "GITHUB_USERNAME", true},
		"by default, a secret":               {nil, true, "octo/hello", pull, "POCKETCI_SECRET_NPM", true},
		"the prefix alone is no secret":      {nil, true, "octo/hello", main, "POCKETCI_SECRET_", false},
		"others not by default":              {nil, true, "octo/hello", main, "NPM", false},
		"to all":                             {[]string{"NPM"}, false, "any/thing", pull, "NPM", true},
		"names are exact":                    {[]string{"NPM"}, false, "octo/hello", main, "NPM_TOKEN", false},
		"names have case":                    {[]string{"NPM"}, false, "octo/hello", main, "npm", false},
		"to one":                             {[]string{"octo/hello=NPM"}, false, "octo/hello", dev, "NPM", true},
		"repositories have no case":          {[]string{"Octo/Hello=NPM"}, false, "octo/HELLO", dev, "NPM", true},
		"not to another":                     {[]string{"octo/hello=NPM"}, false, "octo/hello2", dev, "NPM", false},
		"not to a name that ends alike":      {[]string{"octo/hello=NPM"}, false, "evil/octo/hello", dev, "NPM", false},
		"to an owner's":                      {[]string{"octo/*=NPM"}, false, "octo/x", dev, "NPM", true},
		"not to another owner's":             {[]string{"octo/*=NPM"}, false, "octopus/x", dev, "NPM", false},
		"on a branch":                        {[]string{"octo/hello@main=NPM"}, false, "octo/hello", main, "NPM", true},
		"not on another branch":              {[]string{"octo/hello@main=NPM"}, false, "octo/hello", dev, "NPM", false},
		"not on a tag of that name":          {[]string{"octo/hello@main=NPM"}, false, "octo/hello", "refs/tags/main", "NPM", false},
		"not on a pull request":              {[]string{"octo/hello@**=NPM"}, false, "octo/hello", pull, "NPM", false},
		"not without a ref":                  {[]string{"octo/hello@main=NPM"}, false, "octo/hello", "", "NPM", false},
		"branches have case":                 {[]string{"octo/hello@main=NPM"}, false, "octo/hello", "refs/heads/MAIN", "NPM", false},
		"on branches":                        {[]string{"octo/hello@release/*=NPM"}, false, "octo/hello", "refs/heads/release/1", "NPM", true},
		"the star stops at a slash":          {[]string{"octo/hello@*=NPM"}, false, "octo/hello", "refs/heads/a/b", "NPM", false},
		"on tags":                            {[]string{"octo/hello@refs/tags/v*=NPM"}, false, "octo/hello", "refs/tags/v1", "NPM", true},
		"on a branch with an equals sign":    {[]string{"octo/hello@a=b=NPM"}, false, "octo/hello", "refs/heads/a=b", "NPM", true},
		"many by their beginning":            {[]string{"octo/hello=AWS_*"}, false, "octo/hello", main, "AWS_KEY", true},
		"taken away":                         {[]string{"-GITHUB_TOKEN"}, true, "octo/hello", main, "GITHUB_TOKEN", false},
		"only that is taken away":            {[]string{"-GITHUB_TOKEN"}, true, "octo/hello", main, "GITHUB_USERNAME", true},
		"one of many taken away":             {[]string{"-POCKETCI_SECRET_NPM"}, true, "octo/hello", main, "POCKETCI_SECRET_NPM", false},
		"the others of many stay":            {[]string{"-POCKETCI_SECRET_NPM"}, true, "octo/hello", main, "POCKETCI_SECRET_X", true},
		"many taken away":                    {[]string{"-POCKETCI_SECRET_*"}, true, "octo/hello", main, "POCKETCI_SECRET_X", false},
		"taken away from one":                {[]string{"-octo/hello=GITHUB_TOKEN"}, true, "octo/hello", main, "GITHUB_TOKEN", false},
		"and from no other":                  {[]string{"-octo/hello=GITHUB_TOKEN"}, true, "octo/x", main, "GITHUB_TOKEN", true},
		"taken away, then given to one":      {[]string{"-GITHUB_TOKEN", "octo/hello=GITHUB_TOKEN"}, true, "octo/hello", main, "GITHUB_TOKEN", true},
		"taken away, then given to another":  {[]string{"-GITHUB_TOKEN", "octo/hello=GITHUB_TOKEN"}, true, "octo/x", main, "GITHUB_TOKEN", false},
		"given, then taken away":             {[]string{"NPM", "-NPM"}, false, "octo/hello", main, "NPM", false},
		"never the webhook's":                {[]string{"X_*"}, false, "octo/hello", main, "X_HUB_SIGNATURE", false},
		"never the cloud's":                  {[]string{"DAGGE*"}, false, "octo/hello", main, "DAGGER_CLOUD_TOKEN", false},
		"never the store's":                  {[]string{"PG*"}, false, "octo/hello", main, "PGPASSWORD", false},
		"but what only begins like it":       {[]string{"PG*"}, false, "octo/hello", main, "PGP_KEY", true},
		"never a setting":                    {nil, true, "octo/hello", main, "POCKETCI_STORE", false},
		"never a setting, in any case":       {[]string{"Pocketc*"}, false, "octo/hello", main, "Pocketci_Store", false},
		"never what is nearly a secret's":    {nil, true, "octo/hello", main, "POCKETCI_SECRETS", false},
		"spaces around":                      {[]string{"  octo/hello=NPM "}, false, "octo/hello", main, "NPM", true},
		"globs of owners in braces are fine": {[]string{"{octo,acme}/*=NPM"}, false, "acme/x", main, "NPM", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g, err := config.ParseGrants(tt.specs, tt.defaults)
			if err != nil {
				t.Fatal(err)
			}
			if got := g.Allows(tt.repo, tt.ref, tt.name); got != tt.allowed {
				t.Errorf("allowed: %v", got)
			}
		})
	}
}

func TestGrantsThatAreRefused(t *testing.T) {
	for _, spec := range []string{
		"", "-", "*", "-*", "octo/hello=", "octo/hello=*", "=NPM", "octo=NPM", "/hello=NPM", "octo/=NPM", "octo/a/b=NPM", "octo/[=NPM",
		"octo/hello@=NPM", "octo/hello@[=NPM", "N PM", "1NPM", "N*M", "NPM=", "octo hello/x=NPM", "X_HUB_SIGNATURE", "octo/hello=X_HUB_SIGNATURE",
		"POCKETCI_STORE", "POCKETCI_*", "P*", "POCKETCI_SECRET_", "DAGGER_CLOUD_TOKEN", "_EXPERIMENTAL_DAGGER_RUNNER_HOST", "PGPASSWORD", "pocketci_store",
	} {
		if _, err := config.ParseGrants([]string{spec}, false); err == nil {
			t.Errorf("%q is taken", spec)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %q", spec, err)
		}
	}
}

// FuzzGrants: nothing of the agent's own is ever granted, and a grant to one
// repository is not one to another.
func FuzzGrants(f *testing.F) {
	f.Add("octo/hello@main=NPM", "-NPM", "NPM", "refs/heads/main")
	f.Add("*", "X_*", "X_HUB_SIGNATURE", "")
	f.Add("octo/*=POCKETCI_SECRET_*", "-octo/x=A", "POCKETCI_STORE", "refs/tags/v1")
	f.Fuzz(func(t *testing.T, first, second, name, ref string) {
		g, err := config.ParseGrants([]string{first, second}, true)
		if err != nil {
			return
		}
		for _, own := range []string{"X_HUB_SIGNATURE", "POCKETCI_STORE", "POCKETCI_API_TOKEN", "DAGGER_CLOUD_TOKEN", "PGPASSWORD"} {
			if g.Allows("octo/hello", ref, own) {
				t.Errorf("%q and %q grant %s", first, second, own)
			}
		}
		g, err = config.ParseGrants([]string{first}, false)
		if err == nil && strings.HasPrefix(first, "octo/hello=") && g.Allows("octo/other", ref, name) {
			t.Errorf("%q grants %q to another", first, name)
		}
	})
}
