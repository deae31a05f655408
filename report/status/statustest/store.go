package statustest

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/franela/pocketci/run"
)

// Store keeps runs and the outbox. The zero value is empty and ready.
//
// The outbox keeps the rules of reports: one row per repository, sha and
// context; a result beats a skip whatever their order, else the newer event's
// state stays; a row is in one request at a time; only its newest state is sent.
type Store struct {
	mu      sync.Mutex
	runs    map[string]*kept
	rows    map[string]*row
	watches []chan struct{}
	err     error
	plans   int
	claims  int
	spent   map[string]*spent
}

// spent is what was allowed to a credential.
type spent struct {
	last    int64
	limited time.Time
	permits []*given
}

// given is a permit, and when the last of its requests can have arrived.
type given struct {
	run.Permit
	at time.Time
}

type kept struct {
	run     run.Run
	planned int64
	again   time.Time
}

type row struct {
	run.Report
	claimed bool
	doubt   bool
	order   int
}

// Put keeps a run as it stands; each Put is a new version.
func (s *Store) Put(r run.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = map[string]*kept{}
	}
	k := s.runs[r.Event.ID]
	if k == nil {
		k = &kept{}
		s.runs[r.Event.ID] = k
	}
	r.Version = k.run.Version + 1
	k.run = r
	s.wake()
}

// Break makes every call fail with err until it is nil again.
func (s *Store) Break(err error) { s.mu.Lock(); defer s.mu.Unlock(); s.err = err; s.wake() }

// Forget ends all claims without a result, as a crash does.
func (s *Store) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rows {
		r.doubt = r.doubt || r.claimed
		r.claimed = false
	}
}

// Plans counts the calls of PlanReports that were kept.
func (s *Store) Plans() int { s.mu.Lock(); defer s.mu.Unlock(); return s.plans }

// Rows are the outbox's rows, by repository, sha and context.
func (s *Store) Rows() []run.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []run.Report
	for _, r := range s.rows {
		list = append(list, r.Report)
	}
	slices.SortFunc(list, func(a, b run.Report) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// Waiting counts the rows whose newest state is still to be sent.
func (s *Store) Waiting() int {
	n := 0
	for _, r := range s.Rows() {
		if r.SentVersion < r.Version && r.Dead == "" {
			n++
		}
	}
	return n
}

// Watch gives a channel that receives after a change.
func (s *Store) Watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := make(chan struct{}, 1)
	s.watches = append(s.watches, ch)
	return ch
}

// Unreported gives the runs that are to be planned.
func (s *Store) Unreported(_ context.Context, now time.Time, limit int) ([]run.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	var due []run.Run
	for _, k := range s.runs {
		if k.planned < k.run.Version || (!k.again.IsZero() && !now.Before(k.again)) {
			due = append(due, k.run)
		}
	}
	slices.SortFunc(due, func(a, b run.Run) int { return cmp.Compare(a.Seq, b.Seq) })
	return due[:min(limit, len(due))], nil
}

// PlanReports puts reports into the outbox.
func (s *Store) PlanReports(_ context.Context, eventID string, version int64, reports []run.Report, again time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	k := s.runs[eventID]
	if k == nil || k.run.Version != version {
		return nil
	}
	for _, r := range reports {
		s.upsert(r)
	}
	k.planned, k.again = version, again
	s.plans++
	s.wake()
	return nil
}

func (s *Store) upsert(r run.Report) {
	if s.rows == nil {
		s.rows = map[string]*row{}
	}
	r.Key = strconv.FormatInt(r.Repo.ID, 10) + " " + r.SHA + " " + r.Status.Context
	had := s.rows[r.Key]
	if had == nil {
		r.Version = 1
		s.rows[r.Key] = &row{Report: r, order: len(s.rows)}
		return
	}
	if had.Seq != r.Seq {
		if r.Status.Skip && !had.Status.Skip {
			return
		}
		if r.Seq < had.Seq && r.Status.Skip == had.Status.Skip {
			return
		}
	}
	if had.Seq == r.Seq && had.Status == r.Status {
		return
	}
	r.Version, r.SentVersion = had.Version+1, had.SentVersion
	had.Report = r
}

// ClaimReports hands out the rows that are due, failures and errors first, what is
// pending last.
func (s *Store) ClaimReports(_ context.Context, now time.Time, limit int, except []int64) ([]run.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	var due []*row
	for _, r := range s.rows {
		if !slices.Contains(except, r.Repo.ID) && !r.claimed && r.Dead == "" && r.SentVersion < r.Version && !now.Before(r.NotBefore) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *row) int {
		return cmp.Or(cmp.Compare(rank(a.Status), rank(b.Status)), cmp.Compare(a.order, b.order))
	})
	var claimed []run.Report
	for _, r := range due[:min(limit, len(due))] {
		r.claimed = true
		r.InDoubt = r.doubt
		claimed = append(claimed, r.Report)
	}
	s.claims += len(claimed)
	return claimed, nil
}

// Claims counts the rows that were handed out.
func (s *Store) Claims() int { s.mu.Lock(); defer s.mu.Unlock(); return s.claims }

func rank(s run.Status) int {
	switch s.State {
	case run.StatusFailure, run.StatusError:
		return 0
	case run.StatusPending:
		return 2
	}
	return 1
}

// SettleReport ends a claim.
func (s *Store) SettleReport(_ context.Context, r run.Report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	had := s.rows[r.Key]
	had.claimed, had.doubt = false, r.InDoubt
	had.SentVersion = max(had.SentVersion, r.SentVersion)
	if had.Version == r.Version {
		had.Report = r
	}
	s.wake()
	return nil
}

// Permit allows what the rates leave.
func (s *Store) Permit(_ context.Context, credential string, n int, rates []run.Rate, ended []run.Permit) (run.Permit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return run.Permit{}, s.err
	}
	of, now := s.credential(credential), time.Now()
	for _, e := range ended {
		for _, g := range of.permits {
			if g.ID == e.ID && g.at.After(now) {
				g.at, g.N = now, e.N
			}
		}
	}
	of.last++
	p := run.Permit{Credential: credential, ID: of.last, N: n}
	if of.limited.After(now) {
		p.N, p.Wait, p.Limited = 0, of.limited.Sub(now), true
		return p, nil
	}
	for _, r := range rates {
		used, wait := 0, r.Within
		for _, g := range of.permits {
			if left := g.at.Add(r.Within).Sub(now); left > 0 && g.N > 0 {
				used += g.N
				wait = min(wait, left)
			}
		}
		if free := max(r.N-used, 0); free < n {
			p.N, p.Wait = min(p.N, free), max(p.Wait, wait)
		}
	}
	of.permits = append(of.permits, &given{p, now.Add(run.PermitFor)})
	return p, nil
}

// Limit keeps that the code host takes nothing.
func (s *Store) Limit(_ context.Context, credential string, span time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of, until := s.credential(credential), time.Now().Add(span); s.err == nil && until.After(of.limited) {
		of.limited = until
	}
	return s.err
}

func (s *Store) credential(name string) *spent {
	if s.spent == nil {
		s.spent = map[string]*spent{}
	}
	if s.spent[name] == nil {
		s.spent[name] = &spent{}
	}
	return s.spent[name]
}

func (s *Store) wake() {
	for _, ch := range s.watches {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
