package dispatch_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/dispatch/dispatchtest"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// hurried is a world over a real store whose only worker is busy with event "a" of
// pull request 7; what comments say is read from a host.
type hurried struct {
	*ordered
	host *hasty
}

// hasty is a host that counts how often comments are read again, and may do
// something before it answers.
type hasty struct {
	*dispatchtest.Host
	reads  atomic.Int64
	before func(ctx context.Context) error
}

func (h *hasty) Comment(ctx context.Context, repo event.Repo, id int64) (run.Comment, error) {
	h.reads.Add(1)
	if h.before != nil {
		if err := h.before(ctx); err != nil {
			return run.Comment{}, err
		}
	}
	return h.Host.Comment(ctx, repo, id)
}

func newHurried(t *testing.T) *hurried {
	t.Helper()
	o := newOrdered(t, function("onGithubPullRequest"), function("onGithubIssueComment"))
	urgent, ok := o.kept.(dispatch.Urgent)
	if !ok {
		t.Fatal("the store hands nothing urgent out")
	}
	h := &hurried{ordered: o, host: &hasty{Host: &dispatchtest.Host{
		Payloads: map[string]run.Comment{}, Remarks: map[int64]run.Comment{}, Writers: map[int64]bool{mona.ID: true},
	}}}
	o.config.MaxEvents, o.config.Urgent = 1, urgent
	o.config.Lanes = dispatch.Lanes{Comments: h.host, Writers: h.host, Cancels: o.kept}
	return h
}

// busy starts, with the worker busy.
func (h *hurried) busy(t *testing.T) {
	t.Helper()
	h.start(t)
	h.add(t, pullOf("a", "opened", sha))
	h.begins(t, "a", "onGithubPullRequest")
}

// says is the event of mona's comment at pull request 7.
func (h *hurried) says(id, body string) event.Event {
	e := pushOf(id, "", "")
	e.Name, e.Type, e.Action, e.Filter, e.PullRequest = "issue_comment", "issue_comment", "created", "created", 7
	e.Ref, e.Diff, e.Status, e.Sender, e.Provenance = "", event.DiffNone, false, mona, event.Webhook
	c := run.Comment{ID: int64(len(h.host.Remarks) + 100), PullRequest: 7, Author: mona, Body: body, At: time.Now()}
	h.host.Payloads[id], h.host.Remarks[c.ID] = c, c
	return e
}

func TestACommandIsObeyedWhileAllAreBusy(t *testing.T) {
	h := newHurried(t)
	comment := h.says("c", "/cancel")
	h.busy(t)
	h.add(t, comment)
	if r := h.until(t, "a", done); r.Outcome != run.Cancelled || r.Note != "cancelled by mona" {
		t.Errorf("%s, %q", r.Outcome, r.Note)
	}
	// Then its functions are called like any other's, and the command not again.
	h.begins(t, "c", "onGithubIssueComment")
	h.goOn("c", "onGithubIssueComment")
	r := h.until(t, "c", ended(run.Success))
	if r.Command == nil || r.Command.Verdict != run.CommandDone || h.host.reads.Load() != 1 {
		t.Errorf("%+v, the comment was read %d times", r.Command, h.host.reads.Load())
	}
}

func TestACommentThatAsksForNothingWaitsLikeAllOthers(t *testing.T) {
	h := newHurried(t)
	comment := h.says("c", "looks good to me")
	h.busy(t)
	h.add(t, comment)
	h.until(t, "c", func(r run.Run) bool { return r.State == run.Queued && !r.Begun.IsZero() })
	if h.called("c", "onGithubIssueComment") {
		t.Error("its function is called beside what keeps the only worker busy")
	}
	h.goOn("a", "onGithubPullRequest")
	h.begins(t, "c", "onGithubIssueComment")
	h.goOn("c", "onGithubIssueComment")
	if r := h.until(t, "c", ended(run.Success)); r.Command != nil || h.host.reads.Load() != 0 {
		t.Errorf("%+v, the comment was read %d times", r.Command, h.host.reads.Load())
	}
}

