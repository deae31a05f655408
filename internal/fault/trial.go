package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// Config says how hard the agent is tried.
type Config struct {
	// Command makes the agent's process, not yet started. Its environment and its
	// standard error are set here.
	Command func() *exec.Cmd
	// Env is what every start gets.
	Env []string
	// Dir is an empty folder for everything.
	Dir string

	// Happenings are what happens at the code host; about a sixth of them is
	// delivered more than once.
	Happenings int
	// Clients deliver at once.
	Clients int
	// Kills are kill -9 at random moments, Stops are SIGSTOP for longer than half
	// a lease (than lease and grace if there is a Rival), Ends are SIGTERM; Rounds is how often each named point is gone through.
	Kills, Stops, Ends, Rounds int
	// Lease is how long leases last.
	Lease time.Duration
	// Fake is the folder that controls a fake engine; empty: the engine is the real
	// one at Real (unix://… or tcp://…). With Faults it dies, hangs and is gone now
	// and then.
	Fake, Real string
	Faults     bool
	// Latency is how long each call of a fake engine takes.
	Latency time.Duration
	// Rival makes a second agent's process, which works on the same store all the
	// time; nil: there is none.
	Rival func() *exec.Cmd
	// Outage takes the store away and gives what brings it back; nil: it stays.
	Outage func() (end func())
	// Seed makes the same trial again, as far as the machine allows.
	Seed uint64
	// Log is told of each step.
	Log func(format string, args ...any)
}

// step is one life of the agent's process.
type step struct {
	kind  string // kill, stop, end or a point
	point string
	n     int
	after time.Duration
}

