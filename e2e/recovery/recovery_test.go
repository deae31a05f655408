// Package recovery_test holds the stages together that take in what never got
// through: the webhook source, GitHub's record, the sweeper, the reconciler and the
// store, against a GitHub for tests.
package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/source/recover"
	"github.com/franela/pocketci/source/refs"
	"github.com/franela/pocketci/source/webhook"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/store/storetest"
	"github.com/franela/pocketci/vcs/git"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

const (
	repoName = "octo/hello"
	main     = "refs/heads/main"
)

// world is a GitHub and an agent's intake, whose HTTP side can be switched off.
type world struct {
	testing.TB
	db    *storetest.Database
	store *store.Store
	gh    *githubtest.Server
	repo  githubtest.Repo
	hook  githubtest.Hook
	log   zerolog.Logger
	// share is how many requests an hour may be made; 0: as always.
	share      int
	down, full atomic.Bool
	sweeper    *recover.Sweeper
	reconciler *refs.Reconciler
	order      *refs.Order
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db := storetest.SQLite(t)
	w := &world{TB: t, db: db, log: zerolog.New(zerolog.NewTestWriter(t)), store: db.Open(t)}
	w.gh = githubtest.Start(t, githubtest.Config{Clock: db.Clock.Now})
	w.repo = w.gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello", Private: true})
	w.hook = w.gh.AddHook(githubtest.Hook{Repo: repoName, Secret: "s", URL: w.serve()})
	w.draw()
	return w
}

func ok[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Append is the store's, unless it is full.
func (w *world) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	if w.full.Load() {
		return event.Receipt{}, event.ErrFull
	}
	return w.store.Append(ctx, e)
}

func (w *world) receiver() *github.Receiver {
	return ok(github.NewReceiver(github.Config{Secrets: ok(github.ParseSecrets("s"))(w), Clock: w.db.Clock.Now}))(w)
}

// serve takes deliveries; while the agent is down, the connection breaks.
func (w *world) serve() string {
	h := ok(webhook.New(webhook.Config{
		Vendors: map[string]webhook.Vendor{"github": w.receiver()}, Default: "github",
		Store: w, Ready: webhook.ReadyFunc(func(context.Context) webhook.Readiness { return webhook.Readiness{} }), Log: zerolog.Nop(),
	}))(w)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.down.Load() {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(rw, r)
	}))
	w.Cleanup(server.Close)
	return server.URL + "/webhooks/github"
}

// draw makes the stages as the agent does.
func (w *world) draw() {
	w.Helper()
	log := w.log
	urls := ok(github.NewURLs(w.gh.URL, ""))(w)
	client := ok(github.NewClient(github.ClientConfig{URLs: urls, Token: github.StaticToken(w.gh.Token()), Clock: w.db.Clock.Now, Log: log}))(w)
	record := ok(github.NewRecord(github.RecordConfig{Client: client, Share: w.share, Permits: permits{w.store}}))(w)
	found := ok(github.NewFound(github.FoundConfig{Record: record, Clock: w.db.Clock.Now}))(w)
	w.sweeper = ok(recover.New(recover.Config{
		Vendor: "github", Host: record, Finder: record, Parser: w.receiver(),
		Hooks: w.store, Gaps: w.store, Events: w.store, Summary: w.store, Turns: w.store,
		Clock: w.db.Clock.Now, Log: log,
	}))(w)
	w.reconciler = ok(refs.New(refs.Config{
		Vendor: "github", Host: record, Maker: found, Repositories: w.store, Heads: w.store, Moves: w.store,
		Events: w.store, Turns: w.store, Clock: w.db.Clock.Now, Log: log,
	}))(w)
	w.order = refs.NewOrder(w.store, record, w.ancestry(urls))
}

// permits are those of one credential.
type permits struct{ store *store.Store }

func (p permits) Permit(ctx context.Context, _ string, n int, rates []run.Rate, ended []run.Permit) (run.Permit, error) {
	return p.store.Permit(ctx, "reading", n, rates, ended)
}

// ancestry asks the mirrors; a commit that is gone is nobody's ancestor.
func (w *world) ancestry(urls github.URLs) refs.Ancestry {
	w.Helper()
	mirrors := ok(git.New(git.Config{
		Dir: w.TempDir(), Clock: w.db.Clock.Now, Log: w.log,
		Remote: func(r event.Repo) (git.Remote, error) {
			url, err := urls.Clone(r)
			return git.Remote{URL: url, Username: "x", Token: w.gh.Token()}, err
		},
	}))(w)
	w.Cleanup(func() { _ = mirrors.Close() })
	return ancestry{mirrors}
}

