package github

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/franela/pocketci/event"
)

// Secret is one that webhooks are signed with. It prints as what it is for,
// never as what it is.
type Secret struct {
	// glob is of the repositories (owner/name, lower case) that it is good for;
	// empty: all.
	glob  string
	value []byte
}

// Glob is what the secret is good for; empty: every repository.
func (s Secret) Glob() string { return s.glob }

// String says what the secret is for.
func (s Secret) String() string {
	if s.glob == "" {
		return "a webhook secret"
	}
	return "a webhook secret for " + s.glob
}

// Format writes String whatever the verb, so that no log line holds the value.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// covers tells whether the secret is good for a repository.
func (s Secret) covers(r event.Repo) bool {
	if s.glob == "" {
		return true
	}
	ok, err := doublestar.Match(s.glob, strings.ToLower(r.FullName()))
	return ok && err == nil
}

// globShape is what a glob of owner/name is made of; a secret in base64 that
// holds a slash mostly isn't.
var globShape = regexp.MustCompile(`^[A-Za-z0-9._*?!{}\[\]-]+/[A-Za-z0-9._*?!{}\[\]-]+$`)

// ParseSecrets reads X_HUB_SIGNATURE: secrets divided by commas, each good for
// every repository, or only for those of a glob that stands before it:
//
//	s3cret
//	old,new
//	octo/*=first,acme/*=second
//
// What stands before the first "=" is a glob if and only if it holds a "/";
// names are compared without case. White space around an entry is cut off. An
// empty secret is an error, an *event.Problem that never holds a secret.
func ParseSecrets(list string) ([]Secret, error) {
	if strings.TrimSpace(list) == "" {
		return nil, secretProblem("X_HUB_SIGNATURE is empty",
			"put the webhook's secret there, the one of GitHub's webhook form; several are divided by commas; `openssl rand -hex 32` makes one")
	}
	var secrets []Secret
	for i, entry := range strings.Split(list, ",") {
		s, err := parseSecret(strings.TrimSpace(entry))
		if err != nil {
			err.Public = fmt.Sprintf("X_HUB_SIGNATURE, entry %d: %s", i+1, err.Public)
			return nil, err
		}
		secrets = append(secrets, s)
	}
	return secrets, nil
}

func parseSecret(entry string) (Secret, *event.Problem) {
	glob, value, found := strings.Cut(entry, "=")
	if !found || !strings.Contains(glob, "/") {
		glob, value = "", entry
	}
	switch {
	case entry == "":
		return Secret{}, secretProblem("it is empty", "take the comma away, or write the secret that belongs there")
	case glob != "" && (!globShape.MatchString(glob) || !doublestar.ValidatePattern(glob)):
		return Secret{}, secretProblem("what stands before the first = is no glob of owner/name",
			"a secret that holds a / before a = is written as */*=SECRET")
	case value == "":
		return Secret{}, secretProblem("the secret after "+glob+"= is empty", "write the secret of the webhooks of these repositories there")
	case strings.Trim(value, "=") == "":
		return Secret{}, secretProblem("what stands before the first = reads as a glob, and nothing but = follows",
			"a secret that holds a / before a = is written as */*=SECRET")
	}
	return Secret{glob: strings.ToLower(glob), value: []byte(value)}, nil
}

func secretProblem(public, hint string) *event.Problem {
	return &event.Problem{Public: public, Hint: hint, Err: errors.New("no usable webhook secret")}
}
