package webhook

import (
	"maps"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/time/rate"
)

// Counts is what became of deliveries.
type Counts struct {
	// Accepted were stored to be dispatched, Recorded stored with a reason not to be.
	Accepted int64 `json:"accepted"`
	Recorded int64 `json:"recorded"`
	// Duplicate were known already.
	Duplicate int64 `json:"duplicate"`
	Ping      int64 `json:"ping"`
	// Refused counts by status code.
	Refused map[int]int64 `json:"refused"`
}

// counters are Counts that many may add to.
type counters struct {
	mu     sync.Mutex
	counts Counts
}

func (c *counters) count(add func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts.Refused == nil {
		c.counts.Refused = map[int]int64{}
	}
	add(&c.counts)
}

func (c *counters) read() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.Refused = maps.Clone(counts.Refused)
	if counts.Refused == nil {
		counts.Refused = map[int]int64{}
	}
	return counts
}

// Lines in the log that strangers can cause: a burst, then one a second.
const (
	logBurst = 20
	logEvery = time.Second
)

// quietly limits log lines and counts those that were not written.
type quietly struct {
	mu      *sync.Mutex
	limit   *rate.Limiter
	dropped int64
}

func newQuietly() quietly {
	return quietly{mu: new(sync.Mutex), limit: rate.NewLimiter(rate.Every(logEvery), logBurst)}
}

// may tells whether a line may be written now, and how many were not since the last.
func (q *quietly) may(now time.Time) (dropped int64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.limit.AllowN(now, 1) {
		q.dropped++
		return 0, false
	}
	dropped, q.dropped = q.dropped, 0
	return dropped, true
}

// longestLogged is how much of what a stranger sends a log line may hold.
const longestLogged = 200

// printable is text as a log may hold it: no control characters, none that
// change the direction of writing, not too long.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > longestLogged {
		text = string(runes[:longestLogged]) + "…"
	}
	return text
}
