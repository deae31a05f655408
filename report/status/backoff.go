package status

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Bounds of the wait after a report that could not be sent.
const (
	firstWait = 2 * time.Second
	maxWait   = 2 * time.Minute
)

// wait is how long to wait after the given number of failed tries: doubling
// from two seconds to two minutes, of which between half and the whole is
// taken (random is in [0,1)), so that what failed together comes apart.
func wait(tries int, random float64) time.Duration {
	b := backoff.ExponentialBackOff{InitialInterval: firstWait, Multiplier: 2, MaxInterval: maxWait}
	b.Reset()
	d := b.NextBackOff()
	for range min(tries-1, 10) {
		d = b.NextBackOff()
	}
	return d/2 + time.Duration(random*float64(d/2))
}
