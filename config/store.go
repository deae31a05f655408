package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/franela/pocketci/event"
)

// Settings that may hold a password.
const (
	storeFlag = "store"
	moveFlag  = "to"
)

// passwordVariable is PostgreSQL's own: the password of an address that has none.
const passwordVariable = "PGPASSWORD"

// BindMove registers what moving the store needs: the data folder that holds it,
// and where it goes.
func (a *Agent) BindMove(fs *pflag.FlagSet, m Machine) {
	a.bindMachine(fs, m)
	bind(fs, &a.Store, moveFlag, "", "url", "the PostgreSQL database that everything is moved to (default: what "+Variable(storeFlag)+" says)", parseShared)
}

// Shared tells whether several agents can use the store at once.
func (a *Agent) Shared() bool { return isPostgres(a.Store) }

func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// parseStore wants an address of PostgreSQL's or a file's path. What was given is
// never repeated: it may hold a password.
func parseStore(s string) (string, error) {
	switch {
	case isPostgres(s):
		return parseShared(s)
	case s == "" || strings.Contains(s, "://") && !strings.HasPrefix(s, "sqlite://") || hasControl(s):
		return "", errors.New("it is neither postgres://user@host/database nor the path of a SQLite file")
	}
	return s, nil
}

// parseShared wants an address of PostgreSQL's.
func parseShared(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || !isPostgres(s) || hasControl(s) || u.Host == "" && u.Query().Get("host") == "" {
		return "", errors.New("it is not postgres://user@host/database; in a password, special characters are written as %XX")
	}
	return s, nil
}

// RefusePasswords refuses those that were given on the command line, where every
// account of the machine can read them. Its error is an [*event.Problem].
func RefusePasswords(fs *pflag.FlagSet) error {
	for _, name := range []string{storeFlag, moveFlag} {
		if f := fs.Lookup(name); f != nil && f.Changed && len(passwords(f.Value.String())) > 0 {
			return &event.Problem{
				Public: "--" + name + ": a password on the command line can be read by everybody on this machine",
				Hint:   fmt.Sprintf("give the address in %s, or the password in %s", Variable(name), passwordVariable),
			}
		}
	}
	return nil
}

// passwords are those in an address of PostgreSQL's.
func passwords(address string) []string {
	u, err := url.Parse(address)
	if err != nil || !isPostgres(address) {
		return nil
	}
	var all []string
	if p, ok := u.User.Password(); ok && p != "" {
		all = append(all, p)
	}
	for _, name := range []string{"password", "sslpassword"} {
		if p := u.Query().Get(name); p != "" {
			all = append(all, p)
		}
	}
	return all
}

// Store is the store's address with the password that PGPASSWORD held, if it has
// none itself.
func (e *Environment) Store(address string) string {
	u, err := url.Parse(address)
	password := e.values[passwordVariable]
	if err != nil || !isPostgres(address) || password == "" || len(passwords(address)) > 0 {
		return address
	}
	q := u.Query()
	q.Set("password", password)
	u.RawQuery = q.Encode()
	return u.String()
}
