package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/engine/offline"
	"github.com/franela/pocketci/engine/scrub"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/source/local"
	"github.com/franela/pocketci/vcs/git"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/web"
)

// localRun is what `agent run` is asked for.
type localRun struct {
	settings config.Agent
	request  local.Request
	payload  string // a file
	base     string
	module   string
	dryRun   bool
	json     bool
}

// localCommand is `agent run`.
func localCommand(w world, env *config.Environment) *cobra.Command {
	var l localRun
	c := &cobra.Command{
		Use:   "run",
		Short: "Take an event to have happened on the working tree, and call what handles it",
		Long: "Does what the agent does for a webhook, on the working tree: uncommitted files included, ignored\n" +
			"ones not. Needs no webhook variables, and reports to nobody.\n\n" +
			"Exit code 0: nothing failed; 1: a call failed; 2: usage or configuration; 3: no engine.",
		Example: "  agent run --event push --filter main --dry-run\n" +
			"  agent run --event pull_request --action opened --base origin/main\n" +
			"  agent run --event issue_comment --payload comment.json --json",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := complete(&l.settings, c, env); err != nil {
				return err
			}
			return l.run(c.Context(), w, env)
		},
	}
	f := c.Flags()
	f.StringVar(&l.request.Name, "event", "push", "the event, as in function names: push, tag, pull_request, issues, …")
	f.StringVar(&l.request.Action, "action", "", "its action, such as opened")
	f.StringVar(&l.request.Filter, "filter", "", "the branch, the tag or the action (default: the current branch, or --action)")
	f.StringVar(&l.payload, "payload", "", "a file with the code host's payload (default: one is made from what git knows)")
	f.StringVar(&l.base, "base", "", "what changed files are taken against (default: the merge base with the default branch)")
	f.StringVar(&l.module, "module", "", "the module's folder (default: what pocketci.yaml says)")
	f.BoolVar(&l.dryRun, "dry-run", false, "decide, but call nothing; Go modules need no engine for it")
	f.BoolVar(&l.json, "json", false, "print one JSON object, as the API's /api/events/{id} does")
	l.settings.BindRun(f, w.machine)
	if level := f.Lookup("log-level"); level != nil {
		l.settings.LogLevel, level.DefValue = "warn", "warn"
	}
	return c
}

// run takes the event from the working tree to its end.
func (l *localRun) run(ctx context.Context, w world, env *config.Environment) error {
	operator, log, secrets, err := l.operator(w, env)
	if err != nil {
		return err
	}
	tree, info, err := git.Worktree(ctx, ".", l.base, git.WorktreeConfig{Environ: w.process.Environ()})
	if err != nil {
		return err
	}
	defer closeFiles(tree)
	e, err := l.event(tree, info, w.clock())
	if err != nil {
		return err
	}
	n := &narrator{out: w.out}
	book := &ledger{run: run.Run{Event: e, State: run.Running, Begun: w.clock()}, clock: w.clock, told: l.teller(n)}
	engine, err := l.engine(w, operator.env, log, n)
	if err != nil {
		return err
	}
	d := dispatch.New(dispatch.Config{
		Recorder: book, Identities: book,
		Repositories: worktree{tree}, Policy: localPolicy{operator, l.module}, Strangers: operator, Engine: engine,
		MaxCalls: l.settings.MaxCalls, CallTimeout: l.settings.CallTimeout, DryRun: l.dryRun,
		Scrub: secrets.String, Clock: w.clock, Log: log,
	})
	if err := l.work(ctx, d, book, engine); err != nil {
		return err
	}
	return l.conclude(w, n, book.now())
}

// operator settles what the person at the command line grants.
func (l *localRun) operator(w world, env *config.Environment) (policy, zerolog.Logger, *scrub.Scrubber, error) {
	secrets := scrub.New()
	grants, err := config.ParseGrants(l.settings.AllowSecret, true)
	if err != nil {
		return policy{}, zerolog.Nop(), secrets, &event.Problem{Public: "--allow-secret: " + err.Error()}
	}
	if err := env.TakeGranted(grants); err != nil {
		return policy{}, zerolog.Nop(), secrets, err
	}
	secrets = scrub.New(env.Sensitive()...)
	if err := os.MkdirAll(l.settings.DataDir, 0o700); err != nil {
		return policy{}, zerolog.Nop(), secrets, fmt.Errorf("make the data folder: %w", err)
	}
	log, err := newLog(w, &l.settings, secrets)
	return policy{env: env, grants: grants}, log, secrets, err
}

