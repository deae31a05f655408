package dispatch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/dispatch/dispatchtest"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

const (
	baseSHA  = "2222222222222222222222222222222222222222"
	trunkSHA = "3333333333333333333333333333333333333333"
	otherSHA = "4444444444444444444444444444444444444444"
)

var (
	mona = event.Sender{ID: 5, Login: "mona"}
	eve  = event.Sender{ID: 66, Login: "eve"}
)

// rules are the operator's for the untrusted lane.
type rules struct {
	listed []string // function:VARIABLE
	forks  bool
}

func (r rules) AllowsUntrusted(_ event.Repo, function, variable string) bool {
	for _, l := range r.listed {
		if l == function+":"+variable {
			return true
		}
	}
	return false
}

func (r rules) TrustsForks(event.Repo) bool { return r.forks }

// places gives each place of the repository its own tree, and remembers which were
// asked for.
type places struct {
	*dispatchtest.Repositories
	files map[string]dispatchtest.Files // by sha
	asked chan string
}

func (p *places) Checkout(_ context.Context, e event.Event) (run.Tree, error) {
	at := e.SHA
	if at == "" {
		at = trunkSHA
		if e.Ref == "" && e.Repo.DefaultBranch != "" {
			at = "the branch that was the default one when the event was sent"
		}
	}
	p.asked <- strings.TrimSpace(e.Ref + " " + at)
	files := p.files[at]
	if files.MapFS == nil {
		files = dispatchtest.Files{MapFS: fstest.MapFS{}}
	}
	return run.Tree{SHA: at, Files: files, HasDiff: e.Diff != event.DiffNone, Changes: []string{"a.go"}}, nil
}

// policy remembers what the settings were read of: the event's ref, the tree's commit.
type policy struct {
	dispatch.Policy
	read chan string
}

func (p policy) Settings(ctx context.Context, e event.Event, t run.Tree) (run.Settings, error) {
	p.read <- strings.TrimSpace(e.Ref + " " + t.SHA)
	return p.Policy.Settings(ctx, e, t)
}

// forked is a world with a pull request of eve's fork, and all that may run it.
type forked struct {
	*world
	host   *dispatchtest.Host
	memory *dispatchtest.Memory
	places *places
	away   *dispatchtest.Engine
}

func newForked(t *testing.T, functions ...run.Function) *forked {
	t.Helper()
	w := newWorld(t, functions...)
	f := &forked{
		world: w,
		host: &dispatchtest.Host{
			Payloads: map[string]run.Comment{}, Remarks: map[int64]run.Comment{}, Writers: map[int64]bool{mona.ID: true},
			Pulls: map[int]run.Pull{9: {Number: 9, Open: true, HeadSHA: sha, HeadRepo: 66, HeadOwner: eve, BaseRepo: 7, BaseRef: "main"}},
			Tips:  map[string]string{"main": baseSHA},
		},
		memory: &dispatchtest.Memory{Store: w.store},
		places: &places{Repositories: w.repos, files: map[string]dispatchtest.Files{}, asked: make(chan string, 100)},
		away:   &dispatchtest.Engine{Module: w.engine.Module},
	}
	w.config.Repositories = f.places
	w.config.Lanes = dispatch.Lanes{
		Engine: f.away, Rules: rules{}, Approvals: f.memory, Writers: f.host, Pulls: f.host, Comments: f.host,
		Answers: f.host, Replies: f.memory, History: f.memory, Events: f.memory, Cancels: f.memory,
	}
	return f
}

// fromFork is the event of the pull request.
func fromFork(id string) event.Event {
	e := push(id)
	e.Name, e.Type, e.Action, e.Filter = "pull_request", "pull_request", "opened", "opened"
	e.Ref, e.PullRequest, e.BaseRef, e.BaseSHA = "refs/pull/9/head", 9, "main", otherSHA
	e.Diff, e.Sender, e.SHATrust, e.SenderTrust = event.DiffPull, eve, event.Untrusted, event.TrustUnknown
	e.Provenance = event.Webhook
	return e
}

