package storetest

import (
	"encoding/json"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// texts are strings that code hosts send and databases stumble over.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a\x00b", "<&>\u2028", `"'`, "été", "\n", "$1 ?", "-- "}))
}

// plains are those among them that columns keep as they are.
func plains() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"", "success", "a ? b $1", "été", "'; DROP TABLE runs; --", "<b>"})
}

func times() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
}

// anyEvent draws event number n with every field.
func anyEvent(n int) *rapid.Generator[event.Event] {
	return rapid.Custom(func(t *rapid.T) event.Event {
		text := func(label string) string { return texts().Draw(t, label) }
		id := func(label string) int64 { return rapid.Int64().Draw(t, label) }
		return event.Event{
			ID:          fmt.Sprintf("github:%d %s", n, plains().Draw(t, "id")),
			Vendor:      text("vendor"),
			Name:        text("name"),
			Type:        text("type"),
			Filter:      text("filter"),
			Action:      text("action"),
			Repo:        event.Repo{ID: id("repo"), Owner: text("owner"), Name: text("repo name"), DefaultBranch: text("branch"), HTMLURL: text("url")},
			Sender:      event.Sender{ID: id("sender"), Login: text("login"), Bot: rapid.Bool().Draw(t, "bot")},
			Ref:         text("ref"),
			SHA:         text("sha"),
			BaseRef:     text("base ref"),
			BaseSHA:     text("base sha"),
			MergeSHA:    text("merge sha"),
			PullRequest: rapid.Int().Draw(t, "number"),
			Diff:        event.Diff(text("diff")),
			SHATrust:    event.Trust(text("sha trust")),
			SenderTrust: event.Trust(text("sender trust")),
			Status:      rapid.Bool().Draw(t, "status"),
			NamedOnly:   rapid.Bool().Draw(t, "named only"),
			Reason:      text("reason"),
			Provenance:  event.Provenance(text("provenance")),
			ReceivedAt:  times().Draw(t, "received"),
			Hook:        event.Hook{ID: id("hook"), TargetType: text("target"), TargetID: id("target id")},
			Rerun:       rerun().Draw(t, "rerun"),
			Payload:     payload(n).Draw(t, "payload"),
		}
	})
}

// rerun draws nothing, or what a re-run has.
func rerun() *rapid.Generator[*event.RerunOf] {
	return rapid.Custom(func(t *rapid.T) *event.RerunOf {
		if rapid.Bool().Draw(t, "none") {
			return nil
		}
		return &event.RerunOf{
			Of: texts().Draw(t, "of"), Asked: texts().Draw(t, "asked"), By: event.Sender{ID: 5, Login: texts().Draw(t, "by")},
			Functions: rapid.SliceOfN(texts(), 1, 3).Draw(t, "functions"), Trust: event.Untrusted,
		}
	})
}

// payload draws bytes, valid JSON or not: the store keeps them as they are.
func payload(n int) *rapid.Generator[json.RawMessage] {
	return rapid.Custom(func(t *rapid.T) json.RawMessage {
		if rapid.Bool().Draw(t, "none") {
			return nil
		}
		return fmt.Appendf(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"), "%d", n)
	})
}

// progress draws a step that keeps the lease.
func progress() *rapid.Generator[run.Progress] {
	return rapid.Custom(func(t *rapid.T) run.Progress {
		some := func(label string) bool { return rapid.Bool().Draw(t, label) }
		p := run.Progress{
			Trust:   event.Trust(rapid.SampledFrom([]string{"", "trusted", "untrusted"}).Draw(t, "trust")),
			SHA:     plains().Draw(t, "sha"),
			Outcome: run.Outcome(plains().Draw(t, "outcome")),
			Note:    plains().Draw(t, "note"),
			Begun:   rapid.SliceOfN(begun(), 0, 3).Draw(t, "begun"),
			Results: rapid.SliceOfN(results(), 0, 3).Draw(t, "results"),
		}
		if some("state") {
			p.State, p.Waits = run.Running, plains().Draw(t, "waits")
		}
		if some("attempt") {
			n := rapid.IntRange(0, 5).Draw(t, "attempt")
			p.Attempt = &n
		}
		if some("lost") {
			n := rapid.IntRange(0, 5).Draw(t, "lost")
			p.Lost = &n
		}
		if some("changed") {
			n := rapid.IntRange(-1, 5000).Draw(t, "changed")
			p.Changed = &n
		}
		if some("decisions") {
			p.Decisions = rapid.SliceOfN(decisions(), 0, 4).Draw(t, "decisions")
		}
		if some("approval") {
			p.Approval = &run.Approval{
				RepoID: 7, PullRequest: 3, SHA: texts().Draw(t, "approved"), BaseRef: texts().Draw(t, "base ref"), BaseSHA: texts().Draw(t, "base sha"),
				By: event.Sender{ID: 5, Login: texts().Draw(t, "approver")}, EventID: "github:1", CommentID: 9, At: times().Draw(t, "approved at"),
			}
		}
		if some("command") {
			p.Command = &run.Command{
				Name: "/test", Arg: texts().Draw(t, "arg"), By: event.Sender{ID: 5, Login: "mona"},
				Verdict: run.CommandRefused, Reason: texts().Draw(t, "reason"), Started: texts().Draw(t, "started"),
			}
		}
		if some("problem") {
			p.Problem = &run.Problem{Module: texts().Draw(t, "module"), Public: texts().Draw(t, "public"), Hint: texts().Draw(t, "hint")}
		}
		return p
	})
}

func functions() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"onGithub", "lintOnGithubPush", "dispatch"})
}

