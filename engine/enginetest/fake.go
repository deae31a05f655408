package enginetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Reader says what a module offers, by reading its source.
type Reader func(ctx context.Context, src run.Source) (run.Table, error)

// Config is what a [Fake] needs. Reader is required.
type Config struct {
	Reader Reader
	// Control is a folder of files that the fake obeys; empty: none. It is made.
	Control string
	// Silence is after how long a hanging engine counts as lost; 0: 30 s.
	Silence time.Duration
	// Uncached has every call carried out, also one whose inputs were seen before.
	Uncached bool
	// AllowUnpinned is as in engine.Config.
	AllowUnpinned bool
	// Clock is the time; nil: time.Now.
	Clock func() time.Time
}

// Fake is an engine that reads what to do in comments. It is safe for
// concurrent use.
type Fake struct {
	cfg Config

	mu       sync.Mutex
	down     bool
	hang     bool
	latency  time.Duration
	signals  map[string]bool
	tables   map[string]run.Table
	cached   map[string]run.Result
	records  []Record
	counts   Counts
	sessions map[int]*Session
	changed  chan struct{}
}

// Counts are how often the fake was asked.
type Counts struct {
	// Tables are all, Loads those that were not cached.
	Tables, Loads int
	Opens, Closes int
	Calls         int
}

// New makes a fake that is up.
func New(cfg Config) (*Fake, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Silence == 0 {
		cfg.Silence = 30 * time.Second
	}
	if cfg.Control != "" {
		if err := os.MkdirAll(cfg.Control, 0o700); err != nil {
			return nil, fmt.Errorf("make the control folder: %w", err)
		}
	}
	return &Fake{
		cfg:      cfg,
		signals:  map[string]bool{},
		tables:   map[string]run.Table{},
		cached:   map[string]run.Result{},
		sessions: map[int]*Session{},
		changed:  make(chan struct{}),
	}, nil
}

// Ping says whether the engine is there.
func (f *Fake) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if f.isDown() {
		return noEngine()
	}
	return nil
}

// Table reads the module, or gives what it gave for the same content before.
func (f *Fake) Table(ctx context.Context, src run.Source) (run.Table, error) {
	plan, err := engine.NewPlan(ctx, src, f.cfg.AllowUnpinned)
	if err != nil {
		return run.Table{}, err
	}
	f.mu.Lock()
	table, ok := f.tables[plan.Key]
	f.counts.Tables++
	f.mu.Unlock()
	f.record(Record{Op: "table", SHA: src.Tree.SHA, Path: src.ModulePath, Cached: ok})
	if ok {
		return table, nil
	}
	if f.isDown() {
		return run.Table{}, noEngine()
	}
	if err := f.pause(ctx, f.delay()); err != nil {
		return run.Table{}, err
	}
	table, err = f.cfg.Reader(ctx, src)
	if err != nil {
		return run.Table{}, fmt.Errorf("load module %s: %w", src.ModulePath, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.Loads++
	f.tables[plan.Key] = table
	return table, nil
}

// Open opens a session.
func (f *Fake) Open(ctx context.Context, spec engine.Spec) (*Session, error) {
	if err := f.Ping(ctx); err != nil {
		return nil, err
	}
	plan, err := engine.NewPlan(ctx, spec.Source, f.cfg.AllowUnpinned)
	if err != nil {
		return nil, err
	}
	script, err := readScript(spec.Source)
	if err != nil {
		return nil, fmt.Errorf("load module %s: %w", spec.Source.ModulePath, err)
	}
	f.mu.Lock()
	f.counts.Opens++
	s := newSession(f, f.counts.Opens, spec, plan, script)
	f.sessions[s.id] = s
	f.mu.Unlock()
	f.record(Record{Op: "open", Session: s.id, SHA: spec.Source.Tree.SHA, Path: spec.Source.ModulePath})
	return s, nil
}

// SetDown takes the engine away or brings it back. What was running is lost.
func (f *Fake) SetDown(down bool) {
	f.change(func() { f.down = down })
	if down {
		f.Lose()
	}
}

// SetHang makes calls hang, or lets them go on.
func (f *Fake) SetHang(hang bool) { f.change(func() { f.hang = hang }) }

// SetLatency makes every Table and Call take that long.
func (f *Fake) SetLatency(d time.Duration) { f.change(func() { f.latency = d }) }

// Signal lets `wait NAME` go on, now and later.
func (f *Fake) Signal(name string) { f.change(func() { f.signals[name] = true }) }

// Lose makes the open sessions' calls fail with run.ErrEngineLost.
func (f *Fake) Lose() {
	f.mu.Lock()
	open := make([]*Session, 0, len(f.sessions))
	for _, s := range f.sessions {
		open = append(open, s)
	}
	f.mu.Unlock()
	for _, s := range open {
		s.lose()
	}
}

// Counts gives how often the fake was asked so far.
func (f *Fake) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}

// change changes a switch and wakes who waits for one.
func (f *Fake) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.changed)
	f.changed = make(chan struct{})
}

// noEngine is what everybody is told while the engine is down.
func noEngine() error {
	return fmt.Errorf("connect to the engine: %w", &event.Problem{
		Public: "no Dagger engine can be reached",
		Hint:   "the fake engine is switched off",
		Err:    run.ErrNoEngine,
	})
}

// has tells whether a control file is there.
func (f *Fake) has(name string) bool {
	if f.cfg.Control == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(f.cfg.Control, name))
	return err == nil
}

func (f *Fake) isDown() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down || f.has("down")
}

func (f *Fake) hangs() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hang || f.has("hang")
}

func (f *Fake) signalled(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.signals[name] || f.has("signal-"+filepath.Base(name))
}

func (f *Fake) delay() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cfg.Control != "" {
		if text, err := os.ReadFile(filepath.Join(f.cfg.Control, "latency")); err == nil {
			if d, err := time.ParseDuration(trim(text)); err == nil {
				return d
			}
		}
	}
	return f.latency
}

// pause takes d, or until ctx ends.
func (f *Fake) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// until waits for a condition that a switch or a control file makes true.
func (f *Fake) until(ctx context.Context, true func() bool) error {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if true() {
			return nil
		}
		var tick <-chan time.Time
		if f.cfg.Control != "" {
			tick = poll.C
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-tick:
		}
	}
}

// answer is the cache's: a call whose inputs were seen before.
func (f *Fake) answer(key string) (run.Result, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	result, ok := f.cached[key]
	return result, ok && !f.cfg.Uncached
}

func (f *Fake) remember(key string, r run.Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cached[key] = r
}

// digest is the key of anything that can be written as JSON.
func digest(parts ...any) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, p := range parts {
		if err := enc.Encode(p); err != nil {
			fmt.Fprintf(h, "%v\n", p)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
