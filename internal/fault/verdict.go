package fault

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// Report is what came of a trial.
type Report struct {
	// Sent are requests, Refused those without a 2xx, Repeated those that were
	// answered as known.
	Sent, Refused, Repeated int
	// Happened are what happened at the code host, Accepted the events in the
	// store, Runs those that have finished.
	Happened, Accepted, Runs int
	// Calls were begun, Again of them once more after a crash or a loss, before
	// there was a result on disk. Twice of them after: that must not be.
	Calls, Again, Twice int
	// Statuses arrived, Same of them said what the one before did.
	Statuses, Same int
	// Lost are happenings without an event, GivenUp runs whose engine was taken
	// away three times, Buried dead letters.
	Lost, GivenUp, Buried int
	// Killed, Stopped and Ended are what was done to it, Starved and Outages how
	// often its engine and its store were taken away.
	Killed, Stopped, Ended, Starved, Outages int
	Took                                     time.Duration
	// Problems are what does not hold.
	Problems []string

	reached map[string]int
}

// Reached is how often the agent died at a point.
func (r *Report) Reached(point string) int { return r.reached[point] }

// String is the table.
func (r *Report) String() string {
	var b strings.Builder
	points := 0
	for _, n := range r.reached {
		points += n
	}
	fmt.Fprintf(&b, "killed %d times at random and %d times at %d named points, stopped and continued %d times, ended %d times; engine taken away %d times, store %d times; %s\n",
		r.Killed, points, len(r.reached), r.Stopped, r.Ended, r.Starved, r.Outages, r.Took.Round(time.Second))
	row := func(name string, n int, note string) { fmt.Fprintf(&b, "  %-12s %7d   %s\n", name, n, note) }
	row("sent", r.Sent, fmt.Sprintf("deliveries; %d got no 2xx and were made again, %d were known", r.Refused, r.Repeated))
	row("accepted", r.Accepted, fmt.Sprintf("events in the store, of %d that happened", r.Happened))
	row("runs", r.Runs, fmt.Sprintf("finished, one per event; %d by losing their engine three times, %d as dead letters", r.GivenUp, r.Buried))
	row("calls", r.Calls, fmt.Sprintf("%d of them again, because there was no result", r.Again))
	row("statuses", r.Statuses, fmt.Sprintf("%d of them said the same as the one before", r.Same))
	row("duplicates", r.Twice, "calls of functions that had their result")
	row("lost", r.Lost, "events")
	for _, p := range r.Problems {
		b.WriteString("PROBLEM: " + p + "\n")
	}
	return b.String()
}

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) < 40 {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// item is an event as the API lists it, call one of its calls.
type item struct {
	ID      string
	Run     int64
	State   string
	Outcome string
	Attempt int
	Problem *struct{ Error string }
	Calls   []call
}

type call struct{ Function, Outcome, Error string }

const (
	lostText   = "lost: the engine went away three times"
	buriedText = "dead letter: "
)

func (i item) ended(text string) bool {
	return i.Problem != nil && strings.HasPrefix(i.Problem.Error, text)
}

// receipt is the event's id in an answer to a delivery.
func receipt(body []byte) string {
	var answer struct{ ID string }
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	return answer.ID
}

// judge looks at everything that is left behind.
func (t *trial) judge(ctx context.Context) error {
	items, err := t.items(ctx)
	if err != nil {
		return err
	}
	r := &t.report
	r.Happened, r.Accepted = len(t.all), len(items)
	of := t.events(items)
	for _, guid := range slices.Sorted(maps.Keys(t.taken)) {
		if id := t.taken[guid]; !slices.ContainsFunc(items, func(i item) bool { return i.ID == id }) {
			r.problem("delivery %s was answered with 2xx and %s, which is not in the store", guid, id)
		}
	}
	for i, e := range items {
		if of[e.ID] == nil {
			r.problem("event %s is in the store and never happened", e.ID)
			continue
		}
		if err := t.agent.see(ctx, "/api/events/"+e.ID, &items[i]); err != nil {
			return err
		}
		t.judgeRun(items[i], of[e.ID])
	}
	t.judgeStatuses(items, of)
	return t.judgeTrace()
}

// items lists the store's events, oldest first.
func (t *trial) items(ctx context.Context) ([]item, error) {
	var all []item
	for before := int64(0); ; {
		var page struct{ Events []item }
		path := "/api/events?limit=200"
		if before > 0 {
			path += fmt.Sprint("&before=", before)
		}
		if err := t.agent.see(ctx, path, &page); err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			slices.Reverse(all)
			return all, nil
		}
		all = append(all, page.Events...)
		before = page.Events[len(page.Events)-1].Run
	}
}

