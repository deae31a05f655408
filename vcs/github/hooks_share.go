package github

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/franela/pocketci/run"
)

// Permits shares what may be asked among all agents of a store, and keeps it
// beyond their ends. See store.Store.Permit.
type Permits interface {
	Permit(ctx context.Context, credential string, n int, rates []run.Rate, ended []run.Permit) (run.Permit, error)
}

// share counts requests in a sliding hour: in the permits, else by itself.
type share struct {
	permits Permits

	mu   sync.Mutex
	most int
	past []time.Time
	// ended are permits whose requests have ended, to be told with the next one.
	ended []run.Permit
}

// spared is the part of a share that what there may be much of leaves to the rest.
const spared = 5

// resize sets how many requests there may be in an hour.
func (s *share) resize(most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = max(1, most)
}

// take counts a request, or says until when there is none left. What there may
// be much of (bulk) takes none of the last fifth.
func (s *share) take(ctx context.Context, now time.Time, bulk bool) (p run.Permit, until time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most
	if bulk {
		most -= s.most / spared
	}
	if s.permits != nil {
		p, err = s.permits.Permit(ctx, "", 1, []run.Rate{{N: most, Within: time.Hour}}, s.ended)
		if err != nil {
			return p, until, err
		}
		s.ended = nil
		if p.N == 0 {
			until = now.Add(p.Wait)
		}
		return p, until, nil
	}
	old := 0
	for old < len(s.past) && !s.past[old].Add(time.Hour).After(now) {
		old++
	}
	s.past = append(s.past[:0], s.past[old:]...)
	if n := len(s.past); n >= most {
		return p, s.past[n-most].Add(time.Hour), nil
	}
	s.past = append(s.past, now)
	return run.Permit{N: 1}, until, nil
}

// end gives a permit back after its request, which may have cost nothing.
func (s *share) end(p run.Permit, free bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.permits != nil {
		if free {
			p.N = 0
		}
		s.ended = append(s.ended, p)
		return
	}
	if n := len(s.past); free && n > 0 {
		s.past = s.past[:n-1]
	}
}

// answer is what GitHub answered, and its tag.
type answer struct {
	tag   string
	value any
	link  link
	size  int
}

// kept holds the answers that were used last, up to a size.
type kept struct {
	most int

	mu    sync.Mutex
	size  int
	by    map[string]*list.Element
	order *list.List // of keptAnswer, the one that was used last in front
}

type keptAnswer struct {
	key string
	answer
}

func newKept(most int) *kept {
	return &kept{most: most, by: map[string]*list.Element{}, order: list.New()}
}

func (k *kept) get(key string) (answer, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.by[key]
	if e == nil {
		return answer{}, false
	}
	k.order.MoveToFront(e)
	return e.Value.(keptAnswer).answer, true
}

func (k *kept) put(key string, a answer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.by[key]; e != nil {
		k.drop(e)
	}
	k.by[key] = k.order.PushFront(keptAnswer{key, a})
	k.size += a.size
	for k.size > k.most {
		k.drop(k.order.Back())
	}
}

func (k *kept) drop(e *list.Element) {
	a := k.order.Remove(e).(keptAnswer)
	delete(k.by, a.key)
	k.size -= a.size
}
