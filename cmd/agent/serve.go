package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/engine"
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

// agent is the line that an event travels, and what it is made of.
type agent struct {
	settings *config.Agent
	log      zerolog.Logger
	secrets  *scrub.Scrubber
	creds    config.Credentials
	policy   policy
	urls     github.URLs

	store      *store.Store
	mirrors    *git.Mirrors
	github     *github.Client
	engine     runtime
	dispatcher *dispatch.Dispatcher
	sender     *status.Sender
	hooks      *webhook.Handler
	deliveries *webhook.Server
	api        *web.Server // nil: the operator left it out
	recoverer  recoverer
	background sync.WaitGroup
}

// serve draws the line, starts it from its end to its beginning, so that nothing
// flows into what is not there yet, and stops it the other way round.
func serve(ctx context.Context, w world, settings *config.Agent, env *config.Environment) (err error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(errStopping)
	a := &agent{settings: settings}
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
	var apiFailed <-chan error
	if a.api != nil {
		apiFailed = a.api.Failed()
	}
	select {
	case <-ctx.Done():
		a.log.Info().Dur("grace", settings.ShutdownGrace).Msg("shutting down")
	case err = <-a.deliveries.Failed():
	case err = <-apiFailed:
	}
	end(errStopping)
	a.stop(ctx)
	return err
}

// operator settles what the operator decided, before anything is opened.
func (a *agent) operator(w world, env *config.Environment) (err error) {
	if a.creds, err = env.Credentials(); err != nil {
		return err
	}
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

// stages makes every stage, in the order in which an event meets them.
func (a *agent) stages(ctx context.Context, w world) (err error) {
	receiver, err := a.receiver(w)
	if err != nil {
		return err
	}
	if a.store, err = store.Open(ctx, store.Config{Dir: a.settings.DataDir, Owner: owner(), LeaseFor: w.trial.leaseFor, Clock: w.clock, Log: a.log}); err != nil {
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
	if a.github, err = github.NewClient(github.ClientConfig{
		URLs: a.urls, Token: github.StaticToken(a.creds.Token), Clock: w.clock, Log: a.log,
	}); err != nil {
		return err
	}
	if a.engine, err = makeEngine(w, a.settings, a.creds.CloudToken, a.log, nil); err != nil {
		return err
	}
	if err := a.makeRecoverer(w, receiver); err != nil {
		return err
	}
	j := a.joints(w)
	lanes, err := a.lanes(ctx, w, j.engine)
	if err != nil {
		return err
	}
	a.dispatcher = dispatch.New(dispatch.Config{
		Queue: j.queue, Recorder: j.recorder, Identities: a.store,
		Repositories: renamed{a.mirrors, a.github}, Permissions: a.github, Policy: a.policy, Strangers: a.policy, Engine: j.engine, Lanes: lanes,
		Order: a.store, Slots: a.store, News: a.recoverer.order,
		MaxEvents: a.settings.MaxEvents, MaxCalls: a.settings.MaxCalls, CallTimeout: a.settings.CallTimeout,
		Scrub: a.secrets.String, Clock: w.clock, Log: a.log,
	})
	if a.sender, err = status.New(status.Config{
		Runs: j.runs, Outbox: j.outbox, Watch: a.store, Statuses: j.statuses, Budget: w.trial.budget,
		Scrub: a.secrets.String, Clock: w.clock, Log: a.log,
	}); err != nil {
		return err
	}
	if a.hooks, err = webhook.New(webhook.Config{
		Vendors: map[string]webhook.Vendor{"github": receiver}, Default: "github",
		Store: j.keeper, Admit: admit(a.settings.Repos), Ready: webhook.ReadyFunc(a.ready),
		Clock: w.clock, Log: a.log,
	}); err != nil {
		return err
	}
	a.deliveries = webhook.NewServer(webhook.ServerConfig{Addr: a.settings.Listen, Handler: a.hooks, Log: a.log})
	return a.makeAPI(w)
}

// receiver knows genuine deliveries.
func (a *agent) receiver(w world) (*github.Receiver, error) {
	secrets, err := github.ParseSecrets(a.creds.Hook)
	if err != nil {
		return nil, err
	}
	return github.NewReceiver(github.Config{Secrets: secrets, Login: a.creds.Username, Clock: w.clock})
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

// remote is where a repository is cloned from, and with what.
func (a *agent) remote(r event.Repo) (git.Remote, error) {
	url, err := a.urls.Clone(r)
	if err != nil {
		return git.Remote{}, err
	}
	return git.Remote{URL: url, Username: a.creds.Username, Token: a.creds.Token}, nil
}

// makeEngine makes the engine with a key and caches of its own in the data folder.
func makeEngine(w world, settings *config.Agent, cloudToken string, log zerolog.Logger, live func(string) io.Writer) (runtime, error) {
	key, err := sessionKey(settings.DataDir)
	if err != nil {
		return nil, err
	}
	return w.engine(engine.Config{
		RunnerHost: settings.Engine, Dir: filepath.Join(settings.DataDir, "engine"), Key: key,
		CloudToken: cloudToken, Environ: w.process.Environ(), AllowUnpinned: settings.AllowUnpinned,
		Clock: w.clock, Log: log,
	}, live)
}

// start opens the line from its end.
func (a *agent) start(ctx context.Context) error {
	if err := a.sender.Start(ctx); err != nil {
		return err
	}
	a.dispatcher.Start(ctx)
	if a.api != nil {
		at, err := a.api.Start(ctx)
		if err != nil {
			return err
		}
		a.log.Info().Stringer("address", at).Msg("the API listens")
	}
	at, err := a.deliveries.Start(ctx)
	if err != nil {
		return err
	}
	a.log.Info().Stringer("address", at).Str("data_dir", a.settings.DataDir).Msg("webhooks are taken")
	a.background.Go(func() { a.lookForEngine(ctx) })
	return a.recoverer.start(ctx)
}

// stop closes the line from its beginning. What is in flight has the grace to
// end; then it is handed back to the store.
func (a *agent) stop(ctx context.Context) {
	grace, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), a.settings.ShutdownGrace, errStopping)
	defer cancel()
	for _, end := range []func(context.Context) error{
		a.deliveries.Stop,
		a.recoverer.stop,
		func(ctx context.Context) error { a.dispatcher.Stop(ctx); return nil },
		a.sender.Stop,
	} {
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