// event makes the event, from the payload if there is one.
func (l *localRun) event(tree run.Tree, info git.Info, now time.Time) (event.Event, error) {
	repo := event.Repo{Owner: info.Owner, Name: info.Name, DefaultBranch: info.DefaultBranch}
	if repo.Name == "" {
		repo.Owner, repo.Name = "local", filepath.Base(info.Top)
	}
	facts := local.Facts{
		Repo: repo,
		SHA:  tree.SHA, Branch: info.Branch, Base: info.Base, BaseRef: info.DefaultBranch,
		Message: info.Message, AuthorName: info.AuthorName, AuthorEmail: info.AuthorEmail, CommittedAt: info.CommittedAt,
	}
	id := "local:" + now.UTC().Format("20060102T150405.000000000Z")
	e, err := local.Event(l.request, facts, id, now)
	if err != nil || l.payload == "" {
		return e, err
	}
	body, err := os.ReadFile(l.payload)
	if err != nil {
		return e, &event.Problem{Public: "--payload: " + l.payload + " can't be read", Err: err}
	}
	sent, err := github.Convert(http.Header{"X-Github-Event": {e.Type}, "X-Github-Delivery": {"local"}}, body, github.Own{})
	if err != nil {
		return e, err
	}
	return local.WithPayload(e, sent), nil
}

// teller shows steps as they come, unless the answer is JSON.
func (l *localRun) teller(n *narrator) func(run.Progress) {
	if l.json {
		return nil
	}
	return func(p run.Progress) {
		if p.Decisions != nil {
			n.decisions(p.Decisions)
		}
		for _, r := range p.Results {
			n.result(r)
		}
	}
}

// engine is the real one. A dry run reads Go modules from their source, and asks
// the engine only for others.
func (l *localRun) engine(w world, env *config.Environment, log zerolog.Logger, n *narrator) (runtime, error) {
	live := n.live
	if l.json {
		live = nil
	}
	creds, _ := env.Credentials(config.Role{}) // a local run needs none of them
	e, err := makeEngine(w, &l.settings, creds.CloudToken, log, live)
	if err != nil || !l.dryRun {
		return e, err
	}
	return sourceFirst{e}, nil
}

// sourceFirst reads tables from the source where it can.
type sourceFirst struct{ runtime }

// Table reads a Go module's source; what can't be read there, an engine has to
// say, if there is one.
func (s sourceFirst) Table(ctx context.Context, src run.Source) (run.Table, error) {
	table, err := offline.Read(ctx, src.Tree.Files, src.ModulePath)
	if err != nil && s.Ping(ctx) == nil {
		return s.runtime.Table(ctx, src)
	}
	return table, err
}

// work works on the run until it has ended. What an agent would wait for without
// end, a person is told at once.
func (l *localRun) work(ctx context.Context, d *dispatch.Dispatcher, book *ledger, e runtime) error {
	for {
		d.Process(ctx, run.Work{Run: book.now()})
		r := book.now()
		switch {
		case r.State.Final():
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("run: %w", context.Cause(ctx))
		case r.State == run.Waiting:
			if err := e.Ping(ctx); err != nil {
				return err
			}
			return &event.Problem{Public: "waiting for " + r.Waits}
		}
	}
}

// conclude prints the end and gives the exit code's error.
func (l *localRun) conclude(w world, n *narrator, r run.Run) error {
	if l.json {
		if err := web.Encode(w.out, web.Detail(r, nil)); err != nil {
			return fmt.Errorf("print the run: %w", err)
		}
	} else {
		n.end(r)
	}
	for _, c := range r.Calls {
		if c.Result != nil && c.Result.Outcome != run.Success {
			return errFailed
		}
	}
	switch {
	case r.Problem != nil:
		return &event.Problem{Public: r.Problem.Public, Hint: r.Problem.Hint}
	case r.Outcome == run.Errored:
		return &event.Problem{Public: "a function can't be called as it is written"}
	case r.State == run.Recorded:
		return &event.Problem{Public: r.Note}
	}
	return nil
}

// worktree gives the one tree that there is.
type worktree struct{ tree run.Tree }

// Checkout gives the working tree.
func (t worktree) Checkout(context.Context, event.Event) (run.Tree, error) { return t.tree, nil }

// Reachable is never asked of a local event; what is here is the person's own.
func (worktree) Reachable(context.Context, event.Repo, string) (bool, error) { return true, nil }

// localPolicy lets --module choose the module.
type localPolicy struct {
	policy
	module string
}

// Settings reads pocketci.yaml and keeps the chosen module.
func (p localPolicy) Settings(ctx context.Context, e event.Event, t run.Tree) (run.Settings, error) {
	s, err := p.policy.Settings(ctx, e, t)
	if p.module == "" || err != nil {
		return s, err
	}
	chosen := path.Clean(filepath.ToSlash(p.module))
	if strings.HasPrefix(chosen, "..") || path.IsAbs(chosen) {
		return s, &event.Problem{Public: "--module: " + p.module + " is outside the repository", Hint: "give a folder relative to the repository's root"}
	}
	for _, m := range s.Modules {
		if m.Path == chosen {
			return run.Settings{Modules: []run.Module{m}, Named: s.Named}, nil
		}
	}
	return run.Settings{Modules: []run.Module{{Path: chosen, Depth: 1}}}, nil
}

// closeFiles ends what a tree's files hold open.
func closeFiles(t run.Tree) {
	if c, ok := t.Files.(interface{ Close() error }); ok {
		_ = c.Close()
	}
}
