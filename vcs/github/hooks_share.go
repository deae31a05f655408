package github

import (
	"container/list"
	"sync"
	"time"
)

// share counts requests in a sliding hour.
type share struct {
	mu   sync.Mutex
	most int
	past []time.Time
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
func (s *share) take(now time.Time, bulk bool) (until time.Time, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most
	if bulk {
		most -= s.most / spared
	}
	old := 0
	for old < len(s.past) && !s.past[old].Add(time.Hour).After(now) {
		old++
	}
	s.past = append(s.past[:0], s.past[old:]...)
	if n := len(s.past); n >= most {
		return s.past[n-most].Add(time.Hour), true
	}
	s.past = append(s.past, now)
	return time.Time{}, false
}

// giveBack takes the newest request back, which cost nothing.
func (s *share) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.past); n > 0 {
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