func modules() *rapid.Generator[string] { return rapid.SampledFrom([]string{"", "api"}) }

func begun() *rapid.Generator[run.CallState] {
	return rapid.Custom(func(t *rapid.T) run.CallState {
		return run.CallState{
			Begun: times().Draw(t, "begun"),
			Call: run.Call{
				Module:   modules().Draw(t, "module"),
				Function: functions().Draw(t, "function"),
				Args: []run.Arg{{
					Name:   texts().Draw(t, "arg"),
					Kind:   run.ArgValue,
					Value:  json.RawMessage(rapid.SampledFrom([]string{`"a<b&c>"`, `123456789012345678901234567890`, `["x","y"]`, `null`}).Draw(t, "value")),
					Path:   texts().Draw(t, "path"),
					Ignore: rapid.SliceOfN(texts(), 0, 2).Draw(t, "ignore"),
				}},
				Returns: run.Type{Kind: run.KindList, Elem: &run.Type{Kind: run.KindString}},
				Attempt: rapid.IntRange(0, 3).Draw(t, "attempt"),
			},
		}
	})
}

func results() *rapid.Generator[run.Result] {
	return rapid.Custom(func(t *rapid.T) run.Result {
		return run.Result{
			Module:   modules().Draw(t, "module"),
			Function: functions().Draw(t, "function"),
			Outcome:  run.Outcome(texts().Draw(t, "outcome")),
			Error:    texts().Draw(t, "error"),
			Value:    texts().Draw(t, "value"),
			// Output comes back byte for byte, whatever a function prints.
			Output:  string(rapid.SliceOf(rapid.Byte()).Draw(t, "output")),
			Cut:     rapid.Int64Range(0, 1e12).Draw(t, "cut"),
			Begun:   times().Draw(t, "begun"),
			Ended:   times().Draw(t, "ended"),
			Cached:  rapid.Bool().Draw(t, "cached"),
			Attempt: rapid.IntRange(0, 3).Draw(t, "attempt"),
		}
	})
}

func decisions() *rapid.Generator[run.Decision] {
	return rapid.Custom(func(t *rapid.T) run.Decision {
		return run.Decision{
			Module:     modules().Draw(t, "module"),
			Function:   functions().Draw(t, "function"),
			Verdict:    run.Verdict(texts().Draw(t, "verdict")),
			Rule:       texts().Draw(t, "rule"),
			Reason:     texts().Draw(t, "reason"),
			Hint:       texts().Draw(t, "hint"),
			ReplacedBy: texts().Draw(t, "replaced by"),
			Compared: []run.Comparison{{
				What: texts().Draw(t, "what"), Value: texts().Draw(t, "value"), Wanted: texts().Draw(t, "wanted"), Accepted: rapid.Bool().Draw(t, "accepted"),
			}},
			Source:     run.Location{File: texts().Draw(t, "file"), Line: rapid.Int().Draw(t, "line"), Column: rapid.Int().Draw(t, "column")},
			NamesEvent: rapid.Bool().Draw(t, "names event"),
		}
	})
}
