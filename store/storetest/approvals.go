package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

func approvalTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"an approval is kept once and wakes":              approve,
		"approvals are those of the commit, newest first": approvals,
		"what a run was approved by stays with it":        approvedRun,
		"what was approved is woken":                      wakeApproved,
		"a reply is begun once":                           replyOnce,
		"replies are bounded":                             replyBounds,
		"a pull request's runs are found":                 pullRuns,
	}
}

const approved = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func approval(d *Database, n int) run.Approval {
	return run.Approval{
		RepoID: 1, PullRequest: 7, SHA: approved, BaseRef: "main", BaseSHA: fmt.Sprintf("%040d", n),
		By: event.Sender{ID: 5, Login: "mona"}, EventID: fmt.Sprintf("github:c%d", n), CommentID: int64(n), At: d.Clock.Now(),
	}
}

func approve(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Waiting, Waits: "approval"})
	idle(t, s)
	first := approval(d, 1)
	if err := s.Approve(soon(t), first); err != nil {
		t.Fatal(err)
	}
	w := lease(t, s)
	if w.Run.Event.ID != push(1, 1).ID {
		t.Fatalf("%s was woken", w.Run.Event.ID)
	}
	advance(t, s, w.Lease, run.Progress{State: run.Waiting})
	again := first
	again.BaseSHA = "another"
	if err := s.Approve(soon(t), again); err != nil {
		t.Fatal(err)
	}
	lease(t, s) // woken again
	got, err := s.Approvals(soon(t), 1, approved)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]run.Approval{first}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func approvals(t *testing.T, d *Database) {
	s := d.Open(t)
	foreign, other := approval(d, 1), approval(d, 2)
	foreign.RepoID, other.SHA = 2, "bbbb"
	old := approval(d, 3)
	d.Pass(time.Minute)
	young := approval(d, 4)
	for _, a := range []run.Approval{foreign, other, young, old} {
		if err := s.Approve(soon(t), a); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Approvals(soon(t), 1, approved)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]run.Approval{young, old}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func approvedRun(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1))
	a, c := approval(d, 1), run.Command{Name: "/test", By: event.Sender{ID: 5, Login: "mona"}, Verdict: run.CommandDone, Started: "github:1:rerun"}
	l := lease(t, s).Lease
	advance(t, s, l, run.Progress{Approval: &a, Command: &c})
	advance(t, s, l, run.Progress{State: run.Queued})
	r := lease(t, s).Run
	if diff := cmp.Diff(&a, r.Approval); diff != "" {
		t.Errorf("approval (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(&c, r.Command); diff != "" {
		t.Errorf("command (-want +got)\n%s", diff)
	}
}

func wakeApproved(t *testing.T, d *Database) {
	s := d.Open(t)
	add(t, s, push(1, 1), push(1, 2))
	a := approval(d, 1)
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Waiting, Approval: &a})
	advance(t, s, lease(t, s).Lease, run.Progress{State: run.Waiting})
	idle(t, s)
	if err := s.WakeApproved(soon(t)); err != nil {
		t.Fatal(err)
	}
	if w := lease(t, s); w.Run.Event.ID != push(1, 1).ID {
		t.Errorf("%s was woken", w.Run.Event.ID)
	}
	idle(t, s)
}

func reply(d *Database, n int, pull int, account int64) run.Reply {
	return run.Reply{EventID: fmt.Sprintf("github:c%d", n), RepoID: 1, PullRequest: pull, Account: account, At: d.Clock.Now()}
}

func replyOnce(t *testing.T, d *Database) {
	s := d.Open(t)
	limits := run.ReplyLimits{Within: time.Hour, Account: 9, Pull: 9, Repo: 9}
	claim := func(want run.ReplyState) {
		t.Helper()
		got, err := s.ClaimReply(soon(t), reply(d, 1, 7, 5), limits)
		if err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	claim(run.ReplyNew)
	claim(run.ReplyInDoubt)
	if err := s.SettleReply(soon(t), "github:c1"); err != nil {
		t.Fatal(err)
	}
	claim(run.ReplySent)
}

func replyBounds(t *testing.T, d *Database) {
	s := d.Open(t)
	limits := run.ReplyLimits{Within: time.Hour, Account: 1, Pull: 2, Repo: 3}
	for i, tt := range []struct {
		pull    int
		account int64
		want    run.ReplyState
		pass    time.Duration
	}{
		{7, 5, run.ReplyNew, 0},
		{7, 5, run.ReplySpared, 0}, // the account's
		{7, 6, run.ReplyNew, 0},
		{7, 8, run.ReplySpared, 0}, // the pull request's
		{9, 5, run.ReplyNew, 0},
		{10, 5, run.ReplySpared, 0}, // the repository's
		{7, 5, run.ReplyNew, time.Hour},
	} {
		d.Pass(tt.pass)
		got, err := s.ClaimReply(soon(t), reply(d, i, tt.pull, tt.account), limits)
		if err != nil || got != tt.want {
			t.Errorf("%d: %q, %v; want %q", i, got, err, tt.want)
		}
	}
	d.Pass(2 * time.Hour)
	if got, err := s.ClaimReply(soon(t), reply(d, 1, 7, 5), limits); err != nil || got != run.ReplySpared {
		t.Errorf("what was spared became %q, %v", got, err)
	}
}

func pullRuns(t *testing.T, d *Database) {
	s := d.Open(t)
	pull := func(n, number int, sha string) event.Event {
		e := push(1, n)
		e.Name, e.PullRequest, e.SHA = "pull_request", number, sha
		return e
	}
	comment := pull(5, 7, approved)
	comment.Name = "issue_comment"
	foreign := pull(6, 7, approved)
	foreign.Repo.ID = 2
	renamed := pull(7, 7, approved)
	renamed.Repo.Name = "renamed"
	add(t, s, pull(1, 7, approved), pull(2, 77, approved), pull(3, 7, "bbbb"), push(1, 4), comment, foreign, renamed)
	got, err := s.PullRuns(soon(t), 1, 7, approved, 10)
	if err != nil {
		t.Fatal(err)
	}
	var seqs []int64
	for _, r := range got {
		seqs = append(seqs, r.Seq)
	}
	if diff := cmp.Diff([]int64{7, 1}, seqs); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, err := s.PullRuns(soon(t), 1, 7, "%", 10); err != nil || len(got) != 0 {
		t.Errorf("a pattern finds %d runs, %v", len(got), err)
	}
}