func approvalOf(e event.Event) run.Approval {
	return run.Approval{
		RepoID: e.Repo.ID, PullRequest: e.PullRequest, SHA: e.SHA, BaseRef: e.BaseRef, BaseSHA: baseSHA,
		By: mona, EventID: "github:c1", CommentID: 1, At: time.Now(),
	}
}

func (f *forked) approve(t *testing.T, a run.Approval) {
	t.Helper()
	if err := f.memory.Approve(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

// checkedOut are the places that were asked for so far.
func (f *forked) checkedOut() []string {
	var list []string
	for {
		select {
		case at := <-f.places.asked:
			list = append(list, at)
		default:
			return list
		}
	}
}

func TestAnApprovedCommitRunsInItsLane(t *testing.T) {
	f := newForked(t, function("onGithubPullRequest"))
	f.away.Do = func(context.Context, dispatch.Spec, run.Call) (run.Result, error) {
		return run.Result{Outcome: run.Failure, Error: "a stranger's words"}, nil
	}
	read := policy{f.config.Policy, make(chan string, 10)}
	f.config.Policy = read
	f.approve(t, approvalOf(fromFork("github:1")))
	f.start(t)
	f.store.Add(fromFork("github:1"))
	r := f.until(t, "github:1", done)

	if of := <-read.read; of != trunkSHA || len(read.read) != 0 {
		t.Errorf("settings are of %q, and %d more", of, len(read.read))
	}
	want := []string{"refs/pull/9/head " + sha, "refs/heads/main " + baseSHA, trunkSHA}
	if diff := cmp.Diff(want, f.checkedOut()); diff != "" {
		t.Errorf("places (-want +got)\n%s", diff)
	}
	if r.Trust != event.Untrusted || r.SHA != sha || r.Approval == nil || r.Approval.By != mona {
		t.Errorf("run: %+v", r)
	}
	if len(f.engine.Opened()) != 0 || len(f.engine.Calls()) != 0 {
		t.Error("the engine for everything else was asked")
	}
	specs := f.away.Opened()
	if len(specs) != 1 {
		t.Fatalf("%d sessions", len(specs))
	}
	src := specs[0].Source
	if src.Tree.SHA != baseSHA || src.Head == nil || src.Head.SHA != sha || src.Lane != run.LaneUntrusted {
		t.Errorf("source: %+v", src)
	}
	trigger := string(specs[0].Trigger)
	if !strings.Contains(trigger, `"sha":"`+sha+`"`) || !strings.Contains(trigger, `"trust":"untrusted"`) || !strings.Contains(trigger, `"changes":["a.go"]`) {
		t.Errorf("trigger: %s", trigger)
	}
}

// TestWhatKeepsAForksCommitFromRunning: each of them alone.
func TestWhatKeepsAForksCommitFromRunning(t *testing.T) {
	for name, change := range map[string]func(f *forked, e *event.Event, a *run.Approval){
		"no approval":                    func(_ *forked, _ *event.Event, a *run.Approval) { *a = run.Approval{EventID: "x"} },
		"one of another commit":          func(_ *forked, _ *event.Event, a *run.Approval) { a.SHA = otherSHA },
		"one of another repository":      func(_ *forked, _ *event.Event, a *run.Approval) { a.RepoID = 8 },
		"one of another pull request":    func(_ *forked, _ *event.Event, a *run.Approval) { a.PullRequest = 10 },
		"one for another branch":         func(_ *forked, _ *event.Event, a *run.Approval) { a.BaseRef = "release" },
		"one without the base's commit":  func(_ *forked, _ *event.Event, a *run.Approval) { a.BaseSHA = "" },
		"who gave it may not write":      func(f *forked, _ *event.Event, _ *run.Approval) { f.host.Writers = nil },
		"nobody can say whether they do": func(f *forked, _ *event.Event, _ *run.Approval) { f.host.Unasked = true },
		"no engine for it":               func(f *forked, _ *event.Event, _ *run.Approval) { f.config.Lanes.Engine = nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := newForked(t, function("onGithubPullRequest"))
			e := fromFork("github:1")
			a := approvalOf(e)
			change(f, &e, &a)
			f.approve(t, a)
			f.start(t)
			f.store.Add(e)
			r := f.until(t, e.ID, waiting)
			want := "approval of " + sha
			if name == "no engine for it" {
				want = "an engine for commits of forks: none is configured (--untrusted-engine)"
			}
			if r.Waits != want {
				t.Errorf("waits for %q, want %q", r.Waits, want)
			}
			if at := f.checkedOut(); len(at) != 0 {
				t.Errorf("checked out: %q", at)
			}
			if len(f.engine.Opened())+len(f.away.Opened()) != 0 {
				t.Error("an engine was asked")
			}
		})
	}
}

func TestPermissionIsAskedEachTimeTheRunStarts(t *testing.T) {
	f := newForked(t, function("onGithubPullRequest"))
	f.approve(t, approvalOf(fromFork("github:1")))
	f.start(t)
	f.store.Add(fromFork("github:1"))
	f.until(t, "github:1", done)
	f.store.Add(fromFork("github:2"))
	f.until(t, "github:2", done)
	if diff := cmp.Diff([]int64{mona.ID, mona.ID}, f.host.Asked()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAnotherApprovalHoldsWhereOneDoesNotAnyMore(t *testing.T) {
	f := newForked(t, function("onGithubPullRequest"))
	old := approvalOf(fromFork("github:1"))
	f.approve(t, old)
	young := old
	young.EventID, young.By = "github:c2", event.Sender{ID: 6, Login: "lisa"}
	f.approve(t, young)
	f.start(t)
	f.store.Add(fromFork("github:1"))
	if r := f.until(t, "github:1", done); r.Approval == nil || r.Approval.By != mona {
		t.Errorf("approval: %+v", r.Approval)
	}
}

func TestAnEventThatNamesAnApprovedCommitAloneRuns(t *testing.T) {
	f := newForked(t, function("onGithubCheckSuite"))
	f.approve(t, approvalOf(fromFork("github:1")))
	e := push("github:1")
	e.Name, e.Type, e.Ref, e.SHATrust, e.SenderTrust, e.Diff, e.Filter = "check_suite", "check_suite", "", event.TrustUnknown, event.TrustUnknown, event.DiffNone, "completed"
	f.start(t)
	f.store.Add(e)
	f.until(t, "github:1", done)
	if specs := f.away.Opened(); len(specs) != 1 || specs[0].Source.Tree.SHA != baseSHA {
		t.Errorf("sessions: %+v", specs)
	}
}

// TestSecretsOfTheUntrustedLane: only function and variable that the operator lists
// there, each in a session of its own.
func TestSecretsOfTheUntrustedLane(t *testing.T) {
	f := newForked(t, function("aOnGithubPullRequest", "token", "key", "ungranted"), function("bOnGithubPullRequest", "token"), function("cOnGithubPullRequest"))
	f.operator.Asked.Modules[0].Secrets = []run.Secret{{Name: "token", FromEnv: "TOKEN"}, {Name: "key", FromEnv: "KEY"}, {Name: "ungranted", FromEnv: "NO"}}
	f.operator.Values = run.SecretValues{"token": "hunter2", "key": "swordfish"}
	f.operator.Reasons = map[string]string{"token": "", "key": "", "ungranted": "NO is not granted"}
	f.config.Lanes.Rules = rules{listed: []string{"aOnGithubPullRequest:TOKEN", "aOnGithubPullRequest:NO", "dispatch:KEY"}}
	f.config.Strangers = &dispatchtest.Operator{Listed: []string{"bOnGithubPullRequest"}} // for trusted commits alone
	f.approve(t, approvalOf(fromFork("github:1")))
	f.start(t)
	f.store.Add(fromFork("github:1"))
	f.until(t, "github:1", done)

	var got []run.SecretValues
	for _, s := range f.away.Opened() {
		got = append(got, s.Secrets)
	}
	with, without := got[0], got[1]
	if len(without) > 0 {
		with, without = without, with
	}
	if diff := cmp.Diff([]run.SecretValues{{"token": "hunter2"}, {}}, []run.SecretValues{with, without}); len(got) != 2 || diff != "" {
		t.Errorf("%d sessions (-want +got)\n%s", len(got), diff)
	}
	for _, c := range f.away.Calls() {
		for _, a := range c.Args {
			if a.Kind == run.ArgSecret && (c.Function != "aOnGithubPullRequest" || a.Secret != "token") {
				t.Errorf("%s got %s", c.Function, a.Secret)
			}
		}
	}
	if n := len(f.away.Calls()); n != 3 {
		t.Errorf("%d calls", n)
	}
}

func TestForksOfThoseWhoMayWrite(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(f *forked, e *event.Event)
		want   bool
	}{
		"trusted by a setting":            {func(*forked, *event.Event) {}, true},
		"not without it":                  {func(f *forked, _ *event.Event) { f.config.Lanes.Rules = rules{} }, false},
		"not somebody else's":             {func(f *forked, _ *event.Event) { f.host.Writers = map[int64]bool{mona.ID: true} }, false},
		"not an organization's":           {func(f *forked, _ *event.Event) { f.changePull(func(p *run.Pull) { p.HeadOwner.Bot = true }) }, false},
		"not one that is gone":            {func(f *forked, _ *event.Event) { f.changePull(func(p *run.Pull) { p.HeadRepo = 0 }) }, false},
		"not a commit that is not there":  {func(f *forked, _ *event.Event) { f.changePull(func(p *run.Pull) { p.HeadSHA = otherSHA }) }, false},
		"not of another repository":       {func(f *forked, _ *event.Event) { f.changePull(func(p *run.Pull) { p.BaseRepo = 8 }) }, false},
		"not where it can't be asked":     {func(f *forked, _ *event.Event) { f.host.Unasked = true }, false},
		"not where there is no request":   {func(f *forked, _ *event.Event) { delete(f.host.Pulls, 9) }, false},
		"not again what was not at first": {func(_ *forked, e *event.Event) { e.Rerun = &event.RerunOf{Trust: event.Untrusted} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForked(t, function("onGithubPullRequest"))
			f.config.Lanes.Rules = rules{forks: true}
			f.host.Writers = map[int64]bool{eve.ID: true}
			f.operator.Writers = []string{"eve"}
			e := fromFork("github:1")
			tt.change(f, &e)
			f.start(t)
			f.store.Add(e)
			r := f.until(t, e.ID, func(r run.Run) bool { return r.State.Final() || r.State == run.Waiting })
			if got := r.State == run.Done && r.Trust == event.Trusted && len(f.engine.Opened()) == 1; got != tt.want {
				t.Errorf("trusted: %v, want %v (%s, waits for %q)", got, tt.want, r.State, r.Waits)
			}
		})
	}
}

func (f *forked) changePull(change func(*run.Pull)) {
	p := f.host.Pulls[9]
	change(&p)
	f.host.Pulls[9] = p
}

// TestACodeHostThatCantBeAsked: neither a yes nor a no; it is asked again.
func TestACodeHostThatCantBeAsked(t *testing.T) {
	f := newForked(t, function("onGithubPullRequest"))
	f.approve(t, approvalOf(fromFork("github:1")))
	f.host.Err = errors.New("502")
	f.start(t)
	f.store.Add(fromFork("github:1"))
	r := f.until(t, "github:1", waiting)
	if !strings.Contains(r.Waits, "can't be reached") || len(f.away.Opened()) != 0 {
		t.Errorf("waits for %q", r.Waits)
	}
}