type ancestry struct{ mirrors *git.Mirrors }

func (a ancestry) IsAncestor(ctx context.Context, repo event.Repo, older, newer string) (bool, error) {
	is, err := a.mirrors.IsAncestor(ctx, repo, older, newer)
	if errors.Is(err, git.ErrGone) {
		return false, nil
	}
	return is, err
}

func (w *world) git(args ...string) string {
	w.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.gh.GitDir(repoName)
	cmd.Env = append(cmd.Environ(), "GIT_AUTHOR_NAME=Octo", "GIT_AUTHOR_EMAIL=o@example.com", "GIT_COMMITTER_NAME=Octo",
		"GIT_COMMITTER_EMAIL=o@example.com", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// commit puts a commit on top of a ref, and gives what was there and what is.
func (w *world) commit(ref string) (before, after string) {
	w.Helper()
	before = githubtest.Zero
	tree := w.git("hash-object", "-t", "tree", "-w", "/dev/null")
	args := []string{"commit-tree", "-m", fmt.Sprint(len(w.gh.Deliveries()), w.db.Clock.Now().UnixNano())}
	if w.git("for-each-ref", ref) != "" {
		before = w.git("rev-parse", ref)
		args = append(args, "-p", before)
	}
	after = w.git(append(args, tree)...)
	w.git("update-ref", ref, after)
	return before, after
}

// push commits to a ref and delivers that; guid "" is a new one.
func (w *world) push(ref, guid string) (githubtest.Answer, string) {
	w.Helper()
	before, after := w.commit(ref)
	return w.deliver(guid, w.gh.PushPayload(repoName, ref, before, after)), after
}

func (w *world) deliver(guid string, payload []byte) githubtest.Answer {
	w.Helper()
	w.db.Pass(time.Second)
	answer, err := w.gh.Deliver(w.Context(), githubtest.Delivery{HookID: w.hook.ID, GUID: guid, Event: "push", Payload: payload})
	if err != nil && !w.down.Load() {
		w.Fatal(err)
	}
	return answer
}

func (w *world) sweep() {
	w.Helper()
	if _, err := w.sweeper.Sweep(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) rounds() {
	w.Helper()
	for range 2 {
		if _, err := w.reconciler.Round(w.Context()); err != nil {
			w.Fatal(err)
		}
		w.db.Pass(refs.DefaultGrace)
	}
}

func (w *world) covered() string {
	w.Helper()
	return ok(w.sweeper.Coverage(w.Context()))(w).String()
}

// judged gives the stored events in order: provenance, name, and what Order says.
func (w *world) judged() []string {
	w.Helper()
	runs := ok(w.store.Runs(w.Context(), store.Query{}))(w)
	list := make([]string, 0, len(runs))
	for i := len(runs) - 1; i >= 0; i-- {
		e := runs[i].Event
		reason := ok(w.order.Outdated(w.Context(), e))(w)
		word, _, _ := strings.Cut(reason, ":")
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Provenance, e.Name, word)))
	}
	return list
}

func (w *world) wants(want ...string) {
	w.Helper()
	if diff := cmp.Diff(want, w.judged()); diff != "" {
		w.Errorf("(-want +got)\n%s", diff)
	}
}

// TestAgentWasDown: what was pushed meanwhile is taken in, the newest runs, and a
// redelivery by hand is none more.
func TestAgentWasDown(t *testing.T) {
	w := newWorld(t)
	w.push(main, "")
	w.down.Store(true)
	var guids []string
	for range 3 {
		w.db.Pass(time.Minute)
		answer, _ := w.push(main, "")
		guids = append(guids, answer.GUID)
	}
	w.down.Store(false)
	w.draw()
	w.sweep()
	w.wants("webhook push", "recovered push outdated", "recovered push outdated", "recovered push")
	if got, want := w.covered(), "72 h: 4 events, 1 delivered, 3 recovered, 0 gaps"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, d := range w.gh.Deliveries() {
		if d.GUID == guids[1] {
			if again := w.deliver(d.GUID, d.Payload); again.Code != http.StatusOK || !strings.Contains(again.Body, `"duplicate":true`) {
				t.Errorf("delivered again: %+v", again)
			}
			break
		}
	}
	w.push(main, "")
	w.sweep()
	w.wants("webhook push", "recovered push outdated", "recovered push outdated", "recovered push outdated", "webhook push")
}

