package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// says is the event of a comment, which the host has as well.
func (f *forked) says(id string, author event.Sender, body string) event.Event {
	e := push(id)
	e.Name, e.Type, e.Action, e.Filter = "issue_comment", "issue_comment", "created", "created"
	e.Ref, e.SHA, e.PullRequest, e.Diff, e.Status = "", "", 9, event.DiffNone, false
	e.Sender, e.SHATrust, e.SenderTrust, e.Provenance = author, "", "", event.Webhook
	c := run.Comment{ID: int64(len(f.host.Remarks) + 100), PullRequest: 9, Author: author, Body: body, At: time.Now()}
	f.host.Payloads[id], f.host.Remarks[c.ID] = c, c
	return e
}

// waits adds the pull request's event before anything works.
func (f *forked) waits(t *testing.T) {
	t.Helper()
	f.store.Add(fromFork("github:0"))
}

// obeyed adds a comment's event and gives what became of its command.
func (f *forked) obeyed(t *testing.T, e event.Event) run.Command {
	t.Helper()
	f.store.Add(e)
	r := f.until(t, e.ID, done)
	if r.Command == nil {
		return run.Command{}
	}
	return *r.Command
}

func TestApprovingByComment(t *testing.T) {
	f := newForked(t, function("onGithubPullRequest"), function("onGithubIssueComment"))
	f.waits(t)
	f.start(t)
	got := f.obeyed(t, f.says("github:c", mona, "/ok-to-test "+strings.ToUpper(sha)+"\nlooks fine"))
	want := run.Command{Name: "/ok-to-test", Arg: strings.ToUpper(sha), By: mona, Verdict: run.CommandDone, Reason: "approved " + sha}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	list, err := f.memory.Approvals(t.Context(), 7, sha)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d approvals, %v", len(list), err)
	}
	list[0].At = time.Time{}
	a := run.Approval{RepoID: 7, PullRequest: 9, SHA: sha, BaseRef: "main", BaseSHA: baseSHA, By: mona, EventID: "github:c", CommentID: 100}
	if diff := cmp.Diff(a, list[0]); diff != "" {
		t.Errorf("approval (-want +got)\n%s", diff)
	}
	if calls := f.engine.Calls(); len(calls) != 1 || calls[0].Function != "onGithubIssueComment" {
		t.Errorf("the comment's own functions: %+v", calls)
	}
	if len(f.host.Replies()) != 0 {
		t.Errorf("replies: %+v", f.host.Replies())
	}
}

