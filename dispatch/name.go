package dispatch

import (
	"strings"

	"github.com/franela/pocketci/event"
)

// A function's name is `[Prefix]On<Vendor>[<Event>[<Filter>]]`, as the engine
// reports it: the first letter lower, and of capitals in a row only the first
// one kept (`OnGithubPRReview` arrives as `onGithubPrreview`).

// level says how much of an event a name holds; more is more specific.
type level int

const (
	levelNone level = iota
	levelVendor
	levelEvent
	levelFilter
)

// reading is what a name says, read for one event.
type reading struct {
	// trigger tells that the name has an `On` at all.
	trigger bool
	// vendor tells that this vendor follows it.
	vendor bool
	prefix string
	// rest is what follows the vendor, tail what follows the event in it.
	rest, tail string
	// namesEvent tells that rest begins with this event, whatever follows.
	namesEvent bool
	// level is levelNone if the name does not handle the event.
	level level
}

// readName reads a name for one event: from the leftmost `On` that starts a
// word, this vendor, then this event or nothing, then this filter or nothing.
// No other `On` is tried.
func readName(name string, e event.Event) reading {
	vendor := fold(e.Vendor)
	at := onWord(name, vendor)
	if at < 0 {
		return reading{}
	}
	r := reading{trigger: true, prefix: name[:at]}
	r.rest, r.vendor = cutFold(name[at+len("On"):], vendor)
	if !r.vendor {
		return r
	}
	if r.rest == "" {
		r.level = levelVendor
		return r
	}
	raised, canBeNamed := raise(e.Filter)
	for _, form := range eventForms(e.Name) {
		tail, ok := cutFold(r.rest, form)
		if !ok {
			continue
		}
		r.namesEvent, r.tail = true, tail
		switch {
		case tail == "":
			r.level = levelEvent
			return r
		case canBeNamed && (tail == raised || form == "pr" && tail == lowerFirst(raised)):
			// `OnGithubPROpened` arrives as `onGithubPropened`: the capital
			// after PR is lost on the way.
			r.level = levelFilter
			return r
		}
	}
	return r
}

// onWord finds the leftmost `On` that starts a word: at the beginning of the
// name or at a capital, and a word of its own (in `onboardOnGithub` the second
// one is) unless the vendor follows in small letters (`OnGITHUBPush` keeps its
// capital, `ONGithubPush` arrives as `ongithubPush`). It returns -1 if there is none.
func onWord(name, vendor string) int {
	for i := 0; i+2 <= len(name); i++ {
		if name[i+1] != 'n' || name[i] != 'O' && (i > 0 || name[i] != 'o') {
			continue
		}
		rest := name[i+2:]
		if rest == "" || !isLower(rest[0]) {
			return i
		}
		if _, ok := cutFold(rest, vendor); ok {
			return i
		}
	}
	return -1
}

// lostOn tells that a name would be a trigger if its `On` still had the capital
// that a prefix in capitals costs: `CIOnGithubPush` arrives as `cionGithubPush`.
func lostOn(name, vendor string) bool {
	for i := 1; i+2 <= len(name); i++ {
		if name[i:i+2] != "on" {
			continue
		}
		if _, ok := cutFold(name[i+2:], vendor); ok {
			return true
		}
	}
	return false
}

// isDispatch tells whether it is the function of last resort.
func isDispatch(name string) bool { return name == "dispatch" || name == "Dispatch" }

// eventForms are the spellings of an event in a name, folded: its own, and with
// PR for PullRequest.
func eventForms(name string) []string {
	forms := []string{fold(name)}
	if rest, ok := strings.CutPrefix(forms[0], "pullrequest"); ok {
		forms = append(forms, "pr"+rest)
	}
	return forms
}

// raise spells a filter as it stands in a name: split at single separators, each
// word's first letter raised. ok is false for a filter that can't be named: one
// with a word that is not small letters with digits behind them.
func raise(filter string) (raised string, ok bool) {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(filter, isSeparator) {
		if !isWord(word) {
			return "", false
		}
		b.WriteByte(word[0] - 'a' + 'A')
		b.WriteString(word[1:])
	}
	if b.Len() == 0 || doubled(filter) {
		return "", false
	}
	return b.String(), true
}

// doubled tells whether a filter has an empty word: at an end, or between two separators.
func doubled(filter string) bool {
	between := true
	for _, c := range filter {
		if isSeparator(c) && between {
			return true
		}
		between = isSeparator(c)
	}
	return between
}

// isWord tells whether it is [a-z]+[0-9]*.
func isWord(s string) bool {
	letters := strings.TrimRight(s, "0123456789")
	for i := range len(letters) {
		if !isLower(letters[i]) {
			return false
		}
	}
	return letters != ""
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// isSeparator tells what stands between the words of a filter.
func isSeparator(c rune) bool { return c == '-' || c == '_' || c == '/' || c == '.' }

// fold takes case and separators out of a vendor or an event.
func fold(s string) string {
	return strings.ToLower(strings.Map(func(c rune) rune {
		if isSeparator(c) || c == ' ' {
			return -1
		}
		return c
	}, s))
}

// cutFold cuts a folded prefix off, whatever the case of s.
func cutFold(s, prefix string) (rest string, ok bool) {
	if prefix == "" || len(s) < len(prefix) || strings.ToLower(s[:len(prefix)]) != prefix {
		return s, false
	}
	return s[len(prefix):], true
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