// events finds what each event tells of; each happening must have exactly one.
func (t *trial) events(items []item) map[string]*happening {
	ids, of := map[string]*happening{}, map[string]*happening{}
	for _, h := range t.all {
		for _, guid := range h.guids {
			ids["github:"+guid] = h
		}
	}
	had := map[*happening]string{}
	for _, e := range items {
		h := ids[e.ID]
		if h == nil {
			continue
		}
		if first := had[h]; first != "" {
			t.report.problem("%s and %s are the same", first, e.ID)
		}
		had[h], of[e.ID] = e.ID, h
	}
	for _, h := range t.all {
		if had[h] == "" {
			t.report.Lost++
			t.report.problem("%s of %s at %s, delivered as %v, is not in the store", h.kind, h.repo, h.sha, h.guids)
		}
	}
	return of
}

// judgeRun holds a run against what its event must lead to.
func (t *trial) judgeRun(e item, h *happening) {
	r := &t.report
	if e.State != "done" {
		r.problem("%s (%s) is %s", e.ID, h.kind, e.State)
		return
	}
	r.Runs++
	lost := e.ended(lostText)
	switch {
	case e.ended(buriedText):
		r.Buried++
		r.problem("%s (%s) became a dead letter", e.ID, h.kind)
	case lost:
		r.GivenUp++
		if !t.Faults {
			r.problem("%s (%s) lost an engine that was there", e.ID, h.kind)
		}
	case e.Outcome != h.outcome:
		r.problem("%s (%s) ended with %q, want %q: %+v %+v", e.ID, h.kind, e.Outcome, h.outcome, e.Problem, e.Calls)
	}
	got := map[string]string{}
	for _, c := range e.Calls {
		if lost && c.Error == lostText {
			c.Outcome = h.calls[c.Function]
		}
		got[c.Function] = c.Outcome
	}
	if !maps.Equal(got, h.calls) && !(lost && len(got) < len(h.calls)) {
		r.problem("%s (%s): calls ended with %v, want %v", e.ID, h.kind, got, h.calls)
	}
}

// place is where a status stands.
type place struct{ repo, sha, context string }

// judgeStatuses holds what the code host shows against what the newest event of
// each context must have left there.
func (t *trial) judgeStatuses(items []item, of map[string]*happening) {
	want := map[place]shown{}
	for _, e := range items { // in the order in which they were accepted
		h := of[e.ID]
		if h == nil {
			continue
		}
		for context, s := range h.contexts {
			s = t.lost(e, h, context, s)
			at := place{h.repo, h.sha, context}
			if had, ok := want[at]; !ok || had.skip || !s.skip {
				want[at] = s
			}
		}
	}
	r := &t.report
	for _, s := range t.gh.Latest(githubtest.Query{}) {
		at := place{s.Repo, s.SHA, s.Context}
		w, ok := want[at]
		delete(want, at)
		switch {
		case !ok:
			r.problem("%+v shows %s %q; nothing was to be shown", at, s.State, s.Description)
		case w.text == "":
		case s.State != w.state || !strings.Contains(s.Description, w.text):
			r.problem("%+v shows %s %q, want %s %q", at, s.State, s.Description, w.state, w.text)
		}
	}
	for at, w := range want {
		if w.text != "" {
			r.problem("%+v shows nothing, want %s %q", at, w.state, w.text)
		}
	}
	last := map[place]string{}
	for _, s := range t.gh.Statuses(githubtest.Query{}) {
		at, said := place{s.Repo, s.SHA, s.Context}, s.State+" "+s.Description
		r.Statuses++
		if last[at] == said {
			r.Same++
		}
		last[at] = said
	}
}

// lost is what a context shows if the run's engine was taken away three times:
// that, if it is the summary or a function without a result; a function may not
// even be decided about, and then has no context.
func (t *trial) lost(e item, h *happening, context string, s shown) shown {
	if !e.ended(lostText) {
		return s
	}
	if strings.HasPrefix(context, "pocketci (") {
		return shown{state: "error", text: lostText}
	}
	for _, c := range e.Calls {
		if "pocketci/"+kebab(c.Function) == context && c.Error == lostText {
			return shown{state: "error", text: lostText}
		}
	}
	if len(e.Calls) < len(h.calls) {
		return shown{skip: s.skip} // as far as it came
	}
	return s
}

// kebab is a function's name in its context.
func kebab(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('-')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// judgeTrace looks for functions that were called after their result was on disk.
func (t *trial) judgeTrace() error {
	f, err := os.Open(t.tracePath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	type function struct{ event, name string }
	calls, results := map[function]int{}, map[function]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("read the trace: %w", err)
		}
		at := function{l.Event, l.Function}
		if l.Op == OpResult {
			results[at] = true
			continue
		}
		t.report.Calls++
		if calls[at]++; calls[at] > 1 {
			t.report.Again++
		}
		if results[at] {
			t.report.Twice++
			t.report.problem("%s of %s was called at attempt %d though it had its result", l.Function, l.Event, l.Attempt)
		}
	}
	return lines.Err()
}
