package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/engine/scrub"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/source/webhook"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/vcs/git"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/web"
)

// errStopping is why everything ends.
var errStopping = errors.New("the agent is shutting down")

// agent is the line that an event travels, and what it is made of. An agent that
// only receives has the first half of it, one that only works the second.
type agent struct {
	role     config.Role
	settings *config.Agent
	log      zerolog.Logger
	secrets  *scrub.Scrubber
	creds    config.Credentials
	policy   policy
	urls     github.URLs

	store *store.Store

	// Of one that receives.
	hooks *webhook.Handler

	// Of one that works.
	unlock     func() error // gives the data folder back
	mirrors    *git.Mirrors
	github     *github.Client
	app        *github.App // nil: the credential is an account's token
	budget     budget
	engine     runtime
	away       runtime // for commits of forks; nil: none, or the same
	dispatcher *dispatch.Dispatcher
	sender     *status.Sender
	recoverer  recoverer
	janitor    *janitor

	front      *webhook.Server // deliveries and health; nil: neither
	api        *web.Server     // nil: the operator left it out
	background sync.WaitGroup
}

// serve draws the line, starts it from its end to its beginning, so that nothing
// flows into what is not there yet, and stops it the other way round.
func serve(ctx context.Context, w world, role config.Role, settings *config.Agent, env *config.Environment) (err error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(errStopping)
	a := &agent{role: role, settings: settings}
	if err := a.operator(w, env); err != nil {
		return err
	}
	if err := a.stages(ctx, w); err != nil {
		return errors.Join(err, a.close())
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.start(ctx); err != nil {
		a.stop(ctx)
		return err
	}
	var frontFailed, apiFailed <-chan error
	if a.front != nil {
		frontFailed = a.front.Failed()
	}
	if a.api != nil {
		apiFailed = a.api.Failed()
	}
	select {
	case <-ctx.Done():
		a.log.Info().Dur("grace", settings.ShutdownGrace).Msg("shutting down")
	case err = <-frontFailed:
	case err = <-apiFailed:
	}
	end(errStopping)
	a.stop(ctx)
	return err
}

// operator settles what the operator decided, before anything is opened.
func (a *agent) operator(w world, env *config.Environment) (err error) {
	if err := a.sharing(); err != nil {
		return err
	}
	if a.creds, err = env.Credentials(a.role); err != nil {
		return err
	}
	a.settings.Store = env.Store(a.settings.Store)
	grants, err := a.settings.Grants()
	if err != nil {
		return &event.Problem{Public: "--allow-secret: " + err.Error()}
	}
	if err := env.TakeGranted(grants); err != nil {
		return err
	}
	a.policy = policy{env: env, grants: grants, strangers: a.settings.AllowStranger, bots: a.settings.TrustBot, untrusted: a.settings.Untrusted}
	if a.urls, err = github.NewURLs(a.settings.GitHubURL, a.settings.GitHubAPIURL); err != nil {
		return err
	}
	a.secrets = scrub.New(env.Sensitive()...)
	a.log, err = newLog(w, a.settings, a.secrets)
	return err
}

// stages makes every stage of the agent's role, in the order in which an event
// meets them: it is taken in, worked off, reported and shown. The store, and what
// the stages work with, come first.
func (a *agent) stages(ctx context.Context, w world) error {
	if err := a.keeping(ctx, w); err != nil {
		return err
	}
	if a.role.Works {
		if err := a.tools(ctx, w); err != nil {
			return err
		}
	}
	j := a.joints(w)
	if a.role.Receives {
		if err := a.receiving(w, j); err != nil {
			return err
		}
	}
	if a.role.Works {
		if err := a.working(ctx, w, j); err != nil {
			return err
		}
		if err := a.reporting(w, j); err != nil {
			return err
		}
	}
	a.makeFront(w)
	return a.makeAPI(w)
}

// keeping makes what events are kept in.
func (a *agent) keeping(ctx context.Context, w world) (err error) {
	a.store, err = store.Open(ctx, store.Config{
		URL: a.settings.Store, Dir: a.settings.DataDir, Owner: owner(), LeaseFor: w.trial.leaseFor, Calm: w.trial.calm, ClaimFor: w.trial.claimFor, Clock: w.clock, Log: a.log,
	})
	return err
}

// tools makes what events are worked off with.
func (a *agent) tools(ctx context.Context, w world) (err error) {
	// The store's own lock is only of a SQLite file.
	if a.unlock, err = store.Lock(filepath.Join(a.settings.DataDir, "agent.lock")); err != nil {
		return err
	}
	if err := a.acceptRepositories(ctx); err != nil {
		return err
	}
	if a.mirrors, err = git.New(git.Config{
		Dir: filepath.Join(a.settings.DataDir, "mirrors"), Remote: a.remote,
		Environ: w.process.Environ(), Clock: w.clock, Log: a.log,
	}); err != nil {
		return err
	}
	if err := a.makeGitHub(w); err != nil {
		return err
	}
	a.makeBudget(w)
	if a.engine, err = makeEngine(w, a.settings, a.creds.CloudToken, a.log, nil); err != nil {
		return err
	}
	receiver, err := a.receiver(w)
	if err != nil {
		return err
	}
	a.makeJanitor(w)
	return a.makeRecoverer(w, receiver)
}

// receiving makes what takes deliveries in.
func (a *agent) receiving(w world, j joints) error {
	receiver, err := a.receiver(w)
	if err != nil {
		return err
	}
	a.hooks, err = webhook.New(webhook.Config{
		Vendors: map[string]webhook.Vendor{"github": receiver}, Default: "github",
		Store: j.keeper, Admit: admit(a.settings.Repos), Ready: webhook.ReadyFunc(a.ready),
		Clock: w.clock, Log: a.log,
	})
	return err
}

// receiver knows genuine deliveries. An agent that takes none needs no secret for
// them: it reads only those that the code host itself shows it.
func (a *agent) receiver(w world) (*github.Receiver, error) {
	c := github.Config{Login: a.creds.Username, AppID: a.creds.AppID, Clock: w.clock}
	if a.creds.Hook == "" && !a.role.Receives {
		return github.NewReader(c), nil
	}
	secrets, err := github.ParseSecrets(a.creds.Hook)
	if err != nil {
		return nil, err
	}
	c.Secrets = secrets
	return github.NewReceiver(c)
}

// working makes what works events off.
func (a *agent) working(ctx context.Context, w world, j joints) error {
	lanes, err := a.lanes(ctx, w, j.engine)
	if err != nil {
		return err
	}
	a.dispatcher = dispatch.New(dispatch.Config{
		Queue: j.queue, Recorder: j.recorder, Identities: a.store,
		Repositories: renamed{a.mirrors, a.github}, Permissions: a.github, Policy: a.policy, Strangers: a.policy, Engine: j.engine, Lanes: lanes,
		Order: j.order, Stops: a.store, Slots: a.store, Urgent: a.store, News: a.recoverer.order,
		MaxEvents: a.settings.MaxEvents, MaxCalls: a.settings.MaxCalls, CallTimeout: a.settings.CallTimeout, Calm: w.trial.calm,
		Scrub: a.secrets.String, Clock: w.clock, Log: a.log,
	})
	return nil
}

// reporting makes what tells the code host.
func (a *agent) reporting(w world, j joints) (err error) {
	a.sender, err = status.New(status.Config{
		Runs: j.runs, Outbox: j.outbox, Watch: a.store, Statuses: j.statuses,
		Permits: a.budget, Budget: a.budget.statuses, Account: a.budget.account,
		Scrub: a.secrets.String, Clock: w.clock, Log: a.log,
	})
	return err
}

// acceptRepositories takes the operator's word for names that changed hands.
func (a *agent) acceptRepositories(ctx context.Context) error {
	for name, id := range a.settings.AcceptRepo.All() {
		if err := a.store.AcceptRepository(ctx, "github", name, id); err != nil {
			return fmt.Errorf("accept repository %s: %w", name, err)
		}
		if err := a.store.Wake(ctx, id); err != nil {
			return fmt.Errorf("wake what waits for repository %s: %w", name, err)
		}
	}
	return nil
}

// start opens the line from its end.
func (a *agent) start(ctx context.Context) error {
	if a.role.Works {
		if err := a.sender.Start(ctx); err != nil {
			return err
		}
		a.dispatcher.Start(ctx)
		a.log.Info().Str("data_dir", a.settings.DataDir).Msg("events are worked off")
	}
	if a.api != nil {
		at, err := a.api.Start(ctx)
		if err != nil {
			return err
		}
		a.log.Info().Stringer("address", at).Msg("the API listens")
	}
	if a.front != nil {
		at, err := a.front.Start(ctx)
		if err != nil {
			return err
		}
		a.log.Info().Stringer("address", at).Bool("webhooks", a.role.Receives).Msg("deliveries and health are served")
	}
	if a.role.Works {
		a.background.Go(func() { a.lookForEngines(ctx) })
		a.janitor.Start(ctx)
	}
	return a.recoverer.start(ctx)
}

// stop closes the line from its beginning. What is in flight has the grace to
// end; then it is handed back to the store.
func (a *agent) stop(ctx context.Context) {
	grace, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), a.settings.ShutdownGrace, errStopping)
	defer cancel()
	var ends []func(context.Context) error
	if a.front != nil {
		ends = append(ends, a.front.Stop)
	}
	if a.role.Works {
		ends = append(ends, a.janitor.Stop, a.recoverer.stop, func(ctx context.Context) error { a.dispatcher.Stop(ctx); return nil }, a.sender.Stop)
	}
	for _, end := range ends {
		if err := end(grace); err != nil {
			a.log.Warn().Err(err).Msg("shutdown cut something short")
		}
	}
	if a.api != nil {
		if err := a.api.Stop(grace); err != nil {
			a.log.Debug().Err(err).Msg("shutdown cut something short")
		}
	}
	a.background.Wait()
}

// close gives back what the stages hold.
func (a *agent) close() error {
	var errs []error
	if a.mirrors != nil {
		errs = append(errs, a.mirrors.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.unlock != nil {
		errs = append(errs, a.unlock())
	}
	return errors.Join(errs...)
}

// owner names this process in leases, for people.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "agent"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