// TestStoreWasFull: what was answered 503 is missing, what was stored is not.
func TestStoreWasFull(t *testing.T) {
	w := newWorld(t)
	w.push(main, "")
	w.full.Store(true)
	if answer, _ := w.push(main, ""); answer.Code != http.StatusServiceUnavailable {
		t.Fatalf("%+v", answer)
	}
	w.full.Store(false)
	w.sweep()
	w.wants("webhook push", "recovered push")
	runs := ok(w.store.Runs(t.Context(), store.Query{}))(t)
	run, _, err := w.store.Run(t.Context(), runs[0].Event.ID)
	if err != nil {
		t.Fatal(err)
	}
	last := w.gh.Deliveries()[len(w.gh.Deliveries())-1]
	if run.Event.ID != "github:"+last.GUID || string(run.Event.Payload) != string(last.Payload) {
		t.Errorf("%s, whose payload is %s", run.Event.ID, run.Event.Payload)
	}
}

// TestReplayedUnderAnotherID: the same bytes under a new id are a duplicate; the
// sweep does not take them for a missed event.
func TestReplayedUnderAnotherID(t *testing.T) {
	w := newWorld(t)
	w.push(main, "")
	payload := w.gh.Deliveries()[0].Payload
	if answer := w.deliver("another-id", payload); !strings.Contains(answer.Body, `"duplicate":true`) {
		t.Fatalf("%+v", answer)
	}
	w.sweep()
	w.sweep()
	w.wants("webhook push")
	if got := w.covered(); got != "72 h: 2 events, 2 delivered, 0 recovered, 0 gaps" {
		t.Error(got)
	}
}

// TestWrongSecret: what we refuse stays refused.
func TestWrongSecret(t *testing.T) {
	w := newWorld(t)
	w.push(main, "")
	before, after := w.commit(main)
	answer, err := w.gh.Deliver(t.Context(), githubtest.Delivery{HookID: w.hook.ID, Secret: "old", Event: "push", Payload: w.gh.PushPayload(repoName, main, before, after)})
	if err != nil || answer.Code != http.StatusUnauthorized {
		t.Fatalf("%+v, %v", answer, err)
	}
	w.sweep()
	w.wants("webhook push")
	if got := w.covered(); got != "72 h: 2 events, 1 delivered, 0 recovered, 0 gaps, 1 refused" {
		t.Error(got)
	}
}

// TestLate: by ancestry, where neither the head nor what was delivered tells.
func TestLate(t *testing.T) {
	w := newWorld(t)
	w.push(main, "")
	type moved struct{ before, after string }
	var pushes []moved
	for range 5 {
		before, after := w.commit(main)
		pushes = append(pushes, moved{before, after})
	}
	for _, i := range []int{3, 1, 0} { // the others are still on their way
		w.deliver("", w.gh.PushPayload(repoName, main, pushes[i].before, pushes[i].after))
	}
	w.wants("webhook push", "webhook push", "webhook push outdated", "webhook push outdated")
	forced := w.git("commit-tree", "-m", "forced", w.git("hash-object", "-t", "tree", "-w", "/dev/null"))
	w.git("update-ref", main, forced)
	w.deliver("", w.gh.PushPayload(repoName, main, pushes[4].after, forced))
	w.wants("webhook push", "webhook push", "webhook push outdated", "webhook push outdated", "webhook push")
}

// TestTwoHooks: one GUID from a repository's and an organization's hook is one event.
func TestTwoHooks(t *testing.T) {
	w := newWorld(t)
	org := w.gh.AddUser(githubtest.User{Login: "octo", Type: "Organization"})
	second := w.gh.AddHook(githubtest.Hook{Org: "octo", Secret: "s", URL: w.hook.URL})
	payload := func() []byte {
		before, after := w.commit(main)
		return w.gh.Payload(repoName, "octo", map[string]any{
			"ref": main, "before": before, "after": after, "organization": map[string]any{"id": org.ID, "login": "octo"},
		})
	}
	both := func(guid string) {
		body := payload()
		for _, hook := range []int64{w.hook.ID, second.ID} {
			_, _ = w.gh.Deliver(t.Context(), githubtest.Delivery{HookID: hook, GUID: guid, Event: "push", Payload: body})
		}
	}
	body := payload()
	if _, err := w.gh.Deliver(t.Context(), githubtest.Delivery{HookID: second.ID, GUID: "only-org", Event: "push", Payload: body}); err != nil {
		t.Fatal(err)
	}
	both("delivered")
	w.down.Store(true)
	both("missed")
	w.down.Store(false)
	w.sweep()
	w.wants("webhook push", "webhook push", "recovered push")
	if got := w.covered(); got != "72 h: 3 events, 2 delivered, 1 recovered, 0 gaps" {
		t.Error(got)
	}
}

