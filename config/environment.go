package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// The variables that the agent itself needs.
const (
	usernameVariable = "GITHUB_USERNAME"
	tokenVariable    = "GITHUB_TOKEN"
	hookVariable     = "X_HUB_SIGNATURE"
	cloudVariable    = "DAGGER_CLOUD_TOKEN"
	settingPrefix    = "POCKETCI_"
)

// Process is the environment of the process.
type Process interface {
	// Environ is all variables as NAME=value.
	Environ() []string
	Unsetenv(name string) error
}

// OS is the environment of this process.
type OS struct{}

// Environ is [os.Environ].
func (OS) Environ() []string { return os.Environ() }

// Unsetenv is [os.Unsetenv].
func (OS) Unsetenv(name string) error { return os.Unsetenv(name) }

// Environment holds what was taken out of the process environment: the agent's
// credentials, its POCKETCI_* settings, and the variables that are granted. It
// prints as a count, whatever the verb. It is not changed after TakeGranted and
// may be read from many goroutines then.
type Environment struct {
	process Process
	values  map[string]string
	// keyFile is the file that a GitHub App's key was read from.
	keyFile string
}

// TakeEnvironment moves the agent's credentials and every POCKETCI_* variable
// out of the process environment. Call it before anything else is started.
func TakeEnvironment(p Process) (*Environment, error) {
	e := &Environment{process: p, values: map[string]string{}}
	return e, e.take(func(name string) bool {
		switch name {
		case usernameVariable, tokenVariable, hookVariable, cloudVariable, passwordVariable:
			return true
		}
		return strings.HasPrefix(name, settingPrefix) || strings.HasPrefix(name, appPrefix)
	})
}

// TakeGranted moves the variables that some grant is about out of the process
// environment too. They are known only after the flags are read.
func (e *Environment) TakeGranted(g Grants) error { return e.take(g.mentions) }

func (e *Environment) take(wanted func(name string) bool) error {
	for _, pair := range e.process.Environ() {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !wanted(name) {
			continue
		}
		// Of a name that stands there twice, the first one is what getenv gives.
		if _, ok := e.values[name]; !ok {
			e.values[name] = value
		}
		if err := e.process.Unsetenv(name); err != nil {
			return fmt.Errorf("take %s out of the environment: %w", name, err)
		}
	}
	return nil
}

// Setting gives the value of a setting's variable. It knows none of the others.
func (e *Environment) Setting(variable string) (string, bool) {
	if !strings.HasPrefix(variable, settingPrefix) || strings.HasPrefix(variable, secretPrefix) {
		return "", false
	}
	value, ok := e.values[variable]
	return value, ok
}

// Secrets gives the values of a module's secrets that the scope is granted and
// that are set, and for every secret of the module an entry that says why it
// can't be given, empty if it can: what [run.Module] maps, nothing is left out.
// An empty variable counts as one that is not set.
func (e *Environment) Secrets(m run.Module, s Scope, g Grants) (run.SecretValues, map[string]string) {
	values, reasons := run.SecretValues{}, map[string]string{}
	for _, secret := range m.Secrets {
		value := e.values[secret.FromEnv]
		switch {
		case !g.Allows(s.Repo, s.Ref, secret.FromEnv):
			reasons[secret.Name] = secret.FromEnv + " is not granted"
		case value == "":
			reasons[secret.Name] = secret.FromEnv + " is not set in the agent's environment"
		default:
			values[secret.Name], reasons[secret.Name] = value, ""
		}
	}
	return values, reasons
}

// Sensitive are the values that must not appear in anything that is logged,
// stored or reported: all that were taken but the user's name and the settings,
// the store's password among these, and each of the webhook's secrets by itself.
// They are sorted, without doubles.
func (e *Environment) Sensitive() []string {
	var all []string
	for name, value := range e.values {
		switch _, setting := e.Setting(name); {
		case name == Variable(storeFlag), name == Variable(moveFlag):
			all = append(all, passwords(value)...)
		case setting, name == usernameVariable, name == appVariable, name == appKeyFileVariable:
		case name == appKeyVariable:
			all = append(all, keyTexts(value)...)
		case name == hookVariable:
			all = append(all, value)
			for entry := range strings.SplitSeq(value, ",") {
				all = append(all, strings.TrimSpace(entry))
				if _, secret, ok := strings.Cut(entry, "="); ok {
					all = append(all, strings.TrimSpace(secret))
				}
			}
		default:
			all = append(all, value)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return strings.Trim(s, "= ") == "" })
}

// String hides the values.
func (e *Environment) String() string { return fmt.Sprintf("%d variables (hidden)", len(e.values)) }

// Format is String, whatever the verb.
func (e *Environment) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(e.String())) }

// Credentials are what the agent itself needs.
type Credentials struct {
	// Username and Token are for the code host.
	Username string `json:"-"`
	Token    string `json:"-"`
	// AppID and AppKey (PEM) are a GitHub App's, which counts instead of them; 0: none.
	AppID  int64  `json:"-"`
	AppKey string `json:"-"`
	// Hook is X_HUB_SIGNATURE as it was given: the webhook's secrets, separated by
	// commas, each optionally for a glob of repositories (owner/*=secret).
	Hook string `json:"-"`
	// CloudToken is for the engine session; may be empty.
	CloudToken string `json:"-"`
}

// String hides the values.
func (c Credentials) String() string { return "credentials of " + c.Username + " (hidden)" }

// Format is String, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// Role is what an agent does.
type Role struct {
	// Receives: it takes deliveries in. Works: it works events off.
	Receives, Works bool
}

// Credentials gives what is set. The error, an [*event.Problem], names all that
// the role requires and that are missing, and says how to get each; a local run
// needs none of them and may ignore it.
func (e *Environment) Credentials(r Role) (Credentials, error) {
	c := Credentials{
		Username:   e.values[usernameVariable],
		Token:      e.values[tokenVariable],
		Hook:       e.values[hookVariable],
		CloudToken: e.values[cloudVariable],
	}
	var err error
	if c.AppID, c.AppKey, err = e.app(r.Works); err != nil {
		return c, err
	}
	app := c.AppID != 0
	var missing, how []string
	for _, v := range []struct {
		name, how string
		required  bool
	}{
		{usernameVariable, "the name of the GitHub account that the token belongs to", !app},
		{tokenVariable, "a token of that account, from https://github.com/settings/tokens; fine-grained: read contents, write commit statuses, and for commands in comments read pull requests (write: to answer them); classic: repo; " +
			"or be a GitHub App: set " + appVariable + " and " + appKeyFileVariable, r.Works && !app},
		{hookVariable, "the webhook's secret, which you make up (openssl rand -hex 32) and also enter in the webhook's settings on GitHub; several are separated by commas", r.Receives},
	} {
		if v.required && strings.TrimSpace(e.values[v.name]) == "" {
			missing = append(missing, v.name)
			how = append(how, v.name+": "+v.how)
		}
	}
	if len(missing) == 0 {
		return c, nil
	}
	return c, &event.Problem{
		Public: "not set in the environment: " + strings.Join(missing, ", "),
		Hint:   strings.Join(how, "\n"),
	}
}
