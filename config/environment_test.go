package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// process is the environment of a process that is none.
type process struct {
	vars []string
	fail error
}

func (p *process) Environ() []string { return slices.Clone(p.vars) }

func (p *process) Unsetenv(name string) error {
	p.vars = slices.DeleteFunc(p.vars, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	return p.fail
}

func environment(t testing.TB, vars ...string) (*config.Environment, *process) {
	t.Helper()
	p := &process{vars: vars}
	e, err := config.TakeEnvironment(p)
	if err != nil {
		t.Fatal(err)
	}
	return e, p
}

func TestCredentialsLeaveTheEnvironment(t *testing.T) {
	e, p := environment(t,
		"PATH=/bin", "GITHUB_USERNAME=octocat", "GITHUB_TOKEN=canary-token", "X_HUB_SIGNATURE=canary-hook", "DAGGER_CLOUD_TOKEN=canary-cloud",
		"POCKETCI_SECRET_NPM=canary-npm", "POCKETCI_LISTEN=:1", "DEPLOY_KEY=canary=deploy", "HOME=/root", "strange",
	)
	left := []string{"PATH=/bin", "DEPLOY_KEY=canary=deploy", "HOME=/root", "strange"}
	if diff := cmp.Diff(left, p.vars); diff != "" {
		t.Errorf("left (-want +got)\n%s", diff)
	}
	if err := e.TakeGranted(grants(t, "octo/hello=DEPLOY_KEY", "-HOME")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"PATH=/bin", "HOME=/root", "strange"}, p.vars); diff != "" {
		t.Errorf("left after the grants (-want +got)\n%s", diff)
	}
	c, err := e.Credentials(config.Role{Receives: true, Works: true})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Credentials{Username: "octocat", Token: "canary-token", Hook: "canary-hook", CloudToken: "canary-cloud"}
	if c != want {
		t.Error("the credentials are others")
	}
	stored, err := json.Marshal(map[string]any{"c": c, "e": e})
	if err != nil {
		t.Fatal(err)
	}
	for _, print := range []string{
		fmt.Sprint(e, c, &c), fmt.Sprintf("%+v %#v %s %q %x", e, e, e, e, e), fmt.Sprintf("%+v %#v %s %d", c, c, c, c),
		fmt.Sprintf("%+v", struct{ C config.Credentials }{c}), string(stored),
	} {
		if strings.Contains(print, "canary") {
			t.Errorf("a credential is printed: %s", print)
		}
	}
}

func TestSettingsFromTheEnvironment(t *testing.T) {
	e, _ := environment(t, "POCKETCI_LISTEN=:1", "POCKETCI_SECRET_NPM=x", "GITHUB_TOKEN=y", "POCKETCI_LISTEN=:2")
	if v, ok := e.Setting("POCKETCI_LISTEN"); !ok || v != ":1" {
		t.Errorf("%q, %v", v, ok)
	}
	for _, name := range []string{"POCKETCI_SECRET_NPM", "GITHUB_TOKEN", "POCKETCI_OTHER"} {
		if v, ok := e.Setting(name); ok {
			t.Errorf("%s is a setting: %q", name, v)
		}
	}
}

func TestMissingCredentialsAreNamedTogether(t *testing.T) {
	e, _ := environment(t, "GITHUB_TOKEN= ", "DAGGER_CLOUD_TOKEN=c", "GITHUB_USERNAME=octocat")
	c, err := e.Credentials(config.Role{Receives: true, Works: true})
	var p *event.Problem
	if !errors.As(err, &p) || p.Public != "not set in the environment: GITHUB_TOKEN, X_HUB_SIGNATURE" {
		t.Fatalf("error %v", err)
	}
	if lines := strings.Split(p.Hint, "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0], "GITHUB_TOKEN: ") || !strings.HasPrefix(lines[1], "X_HUB_SIGNATURE: ") {
		t.Errorf("hint %q", p.Hint)
	}
	if c.Username != "octocat" || c.CloudToken != "c" {
		t.Errorf("what is there is not given: %s", c)
	}
}

func TestSecrets(t *testing.T) {
	e, _ := environment(t, "POCKETCI_SECRET_NPM=n", "GITHUB_TOKEN=t", "POCKETCI_SECRET_EMPTY=", "POCKETCI_STORE=s", "X_HUB_SIGNATURE=h")
	g, err := config.ParseGrants([]string{"-GITHUB_TOKEN"}, true)
	if err != nil {
		t.Fatal(err)
	}
	m := run.Module{Secrets: []run.Secret{
		{Name: "npm", FromEnv: "POCKETCI_SECRET_NPM"},
		{Name: "token", FromEnv: "GITHUB_TOKEN"},
		{Name: "empty", FromEnv: "POCKETCI_SECRET_EMPTY"},
		{Name: "unset", FromEnv: "POCKETCI_SECRET_UNSET"},
		{Name: "store", FromEnv: "POCKETCI_STORE"},
		{Name: "hook", FromEnv: "X_HUB_SIGNATURE"},
	}}
	values, reasons := e.Secrets(m, scope, g)
	if diff := cmp.Diff(run.SecretValues{"npm": "n"}, values); diff != "" {
		t.Errorf("values (-want +got)\n%s", diff)
	}
	want := map[string]string{
		"npm": "", "token": "GITHUB_TOKEN is not granted",
		"empty": "POCKETCI_SECRET_EMPTY is not set in the agent's environment",
		"unset": "POCKETCI_SECRET_UNSET is not set in the agent's environment",
		"store": "POCKETCI_STORE is not granted", "hook": "X_HUB_SIGNATURE is not granted",
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("reasons (-want +got)\n%s", diff)
	}
}

func TestSensitive(t *testing.T) {
	e, _ := environment(t,
		"GITHUB_USERNAME=octocat", "GITHUB_TOKEN=token", "X_HUB_SIGNATURE=old, octo/*=new,b64==", "POCKETCI_LISTEN=:8080", "POCKETCI_SECRET_A=a", "POCKETCI_SECRET_B=",
	)
	want := []string{"a", "b64==", "new", "octo/*=new", "old", "old, octo/*=new,b64==", "token"}
	if diff := cmp.Diff(want, e.Sensitive()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEnvironmentThatCannotBeCleared(t *testing.T) {
	cause := errors.New("no")
	if _, err := config.TakeEnvironment(&process{vars: []string{"GITHUB_TOKEN=t"}, fail: cause}); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}

func TestOS(t *testing.T) {
	t.Setenv("POCKETCI_SECRET_FOR_THIS_TEST", "x")
	if !slices.Contains((config.OS{}).Environ(), "POCKETCI_SECRET_FOR_THIS_TEST=x") {
		t.Error("the variable is not there")
	}
	if err := (config.OS{}).Unsetenv("POCKETCI_SECRET_FOR_THIS_TEST"); err != nil {
		t.Fatal(err)
	}
	if slices.Contains((config.OS{}).Environ(), "POCKETCI_SECRET_FOR_THIS_TEST=x") {
		t.Error("the variable is still there")
	}
}