// TestNoPermission: the statement says which hook can't be read, and why.
func TestNoPermission(t *testing.T) {
	w := newWorld(t)
	w.push(main, "")
	w.gh.SetRole(repoName, w.gh.Login(), githubtest.RoleWrite)
	w.sweep()
	c := ok(w.sweeper.Coverage(t.Context()))(t)
	if len(c.Hooks) != 1 || !strings.Contains(c.Hooks[0].Hint, "Webhooks: read") || !strings.Contains(c.String(), "webhook "+fmt.Sprint(w.hook.ID)+" of octo/hello: ") {
		t.Errorf("%+v: %s", c.Hooks, c)
	}
}

// TestRenamedWhileDown: hook and repository keep their ids.
func TestRenamedWhileDown(t *testing.T) {
	w := newWorld(t)
	w.push(main, "")
	w.rounds()
	w.gh.Rename(repoName, "octo/renamed")
	w.down.Store(true)
	w.push(main, "")
	w.down.Store(false)
	w.sweep()
	w.rounds()
	w.wants("webhook push", "recovered push")
	repos := ok(w.store.Repositories(t.Context(), "github"))(t)
	if len(repos) != 1 || repos[0].FullName() != "octo/renamed" {
		t.Errorf("%+v", repos)
	}
}

// TestFourTags: GitHub sends nothing when more than three tags are pushed at once.
func TestFourTags(t *testing.T) {
	w := newWorld(t)
	_, head := w.push(main, "")
	w.git("tag", "old", head)
	w.rounds()
	w.wants("webhook push")
	for i := range 4 {
		w.git("tag", fmt.Sprintf("v%d", i), head)
	}
	w.rounds()
	w.wants("webhook push", "recovered tag", "recovered tag", "recovered tag", "recovered tag")
	// One is delivered after all.
	w.deliver("", w.gh.PushPayload(repoName, "refs/tags/v2", githubtest.Zero, head))
	w.wants("webhook push", "recovered tag", "recovered tag", "recovered tag", "recovered tag", "webhook tag absorbed")
	w.rounds()
	if got := len(w.judged()); got != 6 {
		t.Errorf("%d events", got)
	}
	for _, r := range ok(w.store.Runs(t.Context(), store.Query{}))(t) {
		if r.Event.Name == "tag" && (r.Event.SHA != head || r.Event.SHATrust != event.Trusted || !strings.HasPrefix(r.Event.Filter, "v")) {
			t.Errorf("%+v", r.Event)
		}
	}
}

// TestMovedWithoutDelivery: a branch and pull requests that moved become events;
// a fork's head is not trusted.
func TestMovedWithoutDelivery(t *testing.T) {
	w := newWorld(t)
	_, base := w.push(main, "")
	w.gh.AddRepo(githubtest.Repo{Owner: "eve", Name: "hello"})
	w.gh.AddPull(repoName, githubtest.Pull{Number: 1, Head: repoName, HeadRef: "topic", HeadSHA: base, BaseSHA: base})
	w.rounds()
	_, head := w.commit(main)
	_, own := w.commit("refs/heads/topic")
	w.gh.AddPull(repoName, githubtest.Pull{Number: 1, Head: repoName, HeadRef: "topic", HeadSHA: own, BaseSHA: base})
	w.gh.AddPull(repoName, githubtest.Pull{Number: 2, Head: "eve/hello", HeadRef: "topic", HeadSHA: head, BaseSHA: base})
	w.rounds()
	w.wants("webhook push", "recovered push", "recovered push", "recovered pull_request", "recovered pull_request")
	runs := ok(w.store.Runs(t.Context(), store.Query{Event: "pull_request"}))(t)
	if fork := runs[1].Event; fork.Action != "opened" || fork.SHATrust != event.Untrusted || fork.PullRequest != 2 {
		t.Errorf("%+v", fork)
	}
	if same := runs[0].Event; same.Action != "synchronize" || same.SHATrust != event.Trusted || same.SHA != own {
		t.Errorf("%+v", same)
	}
	if c := ok(w.sweeper.Coverage(t.Context()))(t); c.Found != 4 {
		t.Errorf("%d found", c.Found)
	}
}