// steps are the lives, shuffled.
func (c Config) steps(random *rand.Rand) []step {
	var all []step
	moment := func() time.Duration {
		if random.IntN(3) == 0 {
			return time.Duration(random.IntN(60)) * time.Millisecond // while deliveries come in
		}
		return time.Duration(random.IntN(2000)) * time.Millisecond
	}
	for range c.Kills {
		all = append(all, step{kind: "kill", after: moment()})
	}
	for range c.Stops {
		all = append(all, step{kind: "stop", after: moment()})
	}
	for range c.Ends {
		all = append(all, step{kind: "end", after: moment()})
	}
	for range c.Rounds {
		for _, p := range Points() {
			most := max(2, min(c.Happenings/30, 8))
			if p == Verified || p == Stored {
				most = 2 // there are few deliveries in each step
			}
			all = append(all, step{kind: "point", point: p, n: 1 + random.IntN(most)})
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// delivery is one that is still to be made.
type delivery struct {
	of   *happening
	guid string
}

// trial is the test under way.
type trial struct {
	Config
	gh     *githubtest.Server
	agent  *agent
	second *agent // works on the same store all the time; nil: there is none
	engine engine
	random *rand.Rand
	all    []*happening

	mu      sync.Mutex
	pending []delivery
	// taken are the ids that were answered with 2xx, by GUID.
	taken  map[string]string
	report Report
}

var errPatience = errors.New("the agent took too long")

// patience is how long one step may take.
const patience = 2 * time.Minute

// Run tries the agent and gives what came of it. The report's Problems are what
// does not hold; an error is what kept the trial from its end.
func Run(ctx context.Context, c Config) (*Report, error) {
	random := rand.New(rand.NewPCG(c.Seed, c.Seed))
	gh, err := githubtest.Serve(githubtest.Config{Dir: filepath.Join(c.Dir, "github"), RateLimit: 1e9})
	if err != nil {
		return nil, err
	}
	defer gh.Close()
	t := &trial{Config: c, gh: gh, random: random, taken: map[string]string{}}
	t.report.reached = map[string]int{}
	if t.agent, err = t.newAgent(); err != nil {
		return nil, err
	}
	giveBack, err := t.supply()
	if err != nil {
		return nil, err
	}
	defer giveBack()
	if t.all, err = load(ctx, gh, c.Happenings, random); err != nil {
		return nil, err
	}
	t.plan()
	begun := time.Now()
	if err := t.live(ctx); err != nil {
		return &t.report, fmt.Errorf("%w\n%s", err, t.agent.said())
	}
	t.report.Took = time.Since(begun)
	return &t.report, nil
}

// supply makes the engine ready, and gives what ends it.
func (t *trial) supply() (end func(), err error) {
	if t.Fake != "" {
		t.engine = files{t.Fake}
		return func() {}, errors.Join(os.MkdirAll(t.Fake, 0o700),
			os.WriteFile(filepath.Join(t.Fake, "latency"), []byte(t.Latency.String()), 0o600))
	}
	l, err := newLink(t.Dir, t.Real)
	if err != nil {
		return nil, err
	}
	t.engine = l
	t.agent.env = append(t.agent.env, "POCKETCI_ENGINE="+l.host())
	return l.close, nil
}

func (t *trial) newAgent() (*agent, error) {
	listen, err := free()
	if err != nil {
		return nil, err
	}
	api, err := free()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(t.Dir, "data")
	return &agent{
		command: t.Command, hook: "http://" + listen, api: "http://" + api, dataDir: data,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: t.Clients}, Timeout: 10 * time.Second},
		env: append([]string{
			"GITHUB_USERNAME=" + t.gh.Login(), "GITHUB_TOKEN=" + t.gh.Token(), "X_HUB_SIGNATURE=" + secret,
			"POCKETCI_GITHUB_URL=" + t.gh.URL, "POCKETCI_LISTEN=" + listen, "POCKETCI_API_LISTEN=" + api,
			"POCKETCI_DATA_DIR=" + data, "POCKETCI_LOG_LEVEL=warn", "POCKETCI_LOG_FORMAT=json",
			"POCKETCI_SHUTDOWN_GRACE=1s", "POCKETCI_MAX_EVENTS=4", "POCKETCI_MAX_CALLS=4",
			TraceVariable + "=" + t.tracePath(), LeaseVariable + "=" + t.Lease.String(),
		}, t.Env...),
	}, nil
}

const secret = "s3cret"

func (t *trial) tracePath() string { return filepath.Join(t.Dir, "trace.jsonl") }

// plan puts the deliveries in an order: shuffled, with repetitions, the last part
// of them long after what happened later.
func (t *trial) plan() {
	for _, h := range t.all {
		for _, guid := range h.guids {
			t.pending = append(t.pending, delivery{h, guid})
		}
		if t.random.IntN(12) == 0 {
			t.pending = append(t.pending, delivery{h, h.guids[0]})
		}
	}
	t.random.Shuffle(len(t.pending), func(i, j int) { t.pending[i], t.pending[j] = t.pending[j], t.pending[i] })
}

// live lets the agent live and die, then live until all is done.
func (t *trial) live(ctx context.Context) error {
	if t.Rival != nil {
		if err := t.rival(); err != nil {
			return err
		}
		defer t.second.kill()
	}
	if err := t.plagued(ctx); err != nil {
		return err
	}
	if err := t.settle(ctx); err != nil || t.second == nil {
		return err
	}
	if t.second.dead() {
		return fmt.Errorf("the second agent has ended by itself: %w\n%s", t.second.exit, t.second.said())
	}
	return nil
}

// rival starts the second agent.
func (t *trial) rival() error {
	t.second = &agent{command: t.Rival, env: append(append([]string(nil), t.agent.env...),
		"POCKETCI_DATA_DIR="+filepath.Join(t.Dir, "rival"), "POCKETCI_API_LISTEN=off", "POCKETCI_HEALTH_LISTEN=off")}
	return t.second.start()
}

// plagued has the lives happen while engine and store come and go.
func (t *trial) plagued(ctx context.Context) error {
	plagues, stop := context.WithCancelCause(ctx)
	var gone sync.WaitGroup
	defer gone.Wait()
	defer stop(errDied)
	if t.Faults {
		gone.Go(func() { t.starve(plagues) })
	}
	if t.Outage != nil {
		gone.Go(func() { t.interrupt(plagues) })
	}
	return t.lives(ctx)
}

// interrupt takes the store away now and then.
func (t *trial) interrupt(ctx context.Context) {
	random := rand.New(rand.NewPCG(t.Seed, 2))
	for ctx.Err() == nil {
		pause(ctx, time.Duration(1500+random.IntN(3000))*time.Millisecond)
		end := t.Outage()
		pause(ctx, time.Duration(100+random.IntN(900))*time.Millisecond)
		end()
		t.mu.Lock()
		t.report.Outages++
		t.mu.Unlock()
	}
}

func (t *trial) lives(ctx context.Context) error {
	steps, late := t.steps(t.random), len(t.pending)/10
	for i, s := range steps {
		share := (len(t.pending) - late) / (len(steps) - i)
		if i < 5 {
			share = len(t.pending) / 6 // the first rush
		}
		if err := t.life(ctx, s, max(share, 0)); err != nil {
			return err
		}
	}
	if t.Rounds == 0 {
		return nil
	}
	for _, p := range Points() {
		if err := t.insist(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// insist gives a point that was not come to another chance, or a few: there was
// too little work for it, or a second agent did it.
func (t *trial) insist(ctx context.Context, point string) error {
	for try := 0; t.report.reached[point] == 0 && try < 4; try++ {
		if t.second != nil {
			t.second.signal(syscall.SIGSTOP)
		}
		err := t.life(ctx, step{kind: "point", point: point, n: 1}, min(5, len(t.pending)))
		if t.second != nil {
			t.second.signal(syscall.SIGCONT)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// life is one life of the agent, within its time.
func (t *trial) life(ctx context.Context, s step, share int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	begun := time.Now()
	err := t.step(ctx, s, share)
	t.Log("%-5s %-12s %d deliveries, %s", s.kind, s.point, share, time.Since(begun).Round(time.Millisecond))
	if err != nil {
		return fmt.Errorf("%s %s: %w", s.kind, s.point, err)
	}
	return nil
}

// step lets the agent live: deliveries go in while the process is made to end.
func (t *trial) step(ctx context.Context, s step, share int) error {
	var env []string
	if s.kind == "point" {
		env = append(env, fmt.Sprintf("%s=%s:%d", PointVariable, s.point, s.n))
	}
	if err := t.begin(ctx, env); err != nil {
		return err
	}
	var delivering sync.WaitGroup
	defer delivering.Wait()
	defer t.agent.kill() // in the middle of the deliveries
	delivering.Go(func() { t.deliver(ctx, share) })
	switch s.kind {
	case "point":
		return t.point(ctx, s)
	case "stop":
		pause(ctx, s.after)
		t.agent.signal(syscall.SIGSTOP)
		pause(ctx, t.stopped())
		t.agent.signal(syscall.SIGCONT)
		pause(ctx, s.after)
		t.report.Stopped++
	case "end":
		pause(ctx, s.after)
		t.agent.signal(syscall.SIGTERM)
		select {
		case <-t.agent.ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		t.report.Ended++
		return t.agent.exit
	default:
		if t.report.Killed%3 == 0 {
			// However slow the machine is: now and then something gets done.
			t.progress(ctx)
		}
		pause(ctx, s.after)
		t.report.Killed++
	}
	if t.agent.dead() {
		return fmt.Errorf("%w by itself: %w", errDied, t.agent.exit)
	}
	return nil
}

// stopped is for how long a stopped agent stands still: longer than half its
// lease, or, if another one is there to take its work, until that has happened
// and its claims on reports are over, too.
func (t *trial) stopped() time.Duration {
	if t.second != nil {
		return t.Lease * 5 / 2
	}
	return t.Lease * 5 / 8
}

// begin starts the agent, and again if it finds no store: whoever supervises it
// would do so.
func (t *trial) begin(ctx context.Context, env []string) error {
	for {
		if err := t.agent.start(env...); err != nil {
			return err
		}
		err := t.agent.up(ctx)
		switch {
		case err == nil, t.agent.killed():
			return nil
		case !errors.Is(err, errDied):
			return err
		case t.Outage == nil:
			return fmt.Errorf("%w at its start: %w", err, t.agent.exit)
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// point waits until the process has killed itself at its point. One that it does
// not come to any more, for want of work, is left out.
func (t *trial) point(ctx context.Context, s step) error {
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case <-t.agent.ended:
		t.report.reached[s.point]++
		if t.agent.killed() {
			return nil
		}
		return fmt.Errorf("%w by itself: %s", errDied, t.agent.cmd.ProcessState)
	case <-timer.C:
		t.Log("point %s was not reached %d times", s.point, s.n)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// progress waits until a call has its result, for a while: there may be none to make.
func (t *trial) progress(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Second, errPatience)
	defer cancel()
	size := func() int64 {
		info, err := os.Stat(t.tracePath())
		if err != nil {
			return 0
		}
		return info.Size()
	}
	before := size()
	_ = t.agent.until(ctx, func() (bool, error) { return size() > before, nil })
}

// pause waits; it is the driver's clock, nothing that is tested depends on it.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// starve takes the engine away, hangs it and loses its calls, now and then.
func (t *trial) starve(ctx context.Context) {
	random := rand.New(rand.NewPCG(t.Seed, 1))
	for ctx.Err() == nil {
		pause(ctx, time.Duration(200+random.IntN(800))*time.Millisecond)
		fault := []string{engineLost, engineHangs, engineDown}[random.IntN(3)]
		if err := t.engine.take(fault); err != nil {
			t.Log("take the engine away: %v", err)
			return
		}
		pause(ctx, time.Duration(50+random.IntN(400))*time.Millisecond)
		_ = t.engine.give(fault)
		t.mu.Lock()
		t.report.Starved++
		t.mu.Unlock()
	}
}
