package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Get gives the value at a path of the payload: keys are joined by dots, entries
// of lists are numbered from 0 ("commits[0].author.name", also
// "commits.0.author.name"), a key with a dot in it is quoted (`["a.b"]`), and the
// empty path is the whole payload.
//
// A text is given as it is, null as the empty text, everything else as JSON,
// numbers digit by digit. A path that leads nowhere is an error that names it and
// the event.
func (e *Event) Get(path string) (string, error) {
	steps, err := split(path)
	if err != nil {
		return "", fmt.Errorf("get %q: %w", path, err)
	}
	value := e.payload
	for i, step := range steps {
		next, err := step.into(value)
		if err != nil {
			return "", fmt.Errorf("get %q: the payload of %s has no %s: %w", path, e.name(), join(steps[:i+1]), err)
		}
		value = next
	}
	var text string
	if err := json.Unmarshal(value, &text); err == nil {
		return text, nil // null leaves it empty
	}
	return string(value), nil
}

// step is a key, or the number of an entry.
type step struct {
	key    string
	quoted bool
}

// into follows the step. The error says what is there instead.
func (s step) into(value json.RawMessage) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) == nil && object != nil {
		if found, ok := object[s.key]; ok {
			return found, nil
		}
		return nil, errors.New("there is no such key")
	}
	var entries []json.RawMessage
	if json.Unmarshal(value, &entries) == nil && entries != nil {
		i, err := strconv.ParseUint(s.key, 10, 31)
		if err != nil || s.quoted {
			return nil, fmt.Errorf("it stands in a list of %d", len(entries))
		}
		if int(i) >= len(entries) {
			return nil, fmt.Errorf("the list has %d", len(entries))
		}
		return entries[i], nil
	}
	return nil, errors.New("what it stands in is neither an object nor a list")
}

// split takes a path apart.
func split(path string) ([]step, error) {
	var steps []step
	for rest := path; rest != ""; {
		one, after, err := first(rest)
		if err != nil {
			return nil, err
		}
		steps = append(steps, one)
		if after == "" || after[0] == '[' {
			rest = after
			continue
		}
		if after[0] != '.' || len(after) == 1 {
			return nil, fmt.Errorf("%q isn't followed by a key", path[:len(path)-len(after)+1])
		}
		rest = after[1:]
	}
	return steps, nil
}

// first takes the first step off a path.
func first(path string) (one step, rest string, err error) {
	if path[0] != '[' {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		if end == 0 {
			return step{}, "", errors.New("a key is empty")
		}
		return step{key: path[:end]}, path[end:], nil
	}
	if inside := path[1:]; strings.HasPrefix(inside, `"`) {
		quoted, err := strconv.QuotedPrefix(inside)
		if err != nil || !strings.HasPrefix(inside[len(quoted):], "]") {
			return step{}, "", errors.New(`a quoted key ends with "]`)
		}
		key, err := strconv.Unquote(quoted)
		return step{key: key, quoted: true}, inside[len(quoted)+1:], err
	}
	number, rest, closed := strings.Cut(path[1:], "]")
	if _, err := strconv.ParseUint(number, 10, 31); err != nil || !closed {
		return step{}, "", errors.New("a number in brackets is needed, as in [0]")
	}
	return step{key: number}, rest, nil
}

// join is how errors show a path.
func join(steps []step) string {
	var out strings.Builder
	for i, s := range steps {
		switch {
		case s.quoted:
			fmt.Fprintf(&out, "[%q]", s.key)
		case i > 0:
			out.WriteString("." + s.key)
		default:
			out.WriteString(s.key)
		}
	}
	return out.String()
}