// TestNameTakenOver: who takes a repository's name is not taken for it.
func TestNameTakenOver(t *testing.T) {
	w := newWorld(t)
	w.push(main, "")
	w.rounds()
	w.gh.Remove(repoName)
	w.repo = w.gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello"})
	w.commit(main)
	w.rounds()
	if got := len(ok(w.store.Runs(t.Context(), store.Query{}))(t)); got != 1 {
		t.Errorf("%d events", got)
	}
	if c := ok(w.sweeper.Coverage(t.Context()))(t); len(c.Repositories) != 1 || c.Repositories[0].Problem == "" {
		t.Errorf("%+v", c.Repositories)
	}
}

// TestGitHubIsDown: everything is made up for when it is back.
func TestGitHubIsDown(t *testing.T) {
	w := newWorld(t)
	w.push(main, "")
	w.sweep()
	w.rounds()
	w.down.Store(true)
	w.push(main, "")
	w.down.Store(false)
	w.git("tag", "v1", main)
	for _, kind := range []githubtest.OutageKind{githubtest.BadGateway, githubtest.Down, githubtest.Unauthorized} {
		w.gh.SetOutage(githubtest.Outage{Kind: kind})
		if _, err := w.sweeper.Sweep(t.Context()); err == nil {
			t.Errorf("%s: nobody was told", kind)
		}
		if _, err := w.reconciler.Round(t.Context()); err == nil {
			t.Errorf("%s: nobody was told", kind)
		}
	}
	w.gh.SetOutage(githubtest.Outage{Kind: githubtest.Secondary, RetryAfter: 1200})
	if next, err := w.sweeper.Sweep(t.Context()); err == nil || next != 20*time.Minute {
		t.Errorf("the next sweep is in %s (%v)", next, err)
	}
	w.gh.ClearOutage()
	w.draw()
	w.sweep()
	w.rounds()
	w.wants("webhook push", "recovered push", "recovered tag")
}

// TestMoreThanTheShare: 600 deliveries of three days were missed, and GitHub may be
// asked 250 times an hour: it takes hours. The newest is in at once, what is missed
// meanwhile soon, refs are looked at, no hour has more than its share, and GitHub
// forgets nothing before it is fetched.
func TestMoreThanTheShare(t *testing.T) {
	const missed, share = 600, 250
	w := newWorld(t)
	w.log, w.share = zerolog.Nop(), share
	w.draw()
	w.push(main, "")
	var guids []string
	lose := func() {
		guids = append(guids, w.gh.Lose(githubtest.Delivery{HookID: w.hook.ID, Event: "issues", Payload: w.gh.Payload(repoName, "octo", map[string]any{
			"action": "opened", "issue": map[string]any{"number": len(guids) + 1},
		})}))
	}
	for range missed {
		lose()
		w.db.Pass(7 * time.Minute)
	}
	stored := func(guids ...string) int {
		t.Helper()
		ids := make([]string, len(guids))
		for i, guid := range guids {
			ids[i] = "github:" + guid
		}
		return len(ok(w.store.Known(t.Context(), ids))(t))
	}
	cost := func() (n int) {
		for _, r := range w.gh.Requests() {
			if r.Status != http.StatusNotModified {
				n++
			}
		}
		return n
	}
	began := w.db.Clock.Now()
	spent := map[time.Duration]int{}
	for {
		before, after := cost(), w.db.Clock.Now().Sub(began)
		if after%(20*time.Minute) == 0 {
			w.draw() // an agent that is started again has no more
		}
		w.sweep()
		if _, err := w.reconciler.Round(t.Context()); err != nil {
			t.Fatalf("refs after %s: %v", after, err)
		}
		spent[after.Truncate(time.Hour)] += cost() - before
		c := ok(w.sweeper.Coverage(t.Context()))(t)
		if after == 0 && (stored(guids[0], guids[missed-1]) != 2 || c.Pending != c.Gaps || c.Gaps < missed-share) {
			t.Errorf("after the first sweep: %s", c)
		}
		if after%time.Hour == 0 {
			t.Logf("after %s: %s", after, c)
		}
		if c.Gaps == 0 {
			break
		}
		if after == 4*time.Hour {
			t.Fatalf("after %s: %s", after, c)
		}
		if after == 30*time.Minute {
			lose()
		}
		if after == 65*time.Minute && stored(guids[missed]) != 1 {
			t.Error("what was missed meanwhile is not in")
		}
		w.db.Pass(recover.DefaultEvery)
	}
	if got := stored(guids...); got != len(guids) {
		t.Errorf("%d of %d are in", got, len(guids))
	}
	for hour, n := range spent {
		if n > share {
			t.Errorf("%d requests in the hour after %s", n, hour)
		}
	}
}
