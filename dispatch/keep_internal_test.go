package dispatch

import (
	"testing"
	"time"
	"unsafe"
)

// apart is a time whose two clocks moved by different spans: the one on the wall,
// and the monotonic one, which stands still while a machine sleeps.
func apart(t time.Time, wall, monotonic time.Duration) time.Time {
	t = t.Add(wall)
	// time.Time is wall, ext and loc; ext is the monotonic clock if there is one.
	*(*int64)(unsafe.Add(unsafe.Pointer(&t), unsafe.Sizeof(uint64(0)))) += int64(monotonic - wall)
	return t
}

// TestALeaseIsHalfOverByEitherClock: the machine slept, or somebody set its clock back.
func TestALeaseIsHalfOverByEitherClock(t *testing.T) {
	begun := time.Now()
	h := &held{span: time.Minute, until: begun.Add(time.Minute)}
	tests := map[string]struct {
		wall, monotonic time.Duration
		want            bool
	}{
		"little time has passed":       {29 * time.Second, 29 * time.Second, false},
		"half of it has passed":        {31 * time.Second, 31 * time.Second, true},
		"the machine slept":            {time.Hour, time.Second, true},
		"the clock was set back":       {-time.Hour, 31 * time.Second, true},
		"the clock was set back early": {-time.Hour, 29 * time.Second, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now := apart(begun, tt.wall, tt.monotonic)
			if now.Sub(begun) != tt.monotonic || now.Round(0).Sub(begun.Round(0)) != tt.wall {
				t.Fatalf("the clocks moved by %s and %s", now.Round(0).Sub(begun.Round(0)), now.Sub(begun))
			}
			if got := h.stale(now); got != tt.want {
				t.Errorf("half over: %t, want %t", got, tt.want)
			}
		})
	}
}
