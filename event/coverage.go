package event

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Coverage says which of the events that the code host emitted reached us, as far
// as its own record of the webhooks' deliveries tells.
type Coverage struct {
	// Span is the time that is spoken of.
	Span
	// Events were emitted through the hooks that can be read; each is one of
	// Delivered, Recovered, Refused and Gaps.
	Events    int `json:"events"`
	Delivered int `json:"delivered"`
	Recovered int `json:"recovered"`
	// Refused were delivered and not taken: unsigned, not JSON, too large.
	Refused int `json:"refused"`
	// Gaps did not reach us and were not recovered (yet); Pending of them are still
	// to be fetched.
	Gaps    int `json:"gaps"`
	Pending int `json:"pending"`
	// Found moves of refs had no delivery at all; they are not in Events.
	Found int `json:"found"`
	// Hooks and Repositories are what is looked at, each with its own numbers.
	Hooks        []HookCoverage `json:"hooks"`
	Repositories []RepoCoverage `json:"repositories"`
}

// HookCoverage is [Coverage] of one webhook. An event that several hooks
// delivered counts for each.
type HookCoverage struct {
	Vendor string `json:"vendor"`
	Hook
	// Of is whose hook it is: owner/name, an organisation, or empty for an App's.
	Of        string `json:"of,omitempty"`
	Events    int    `json:"events"`
	Delivered int    `json:"delivered"`
	Recovered int    `json:"recovered"`
	Refused   int    `json:"refused"`
	Gaps      int    `json:"gaps"`
	// ReadAt is when its deliveries were read last; zero: never.
	ReadAt time.Time `json:"read_at,omitzero"`
	// Unread is a time whose deliveries nobody can know any more.
	Unread Span `json:"unread,omitzero"`
	// Problem says why it can't be read, Hint what to do about it.
	Problem string `json:"error,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// RepoCoverage tells of a repository whose refs are looked at.
type RepoCoverage struct {
	Vendor string `json:"vendor"`
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	// ReadAt is when its refs were read last; zero: never.
	ReadAt  time.Time `json:"read_at,omitzero"`
	Problem string    `json:"error,omitempty"`
	Hint    string    `json:"hint,omitempty"`
}

// String is the coverage in one line: "72 h: 1,204 events, 1,201 delivered, 3
// recovered, 0 gaps", and behind it what else there is to say.
func (c Coverage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d h: %s, %s delivered, %s recovered, %s", int(c.To.Sub(c.From).Round(time.Hour)/time.Hour),
		count(c.Events, "event"), thousands(c.Delivered), thousands(c.Recovered), count(c.Gaps, "gap"))
	if c.Pending > 0 {
		fmt.Fprintf(&b, " (%s to be fetched)", thousands(c.Pending))
	}
	if c.Refused > 0 {
		fmt.Fprintf(&b, ", %s refused", thousands(c.Refused))
	}
	if c.Found > 0 {
		fmt.Fprintf(&b, "; %s found without a delivery", count(c.Found, "move"))
	}
	for _, h := range c.Hooks {
		switch {
		case h.Problem == "":
		case strings.Contains(h.Problem, h.Name()):
			b.WriteString("; " + h.Problem)
		default:
			fmt.Fprintf(&b, "; %s: %s", h.Name(), h.Problem)
		}
		if !h.Unread.To.IsZero() && h.Unread.To.After(c.From) {
			fmt.Fprintf(&b, "; %s: nobody knows what was delivered from %s to %s", h.Name(),
				h.Unread.From.UTC().Format(time.RFC3339), h.Unread.To.UTC().Format(time.RFC3339))
		}
	}
	for _, r := range c.Repositories {
		if r.Problem != "" {
			fmt.Fprintf(&b, "; refs of %s: %s", r.Name, r.Problem)
		}
	}
	return b.String()
}

// Name says which hook it is: "webhook 12 of octo/hello".
func (h HookCoverage) Name() string {
	name := "webhook " + strconv.FormatInt(h.ID, 10)
	if h.Of == "" {
		return name + " of the App"
	}
	return name + " of " + h.Of
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(n) + " " + what
}

// thousands writes a number with commas: 1,204.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