// TestWhatIsNotObeyed: each for one reason alone; nothing is approved, nothing runs.
func TestWhatIsNotObeyed(t *testing.T) {
	approve := "/ok-to-test " + sha
	type doubt struct {
		change  func(f *forked, e *event.Event)
		body    string
		verdict run.CommandVerdict
		reason  string
	}
	remark := func(change func(*run.Comment)) func(*forked, *event.Event) {
		return func(f *forked, _ *event.Event) {
			c := f.host.Remarks[100]
			change(&c)
			f.host.Remarks[100] = c
		}
	}
	nothing := func(*forked, *event.Event) {}
	for name, tt := range map[string]doubt{
		"a stranger":          {func(f *forked, _ *event.Event) { f.host.Writers = nil }, approve, run.CommandRefused, "only people who may write"},
		"nobody can be asked": {func(f *forked, _ *event.Event) { f.host.Unasked = true }, approve, run.CommandIgnored, "can't be asked for"},
		"a bot that sends":    {func(_ *forked, e *event.Event) { e.Sender.Bot = true }, approve, run.CommandIgnored, "bots give no commands"},
		"a bot that writes": {func(f *forked, _ *event.Event) {
			c := f.host.Payloads["github:c"]
			c.Author.Bot = true
			f.host.Payloads["github:c"] = c
		}, approve, run.CommandIgnored, "bots give no commands"},
		"another sender":            {func(_ *forked, e *event.Event) { e.Sender = eve }, approve, run.CommandIgnored, "somebody else than its author"},
		"another author":            {remark(func(c *run.Comment) { c.Author = eve }), approve, run.CommandIgnored, "not what its delivery says"},
		"an author with the login":  {remark(func(c *run.Comment) { c.Author.ID = 66 }), approve, run.CommandIgnored, "not what its delivery says"},
		"a bot, as it turns out":    {remark(func(c *run.Comment) { c.Author.Bot = true }), approve, run.CommandIgnored, "not what its delivery says"},
		"another pull request":      {remark(func(c *run.Comment) { c.PullRequest = 10 }), approve, run.CommandIgnored, "not what its delivery says"},
		"another text":              {remark(func(c *run.Comment) { c.Body = "no" }), approve, run.CommandIgnored, "was edited"},
		"edited to the same":        {remark(func(c *run.Comment) { c.Edited = true }), approve, run.CommandIgnored, "was edited"},
		"deleted":                   {func(f *forked, _ *event.Event) { delete(f.host.Remarks, 100) }, approve, run.CommandIgnored, "can't be read again"},
		"no commit":                 {nothing, "/ok-to-test", run.CommandRefused, "it takes the full sha"},
		"a short one":               {nothing, "/ok-to-test " + sha[:12], run.CommandRefused, "it takes the full sha"},
		"two":                       {nothing, approve + " " + sha, run.CommandRefused, "it takes the full sha"},
		"an older one":              {nothing, "/ok-to-test " + otherSHA, run.CommandRefused, "not the pull request's newest one"},
		"a push in between":         {func(f *forked, _ *event.Event) { f.changePull(func(p *run.Pull) { p.HeadSHA = otherSHA }) }, approve, run.CommandRefused, "not the pull request's newest one"},
		"of the repository itself":  {func(f *forked, _ *event.Event) { f.changePull(func(p *run.Pull) { p.HeadRepo = 7 }) }, approve, run.CommandRefused, "needs no approval"},
		"closed":                    {func(f *forked, _ *event.Event) { f.changePull(func(p *run.Pull) { p.Open = false }) }, approve, run.CommandRefused, "is closed"},
		"in another repository":     {func(f *forked, _ *event.Event) { f.changePull(func(p *run.Pull) { p.BaseRepo = 8 }) }, approve, run.CommandIgnored, "another repository's"},
		"gone":                      {func(f *forked, _ *event.Event) { delete(f.host.Pulls, 9) }, approve, run.CommandRefused, "can't be read"},
		"into a branch that is not": {func(f *forked, _ *event.Event) { f.host.Tips = nil }, approve, run.CommandRefused, "can't be read"},
		"a base of later":           {func(f *forked, _ *event.Event) { f.changePull(func(p *run.Pull) { p.BaseRef = "release" }) }, approve, run.CommandRefused, "was changed since"},
		"a base told of later": {func(f *forked, _ *event.Event) {
			c := f.host.Payloads["github:c"]
			c.At = c.At.Add(-time.Minute)
			f.host.Payloads["github:c"] = c
		}, approve, run.CommandRefused, "was changed since"},
		"a late cancel": {func(f *forked, _ *event.Event) {
			c := f.host.Payloads["github:c"]
			c.At = c.At.Add(-time.Hour)
			f.host.Payloads["github:c"] = c
		}, "/cancel", run.CommandRefused, "too late"},
		"a cancel of something": {nothing, "/cancel 7", run.CommandRefused, "it takes nothing"},
		"a test of two":         {nothing, "/test a b", run.CommandRefused, "one function at most"},
		"a retest of one":       {nothing, "/retest a", run.CommandRefused, "nothing behind it"},
		"a test of nothing":     {nothing, "/test", run.CommandRefused, "nothing ran"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForked(t, function("onGithubPullRequest"))
			if strings.HasPrefix(tt.body, "/ok-to-test") {
				f.waits(t)
			}
			e := f.says("github:c", mona, tt.body)
			tt.change(f, &e)
			f.start(t)
			got := f.obeyed(t, e)
			if got.Verdict != tt.verdict || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("%s: %q", got.Verdict, got.Reason)
			}
			for _, s := range []string{sha, otherSHA} {
				if list, _ := f.memory.Approvals(t.Context(), 7, s); len(list) != 0 {
					t.Errorf("approved: %+v", list)
				}
			}
			if len(f.memory.Cancelled()) != 0 {
				t.Errorf("cancelled: %q", f.memory.Cancelled())
			}
			if n := len(f.host.Replies()); (n == 1) != (tt.verdict == run.CommandRefused) {
				t.Errorf("%d replies", n)
			}
			for _, r := range f.host.Replies() {
				if want := fmt.Sprintf("pocketci: `%s` is refused: %s.", got.Name, got.Reason); r.Text != want || strings.Contains(r.Text, "\n") {
					t.Errorf("reply %q, want %q", r.Text, want)
				}
			}
		})
	}
}

func TestOnlyDeliveriesGiveCommands(t *testing.T) {
	for _, p := range []event.Provenance{event.Local, event.Replay, event.Rerun} {
		f := newForked(t)
		e := f.says("github:c", mona, "/ok-to-test "+sha)
		e.Provenance = p
		f.start(t)
		if got := f.obeyed(t, e); got.Name != "" {
			t.Errorf("%s: %+v", p, got)
		}
	}
}

func TestCancelling(t *testing.T) {
	f := newForked(t)
	f.start(t)
	if got := f.obeyed(t, f.says("github:c", mona, "/cancel")); got.Verdict != run.CommandDone || got.Reason != "cancelled 2 runs" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{"7#9: cancelled by mona"}, f.memory.Cancelled()); diff != "" {
		t.Error(diff)
	}
}