// TestACommandThatCantBeJudgedWaits: like any other work that needs what can't be
// reached, not again and again at once.
func TestACommandThatCantBeJudgedWaits(t *testing.T) {
	h := newHurried(t)
	var up atomic.Bool
	h.host.before = func(context.Context) error {
		if !up.Load() {
			return errors.New("connection refused")
		}
		return nil
	}
	comment := h.says("c", "/cancel")
	h.busy(t)
	h.add(t, comment)
	h.until(t, "c", func(r run.Run) bool {
		return r.State == run.Waiting && r.Waits == "what can't be reached now (see the agent's log)"
	})
	other := h.says("d", "/cancel")
	up.Store(true)
	h.add(t, other) // what waits keeps no other command from being obeyed
	if r := h.until(t, "a", done); r.Outcome != run.Cancelled {
		t.Errorf("%s", r.Outcome)
	}
	for _, id := range []string{"d", "c"} {
		h.begins(t, id, "onGithubIssueComment")
		h.goOn(id, "onGithubIssueComment")
		h.until(t, id, ended(run.Success))
	}
	if n := h.host.reads.Load(); n != 3 {
		t.Errorf("comments were read %d times, want 3: once in vain, once each", n)
	}
}

// TestALeaseThatIsLostWhileListening: nothing is written under it, and who has the
// run now obeys.
func TestALeaseThatIsLostWhileListening(t *testing.T) {
	for name, body := range map[string]string{"a command": "/cancel", "none": "fine"} {
		t.Run(name, func(t *testing.T) {
			h := newHurried(t)
			comment := h.says("c", body)
			w := &stolen{Urgent: h.config.Urgent, Recorder: h.kept, lost: make(chan struct{})}
			h.config.Urgent, h.config.Recorder = w, w
			h.busy(t)
			h.add(t, comment)
			<-w.lost
			h.goOn("a", "onGithubPullRequest")
			r := h.until(t, "c", func(r run.Run) bool { return !r.Begun.IsZero() })
			if r.State != run.Running || r.Command != nil {
				t.Errorf("%s, %+v; want it to be somebody else's", r.State, r.Command)
			}
			if n := w.writes.Load(); n > 1 {
				t.Errorf("%d writes were tried, want one", n)
			}
		})
	}
}

// stolen is an urgent queue whose runs are somebody else's as soon as they are
// handed out.
type stolen struct {
	dispatch.Urgent
	dispatch.Recorder
	writes atomic.Int64
	lost   chan struct{}
}

func (s *stolen) Advance(ctx context.Context, l run.Lease, p run.Progress) error {
	if l.EventID != "c" {
		return s.Recorder.Advance(ctx, l, p)
	}
	l.Fence--
	err := s.Recorder.Advance(ctx, l, p)
	if s.writes.Add(1) == 1 {
		close(s.lost)
	}
	return err
}

// failing is an urgent queue that can't be read.
type failing struct{ asked atomic.Int64 }

func (f *failing) LeaseUrgent(context.Context) (run.Work, error) {
	f.asked.Add(1)
	return run.Work{}, errors.New("the store is away")
}

func TestAnUrgentQueueThatFailsIsLeftAlone(t *testing.T) {
	h := newHurried(t)
	away := &failing{}
	h.config.Urgent = away
	h.start(t)
	h.add(t, pullOf("a", "opened", sha))
	h.begins(t, "a", "onGithubPullRequest")
	h.goOn("a", "onGithubPullRequest")
	h.until(t, "a", ended(run.Success))
	if n := away.asked.Load(); n > 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestWhatDoesNotHaveToBeHeardIsNot(t *testing.T) {
	tests := map[string]func(*dispatch.Config){
		"without a queue":    func(c *dispatch.Config) { c.Urgent = nil },
		"without a listener": func(c *dispatch.Config) { c.Lanes.Comments = nil },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHurried(t)
			comment := h.says("c", "/cancel")
			change(&h.config)
			h.busy(t)
			h.add(t, comment)
			h.goOn("a", "onGithubPullRequest")
			h.until(t, "a", ended(run.Success))
			h.begins(t, "c", "onGithubIssueComment")
			h.goOn("c", "onGithubIssueComment")
			r := h.until(t, "c", ended(run.Success))
			var got run.CommandVerdict
			if r.Command != nil {
				got = r.Command.Verdict
			}
			want := run.CommandRefused // by then nothing is left to cancel
			if h.config.Lanes.Comments == nil {
				want = ""
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
