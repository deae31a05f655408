package web

import (
	"encoding/json"
	"io"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Item is an event and what became of it, in a list.
type Item struct {
	ID string `json:"id"`
	// Run numbers runs in the order in which their events were accepted.
	Run      int64  `json:"run"`
	State    string `json:"state"`
	WaitsFor string `json:"waits_for,omitempty"`
	Outcome  string `json:"outcome,omitempty"`
	// Note is one sentence about how it ended, or why nothing is done.
	Note string `json:"note,omitempty"`

	Vendor    string `json:"vendor"`
	Event     string `json:"event"`
	EventType string `json:"event_type"`
	Action    string `json:"action"`
	Filter    string `json:"filter"`

	Repository  Repository `json:"repository"`
	Ref         string     `json:"ref"`
	SHA         string     `json:"sha"`
	BaseRef     string     `json:"base_ref,omitempty"`
	BaseSHA     string     `json:"base_sha,omitempty"`
	PullRequest int        `json:"pull_request,omitempty"`
	// ChangedFiles is absent for an event without a diff, and before checkout.
	ChangedFiles *int `json:"changed_files,omitempty"`

	// Trust is absent until it is settled.
	Trust      string `json:"trust,omitempty"`
	Provenance string `json:"provenance"`
	Sender     Sender `json:"sender"`

	Attempt    int       `json:"attempt"`
	ReceivedAt time.Time `json:"received_at"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	EndedAt    time.Time `json:"ended_at,omitzero"`

	Problem *Problem `json:"problem,omitempty"`
}

// Event is all that is known of an event.
type Event struct {
	Item
	// Approval, Command and Rerun are absent where there is none.
	Approval  *Approval  `json:"approval,omitempty"`
	Command   *Command   `json:"command,omitempty"`
	Rerun     *Rerun     `json:"rerun,omitempty"`
	Decisions []Decision `json:"decisions"`
	Calls     []Call     `json:"calls"`
	Reports   []Report   `json:"reports"`
}

// Repository is where the event comes from.
type Repository struct {
	ID            int64  `json:"id"`
	Owner         string `json:"owner"`
	Name          string `json:"name"`
	FullName      string `json:"full_name"`
	DefaultBranch string `json:"default_branch"`
	HTMLURL       string `json:"html_url,omitempty"`
}

// Sender is whose doing it is.
type Sender struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Bot   bool   `json:"bot"`
}

// Problem is what went wrong outside a function.
type Problem struct {
	Module string `json:"module,omitempty"`
	Error  string `json:"error"`
	Hint   string `json:"hint,omitempty"`
}

// Decision is why a function was called or not.
type Decision struct {
	Module   string `json:"module,omitempty"`
	Function string `json:"function"`
	// Verdict is called, skipped, not chosen, not handled or error.
	Verdict    string       `json:"verdict"`
	Rule       string       `json:"rule"`
	Reason     string       `json:"reason"`
	Hint       string       `json:"hint,omitempty"`
	ReplacedBy string       `json:"replaced_by,omitempty"`
	Compared   []Comparison `json:"compared,omitempty"`
	Source     *Source      `json:"source,omitempty"`
}

// Comparison is one value of the event held against what the function wants.
type Comparison struct {
	What     string `json:"what"`
	Value    string `json:"value"`
	Wanted   string `json:"wanted"`
	Accepted bool   `json:"accepted"`
}

// Source is a place in the module.
type Source struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column,omitempty"`
}

// Call is one call. It is under way as long as it has no outcome.
type Call struct {
	Module      string `json:"module,omitempty"`
	Function    string `json:"function"`
	Constructor []Arg  `json:"constructor,omitempty"`
	Args        []Arg  `json:"args,omitempty"`
	// Outcome is success, failure, timed out, error or cancelled.
	Outcome string `json:"outcome,omitempty"`
	Error   string `json:"error,omitempty"`
	Value   string `json:"value,omitempty"`
	Output  string `json:"output,omitempty"`
	// OutputCut is how many bytes are missing in the middle of Output.
	OutputCut int64     `json:"output_cut,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	// DurationMS is in milliseconds; absent while the call is under way.
	DurationMS *int64 `json:"duration_ms,omitempty"`
	Cached     bool   `json:"cached"`
	Attempt    int    `json:"attempt"`
	// From is the event of whose run the result was taken over; absent: this one.
	From string `json:"from,omitempty"`
}

// Arg is what a parameter got. Of a secret it is only the name.
type Arg struct {
	Name   string          `json:"name"`
	Kind   string          `json:"kind"`
	Value  json.RawMessage `json:"value,omitempty"`
	Path   string          `json:"path,omitempty"`
	Ignore []string        `json:"ignore,omitempty"`
	Secret string          `json:"secret,omitempty"`
}

// Report is what one context on the commit shows, or will show.
type Report struct {
	Context     string `json:"context"`
	State       string `json:"state"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url,omitempty"`
	SHA         string `json:"sha"`
	Skip        bool   `json:"skip"`
	Attempts    int    `json:"attempts"`
	// NotBefore is the earliest time to send it, SentAt when it arrived.
	NotBefore time.Time `json:"not_before,omitzero"`
	SentAt    time.Time `json:"sent_at,omitzero"`
	// Dead says why it was given up.
	Dead string `json:"dead,omitempty"`
}

// Encode writes a value as the API does: JSON over several lines, with HTML's
// characters as they are.
func Encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Summary is a run in a list.
func Summary(r run.Run) Item {
	e := r.Event
	item := Item{
		ID: e.ID, Run: r.Seq, State: string(r.State), WaitsFor: r.Waits, Outcome: string(r.Outcome), Note: r.Note,
		Vendor: e.Vendor, Event: e.Name, EventType: e.Type, Action: e.Action, Filter: e.Filter,
		Repository: repository(e.Repo),
		Ref:        e.Ref, SHA: e.SHA, BaseRef: e.BaseRef, BaseSHA: e.BaseSHA, PullRequest: e.PullRequest,
		Trust: string(r.Trust), Provenance: string(e.Provenance),
		Sender:  Sender{ID: e.Sender.ID, Login: e.Sender.Login, Bot: e.Sender.Bot},
		Attempt: r.Attempt, ReceivedAt: utc(e.ReceivedAt), StartedAt: utc(r.Begun), EndedAt: utc(r.Ended),
	}
	if r.State != run.Waiting {
		item.WaitsFor = ""
	}
	if item.Note == "" {
		item.Note = e.Reason
	}
	if r.SHA != "" {
		item.SHA = r.SHA
	}
	if r.Changed >= 0 && r.Decisions != nil {
		item.ChangedFiles = &r.Changed
	}
	if p := r.Problem; p != nil {
		item.Problem = &Problem{Module: p.Module, Error: p.Public, Hint: p.Hint}
	}
	return item
}

// Detail is a run with everything that is known of it: what the API answers for
// one event, and what a local run prints as JSON.
func Detail(r run.Run, reports []run.Report) Event {
	d := Event{Item: Summary(r), Approval: approval(r.Approval), Command: command(r.Command), Rerun: rerun(r.Event.Rerun), Decisions: []Decision{}, Calls: []Call{}, Reports: []Report{}}
	for _, x := range r.Decisions {
		d.Decisions = append(d.Decisions, decision(x))
	}
	for _, x := range r.Calls {
		d.Calls = append(d.Calls, call(x))
	}
	for _, x := range reports {
		d.Reports = append(d.Reports, report(x))
	}
	return d
}

func repository(r event.Repo) Repository {
	out := Repository{ID: r.ID, Owner: r.Owner, Name: r.Name, DefaultBranch: r.DefaultBranch, HTMLURL: r.HTMLURL}
	if r.Owner != "" || r.Name != "" {
		out.FullName = r.FullName()
	}
	return out
}

func decision(d run.Decision) Decision {
	out := Decision{
		Module: d.Module, Function: d.Function, Verdict: string(d.Verdict), Rule: d.Rule,
		Reason: d.Reason, Hint: d.Hint, ReplacedBy: d.ReplacedBy,
	}
	for _, c := range d.Compared {
		out.Compared = append(out.Compared, Comparison(c))
	}
	if d.Source != (run.Location{}) {
		out.Source = &Source{File: d.Source.File, Line: d.Source.Line, Column: d.Source.Column}
	}
	return out
}

func call(c run.CallState) Call {
	out := Call{
		Module: c.Call.Module, Function: c.Call.Function,
		Constructor: args(c.Call.Constructor), Args: args(c.Call.Args),
		StartedAt: utc(c.Begun), Attempt: c.Call.Attempt,
	}
	res := c.Result
	if res == nil {
		return out
	}
	out.Outcome, out.Error, out.Value = string(res.Outcome), res.Error, res.Value
	out.Output, out.OutputCut, out.Cached, out.From = res.Output, res.Cut, res.Cached, res.From
	out.EndedAt = utc(res.Ended)
	if !res.Begun.IsZero() {
		out.StartedAt = utc(res.Begun)
	}
	if res.Attempt > 0 {
		out.Attempt = res.Attempt
	}
	if !out.StartedAt.IsZero() && !out.EndedAt.IsZero() {
		ms := out.EndedAt.Sub(out.StartedAt).Milliseconds()
		out.DurationMS = &ms
	}
	return out
}

func args(list []run.Arg) []Arg {
	var out []Arg
	for _, a := range list {
		out = append(out, Arg{Name: a.Name, Kind: string(a.Kind), Value: a.Value, Path: a.Path, Ignore: a.Ignore, Secret: a.Secret})
	}
	return out
}

func report(r run.Report) Report {
	return Report{
		Context: r.Status.Context, State: string(r.Status.State), Description: r.Status.Description, TargetURL: r.Status.TargetURL,
		SHA: r.SHA, Skip: r.Status.Skip, Attempts: r.Attempts,
		NotBefore: utc(r.NotBefore), SentAt: utc(r.Sent), Dead: r.Dead,
	}
}

// utc drops the zone and the monotonic reading; a zero time stays zero.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}