// TestARefusalIsAnsweredOnce: whether the first try arrived or not.
func TestARefusalIsAnsweredOnce(t *testing.T) {
	for name, arrived := range map[string]bool{"it arrived": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			f := newForked(t)
			f.host.ReplyErr, f.host.Lost = errors.New("connection reset"), arrived
			f.store.Fail = func(p run.Progress) error {
				if p.State == run.Waiting {
					f.host.ReplyErr = nil // mended by the time it is tried again
				}
				return nil
			}
			f.start(t)
			f.obeyed(t, f.says("github:c", eve, "/test"))
			if n := len(f.host.Replies()); n != 1 {
				t.Errorf("%d replies", n)
			}
		})
	}
}

func TestAnAnswerThatIsRefusedStopsNothing(t *testing.T) {
	f := newForked(t, function("onGithubIssueComment"))
	f.host.ReplyErr = fmt.Errorf("403: %w", run.ErrRefused)
	f.start(t)
	f.obeyed(t, f.says("github:c", eve, "/test"))
	if len(f.engine.Calls()) != 1 {
		t.Error("the comment's own functions were not called")
	}
}

// dies is a recorder whose agent ends before it has kept what became of a command.
type dies struct {
	dispatch.Recorder
	dead func()
	once bool
}

func (d *dies) Advance(ctx context.Context, l run.Lease, p run.Progress) error {
	if p.Command != nil && !d.once {
		d.once = true
		d.dead()
		return run.ErrLeaseLost
	}
	return d.Recorder.Advance(ctx, l, p)
}

// TestACommandIsCarriedOutOnce: also if the agent ends before it keeps what came of
// it, and somebody pushes meanwhile.
func TestACommandIsCarriedOutOnce(t *testing.T) {
	for _, body := range []string{"/test", "/ok-to-test " + sha} {
		f := newForked(t, function("onGithubPullRequest"))
		f.approve(t, approvalOf(fromFork("github:1")))
		died := &dies{Recorder: f.store, dead: func() { f.changePull(func(p *run.Pull) { p.HeadSHA = otherSHA }) }}
		f.config.Recorder = died
		d := dispatch.New(f.config)
		work := func(e event.Event) run.Work {
			f.store.Add(e)
			w, err := f.store.Lease(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
		d.Process(t.Context(), work(fromFork("github:1")))
		w := work(f.says("github:c", mona, body))
		d.Process(t.Context(), w)
		d.Process(t.Context(), w)
		r := f.until(t, "github:c", done)
		if r.Command == nil || r.Command.Verdict != run.CommandDone || !died.once {
			t.Errorf("%s: %+v", body, r.Command)
		}
	}
}

// TestRunningOneFunctionAgainKeepsTheOthersResults: what the commit shows counts
// them all, and nothing runs that was not asked for.
func TestRunningOneFunctionAgainKeepsTheOthersResults(t *testing.T) {
	f := newForked(t, function("lintOnGithubPullRequest"), function("testOnGithubPullRequest"))
	f.away.Do = func(_ context.Context, s dispatch.Spec, c run.Call) (run.Result, error) {
		if c.Function == "lintOnGithubPullRequest" {
			return run.Result{Outcome: run.Failure, Error: "lint", Output: "12 findings"}, nil
		}
		return run.Result{Outcome: run.Success, Value: s.EventID}, nil
	}
	f.approve(t, approvalOf(fromFork("github:1")))
	f.start(t)
	f.store.Add(fromFork("github:1"))
	f.until(t, "github:1", done)
	f.obeyed(t, f.says("github:c", mona, "/test testOnGithubPullRequest"))
	r := f.until(t, "github:c:rerun", done)

	got := map[string]string{}
	for _, c := range r.Calls {
		got[c.Call.Function] = strings.Join([]string{string(c.Result.Outcome), c.Result.Value, c.Result.Output, c.Result.From}, "|")
	}
	want := map[string]string{
		"lintOnGithubPullRequest": "failure||12 findings|github:1",
		"testOnGithubPullRequest": "success|github:c:rerun||",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if r.Outcome != run.Failure || r.Trust != event.Untrusted || r.Event.Rerun.By != mona || r.Event.Sender != eve {
		t.Errorf("run: %+v", r)
	}
	if n := len(f.away.Calls()); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}

	// With another base, the modules are others: nothing is taken over.
	a := approvalOf(fromFork("github:1"))
	a.EventID, a.BaseSHA = "github:c2", otherSHA
	f.approve(t, a)
	f.obeyed(t, f.says("github:d", mona, "/test testOnGithubPullRequest"))
	f.until(t, "github:d:rerun", done)
	if n := len(f.away.Calls()); n != 5 {
		t.Errorf("%d calls, want 5", n)
	}
}
