package web

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/franela/pocketci/run"
)

const (
	defaultLimit = 50
	maxLimit     = 200

	queryHint = "there are limit (1 to 200), before (a run's number), repository (owner/name), event (push, pull_request, …) " +
		"and state (recorded, queued, waiting, running or done)"
)

// Shapes of what is asked for.
var (
	repositoryShape = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$`)
	eventShape      = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)
)

// parseQuery reads the parameters of a list. It is strict: a parameter that is
// misspelt and ignored would show all events as if they were those asked for.
// Errors are for people.
func parseQuery(raw string) (Query, error) {
	q := Query{Limit: defaultLimit}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, errors.New("the query can't be read")
	}
	for name, given := range values {
		if len(given) != 1 {
			return q, fmt.Errorf("%s is given %d times", printable(name), len(given))
		}
		if err := q.set(name, given[0]); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (q *Query) set(name, value string) error {
	switch name {
	case "limit":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxLimit {
			return fmt.Errorf("limit is not a number from 1 to %d", maxLimit)
		}
		q.Limit = n
	case "before":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 1 {
			return errors.New("before is not the number of a run")
		}
		q.Before = n
	case "repository":
		if !repositoryShape.MatchString(value) {
			return errors.New("repository is not owner/name")
		}
		q.Repository = value
	case "event":
		if !eventShape.MatchString(value) {
			return errors.New("event is not the name of an event")
		}
		q.Event = value
	case "state":
		if !slices.Contains([]run.State{run.Recorded, run.Queued, run.Waiting, run.Running, run.Done}, run.State(value)) {
			return errors.New("state is not one that a run can be in")
		}
		q.State = value
	default:
		return fmt.Errorf("there is no parameter %s", printable(name))
	}
	return nil
}

// printable is text that may be logged or given back: short, and without
// characters that do something to a terminal.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > 100 {
		text = string(runes[:100]) + "…"
	}
	return text
}
