package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
)

func TestStore(t *testing.T) {
	for given, want := range map[string]struct {
		ok, shared bool
	}{
		"postgres://octo@db/pocketci":                        {true, true},
		"postgresql://octo:canary@db:5432/x?sslmode=disable": {true, true},
		"postgres://octo@/x?host=/run/postgresql":            {true, true},
		"/srv/pocketci.db":                                   {true, false},
		"sqlite:///srv/pocketci.db":                          {true, false},
		"mysql://canary@db/x":                                {},
		"postgres://octo:can%ary@db/x":                       {},
		"postgres://":                                        {},
		"/srv/pocketci\ncanary":                              {},
	} {
		a, err := agent(t, machine, nil, "--store="+given)
		switch {
		case want.ok != (err == nil):
			t.Errorf("%q: %v", given, err)
		case err == nil && a.Shared() != want.shared:
			t.Errorf("%q: shared %v, want %v", given, a.Shared(), want.shared)
		}
	}
}

func TestAStoresPasswordIsNotOnTheCommandLine(t *testing.T) {
	for given, refused := range map[string]bool{
		"postgres://octo:canary@db/x":          true,
		"postgres://octo@db/x?password=canary": true,
		"postgres://octo@db/x":                 false,
		"postgres://octo:@db/x":                false,
	} {
		for _, bind := range []func(*config.Agent, *pflag.FlagSet){
			func(a *config.Agent, fs *pflag.FlagSet) { a.BindReceive(fs, machine) },
			func(a *config.Agent, fs *pflag.FlagSet) { a.BindMove(fs, machine) },
		} {
			fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
			bind(new(config.Agent), fs)
			name := "--store="
			if fs.Lookup("store") == nil {
				name = "--to="
			}
			if err := fs.Parse([]string{name + given}); err != nil {
				t.Fatal(err)
			}
			err := config.RefusePasswords(fs)
			var p *event.Problem
			if refused != errors.As(err, &p) {
				t.Errorf("%s%s: %v", name, given, err)
			}
			if p != nil && strings.Contains(p.Public+p.Hint, "canary") {
				t.Errorf("the refusal repeats the password: %s %s", p.Public, p.Hint)
			}
		}
	}
}

func TestAStoresPasswordIsSensitive(t *testing.T) {
	e, p := environment(t, "POCKETCI_STORE=postgres://octo:can%41ry@db/x?sslpassword=canary-key", "PGPASSWORD=canary-own")
	if len(p.vars) > 0 {
		t.Errorf("left in the process: %q", p.vars)
	}
	if diff := cmp.Diff([]string{"canAry", "canary-key", "canary-own"}, e.Sensitive()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := config.ParseGrants([]string{"octo/x=POCKETCI_STORE"}, false); err == nil {
		t.Error("the store's address can be granted")
	}
	if _, err := config.ParseGrants([]string{"octo/x=PGPASSWORD"}, false); err == nil {
		t.Error("the store's password can be granted")
	}
}

func TestPGPASSWORDIsTheAddresssPassword(t *testing.T) {
	e, _ := environment(t, "PGPASSWORD=a b&c")
	for given, want := range map[string]string{
		"postgres://octo@db/x?sslmode=disable": "postgres://octo@db/x?password=a+b%26c&sslmode=disable",
		"postgres://octo:own@db/x":             "postgres://octo:own@db/x",
		"/srv/pocketci.db":                     "/srv/pocketci.db",
		"":                                     "",
	} {
		if got := e.Store(given); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

func TestSeveralEngines(t *testing.T) {
	a, err := agent(t, machine, nil, "--engine=tcp://a:1,tcp://b:1", "--engine=unix:///run/c.sock")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"tcp://a:1", "tcp://b:1", "unix:///run/c.sock"}, a.Engines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name, args := range map[string][]string{
		"one twice":                     {"--engine=tcp://a:1,tcp://a:1"},
		"no address":                    {"--engine=tcp://a:1,b"},
		"one that is the untrusted one": {"--engine=tcp://a:1,tcp://b:1", "--untrusted-engine=tcp://b:1"},
	} {
		if _, err := agent(t, machine, nil, args...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCredentialsOfARole(t *testing.T) {
	e, _ := environment(t)
	for name, c := range map[string]struct {
		role config.Role
		want []string
	}{
		"both":    {config.Role{Receives: true, Works: true}, []string{"GITHUB_USERNAME", "GITHUB_TOKEN", "X_HUB_SIGNATURE"}},
		"receive": {config.Role{Receives: true}, []string{"GITHUB_USERNAME", "X_HUB_SIGNATURE"}},
		"work":    {config.Role{Works: true}, []string{"GITHUB_USERNAME", "GITHUB_TOKEN"}},
	} {
		_, err := e.Credentials(c.role)
		var p *event.Problem
		if !errors.As(err, &p) {
			t.Fatalf("%s: %v", name, err)
		}
		_, list, _ := strings.Cut(p.Public, ": ")
		if got := strings.Split(list, ", "); !slices.Equal(got, c.want) {
			t.Errorf("%s: missing %q, want %q", name, got, c.want)
		}
	}
}

func TestRolesHaveTheirSettings(t *testing.T) {
	names := func(bind func(*config.Agent, *pflag.FlagSet)) (all []string) {
		fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
		bind(new(config.Agent), fs)
		fs.VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
		return all
	}
	receive := names(func(a *config.Agent, fs *pflag.FlagSet) { a.BindReceive(fs, machine) })
	want := []string{"api-listen", "data-dir", "listen", "log-format", "log-level", "repos", "shutdown-grace", "store"}
	if diff := cmp.Diff(want, receive); diff != "" {
		t.Errorf("receive (-want +got)\n%s", diff)
	}
	both := names(func(a *config.Agent, fs *pflag.FlagSet) { a.Bind(fs, machine) })
	work := names(func(a *config.Agent, fs *pflag.FlagSet) { a.BindWork(fs, machine) })
	for _, name := range work {
		if name != "health-listen" && !slices.Contains(both, name) {
			t.Errorf("work has --%s, which the plain agent has not", name)
		}
	}
	if slices.Contains(work, "listen") || !slices.Contains(work, "health-listen") {
		t.Errorf("the listeners of work: %q", work)
	}
}
