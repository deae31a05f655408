package status

import "time"

// Budget is what one credential may send. GitHub counts requests that create
// content: 80 a minute and 500 an hour are its published limits.
type Budget struct {
	PerMinute, PerHour int
}

// DefaultBudget is GitHub's published limit on creating content.
func DefaultBudget() Budget { return Budget{PerMinute: 80, PerHour: 500} }

// budget counts requests in two sliding windows. It never lets more through in
// any window than is allowed, however the other side's clock is set against
// ours: a request counts from before it is sent until a window after it was
// answered, which covers the time at which it arrived.
type budget struct {
	limits []limit
	// open are requests that are on their way.
	open int
	// past are the times at which requests were answered, in order.
	past []time.Time
}

type limit struct {
	n    int
	span time.Duration
}

func newBudget(b Budget) *budget {
	return &budget{limits: []limit{{b.PerMinute, time.Minute}, {b.PerHour, time.Hour}}}
}

// available is how many requests may be begun now.
func (b *budget) available(now time.Time) int {
	b.forget(now)
	free := b.limits[0].n
	for _, l := range b.limits {
		free = min(free, l.n-b.open-b.within(now, l.span))
	}
	return max(free, 0)
}

// begin counts a request that is about to be sent.
func (b *budget) begin() { b.open++ }

// end counts an answered request from now on; one that was never sent is not counted.
func (b *budget) end(now time.Time, sent bool) {
	b.open--
	if sent {
		b.past = append(b.past, now)
	}
}

// within counts the answered requests that are still in the window. One that
// was answered exactly a span ago has left it.
func (b *budget) within(now time.Time, span time.Duration) int {
	n := 0
	for i := len(b.past) - 1; i >= 0 && b.past[i].Add(span).After(now); i-- {
		n++
	}
	return n
}

// forget drops what no window holds any more.
func (b *budget) forget(now time.Time) {
	span := b.limits[len(b.limits)-1].span
	old := len(b.past) - b.within(now, span)
	b.past = append(b.past[:0], b.past[old:]...)
}
