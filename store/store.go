package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Sentinels that callers branch on.
var (
	// ErrNotFound is [run.ErrNotFound]: no event has this id.
	ErrNotFound = run.ErrNotFound
	// ErrFull is [event.ErrFull]: the disk has less free space than the floor, or
	// none; nothing was written.
	ErrFull = event.ErrFull
	// ErrLeaseLost is [run.ErrLeaseLost]: a run or a report is somebody else's now.
	ErrLeaseLost = run.ErrLeaseLost
	// ErrBroken: the disk failed once. What was acknowledged before is safe; no
	// write is acknowledged again before the store is opened anew.
	ErrBroken = errors.New("store is broken")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
)

// Config says where the store is and how long leases last. Only Dir or URL is
// required.
type Config struct {
	// URL chooses the database: empty is pocketci.db in Dir, "sqlite:///path" or
	// a plain path is that SQLite file, "postgres://…" is PostgreSQL.
	URL string
	// Dir is the data folder; it is made, and closed to other users (0700).
	Dir string
	// Owner names this agent in the leases it takes; for people only.
	Owner string
	// LeaseFor is how long a lease lasts unless it is renewed; default 1 minute.
	LeaseFor time.Duration
	// Grace is how long after a lease's end nobody else gets the run; default
	// half of LeaseFor.
	Grace time.Duration
	// Calm is for how long a run that two agents died with rests whenever the store
	// is opened, and twice as long for each one more; default a sixth of
	// LeaseFor. What brings agents down leaves them time for the others, and what
	// only was near is not in their hands when they go down again. SQLite only: on
	// PostgreSQL lease and grace are such a rest.
	Calm time.Duration
	// ClaimFor is how long a claimed report is the claimant's; default 2 minutes.
	// Whoever claims must settle within it.
	ClaimFor time.Duration
	// Poll is how often a waiting Lease looks by itself; default 1 second.
	Poll time.Duration
	// Floor is the free disk space, in bytes, below which Append refuses with
	// [ErrFull]; default 128 MiB, negative: none. SQLite only.
	Floor int64
	// Readers bounds concurrent reads; default 4 (SQLite), 8 (PostgreSQL).
	Readers int
	// Clock gives the time; default time.Now. Leases on PostgreSQL follow the
	// database's clock instead.
	Clock func() time.Time
	Log   zerolog.Logger

	// walLimit is what SQLite's write-ahead log is cut back to, in bytes.
	walLimit int64
	// readTime is how long a read may take: as long as it lasts SQLite's log can't
	// be cut back.
	readTime time.Duration
}

// Store remembers events, runs and the outbox, and hands out work. It is safe
// for concurrent use.
type Store struct {
	cfg Config
	d   dialect
	// read is for queries; write is for direct transactions and nil where the
	// writer goroutine does them all.
	read  *sql.DB
	write *sql.DB

	// file is SQLite's; empty on PostgreSQL.
	file string

	writer *writer
	pack   packer

	work signal
	// urgent is set when an event came that may hold a command.
	urgent signal
	watch  watchers
	line   line
	turn   atomic.Int64

	// warned: that PostgreSQL may lose what it acknowledged was said.
	warned  sync.Once
	closing chan struct{}
	once    sync.Once
	ended   sync.WaitGroup
	release []func() error
}

// Open opens the store, brings its schema up to date and, on SQLite, takes back
// what a former process had under lease or in flight. It refuses a database
// whose schema is newer than this program, a data folder that another process
// uses, and network file systems, each with an [event.Problem].
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	s := &Store{
		cfg:     cfg,
		work:    make(signal, 1),
		urgent:  make(signal, 1),
		line:    line{asked: make(signal, 1)},
		closing: make(chan struct{}),
	}
	open := s.openSQLite
	if strings.HasPrefix(cfg.URL, "postgres://") || strings.HasPrefix(cfg.URL, "postgresql://") {
		open = s.openPostgres
	}
	if cfg.Dir != "" {
		if err := private(cfg.Dir); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	if err := open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.unwind())
	}
	s.ended.Go(s.deal)
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.LeaseFor <= 0 {
		c.LeaseFor = time.Minute
	}
	if c.Grace <= 0 {
		c.Grace = c.LeaseFor / 2
	}
	if c.Calm <= 0 {
		c.Calm = c.LeaseFor / 6
	}
	if c.ClaimFor <= 0 {
		c.ClaimFor = 2 * time.Minute
	}
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.Floor == 0 {
		c.Floor = 128 << 20
	}
	if c.walLimit == 0 {
		c.walLimit = 64 << 20
	}
	if c.readTime == 0 {
		c.readTime = time.Minute
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

// Close writes what was handed in, stops, and lets go of the database. Calls
// that come later get [ErrClosed]. Closing twice is harmless.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		s.writer.close()
		s.ended.Wait()
		err = s.unwind()
	})
	return err
}

// unwind releases what was opened, last first.
func (s *Store) unwind() error {
	var errs []error
	for i := len(s.release) - 1; i >= 0; i-- {
		errs = append(errs, s.release[i]())
	}
	s.release = nil
	return errors.Join(errs...)
}
