package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Strangers are the functions that get their secrets even if an event's sender
// has no write permission. The zero value lists none.
type Strangers struct{ rules []strangerRule }

// strangerRule lists functions, for one repository's glob or (empty) for all.
type strangerRule struct{ repo, function string }

// ParseStrangers reads `[owner/name=]function`. Both may be globs. The function
// is its name, compared without case and dashes: OnGithubIssueComment,
// onGithubIssueComment and on-github-issue-comment are one.
func ParseStrangers(specs []string) (Strangers, error) {
	var s Strangers
	for _, spec := range specs {
		var r strangerRule
		repo, function, scoped := strings.Cut(spec, "=")
		if !scoped {
			function = spec
		} else if folded, err := repoGlob(repo); err != nil {
			return Strangers{}, err
		} else {
			r.repo = folded
		}
		r.function = foldName(function)
		if err := checkGlob(r.function); err != nil || strings.Contains(r.function, "/") || strings.HasPrefix(function, "!") {
			return Strangers{}, fmt.Errorf("%s is not [owner/name=]function", shown(spec))
		}
		s.rules = append(s.rules, r)
	}
	return s, nil
}

// Allows tells whether a function of a repository (owner/name) is listed.
func (s Strangers) Allows(repo, function string) bool {
	repo, function = strings.ToLower(repo), foldName(function)
	return slices.ContainsFunc(s.rules, func(r strangerRule) bool {
		return (r.repo == "" || doublestar.MatchUnvalidated(r.repo, repo)) && doublestar.MatchUnvalidated(r.function, function)
	})
}

// foldName folds a function's name. A dash in a bracket is a range and stays.
func foldName(s string) string {
	var b strings.Builder
	class := false
	for _, c := range strings.TrimSpace(s) {
		switch {
		case c == '[':
			class = true
		case c == ']':
			class = false
		case !class && (c == '-' || c == '_'):
			continue
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

// Bots are the bot accounts whose events are trusted. The zero value lists none.
type Bots struct{ logins map[string]bool }

// ParseBots reads logins as the code host spells them: dependabot[bot].
func ParseBots(logins []string) (Bots, error) {
	b := Bots{logins: map[string]bool{}}
	for _, l := range logins {
		l = strings.ToLower(strings.TrimSpace(l))
		bare := strings.TrimSuffix(l, "[bot]")
		if bare == "" || strings.ContainsFunc(bare, func(c rune) bool {
			return !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_')
		}) {
			return Bots{}, fmt.Errorf("%s is not a login such as dependabot[bot]", shown(l))
		}
		b.logins[l] = true
	}
	return b, nil
}

// Trusts tells whether a login is listed, without case.
func (b Bots) Trusts(login string) bool { return b.logins[strings.ToLower(login)] }

// String is the logins as a list.
func (b Bots) String() string { return strings.Join(slices.Sorted(maps.Keys(b.logins)), ",") }

// Accepted is the operator's word that known repository names now belong to
// other ids. The zero value accepts none.
type Accepted struct{ ids map[string]int64 }

// ParseAccepted reads `owner/name=id`.
func ParseAccepted(specs []string) (Accepted, error) {
	a := Accepted{ids: map[string]int64{}}
	for _, spec := range specs {
		repo, number, ok := strings.Cut(spec, "=")
		name, err := fullName(repo)
		id, notNumber := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		switch {
		case !ok || notNumber != nil || id <= 0:
			return Accepted{}, fmt.Errorf("%s is not owner/name=id with the repository's numeric id", shown(spec))
		case err != nil:
			return Accepted{}, err
		case a.ids[name] != 0 && a.ids[name] != id:
			return Accepted{}, fmt.Errorf("%s is accepted with two ids, %d and %d", name, a.ids[name], id)
		}
		a.ids[name] = id
	}
	return a, nil
}

// ID gives the id that a name (owner/name) was said to belong to.
func (a Accepted) ID(repo string) (int64, bool) {
	id, ok := a.ids[strings.ToLower(repo)]
	return id, ok
}

// All are the names in lower case and their ids; a copy.
func (a Accepted) All() map[string]int64 { return maps.Clone(a.ids) }
