package status

import (
	"testing"
	"time"
)

func TestWaitDoublesToTwoMinutes(t *testing.T) {
	for tries, want := range map[int]time.Duration{
		1: 2 * time.Second, 2: 4 * time.Second, 3: 8 * time.Second, 6: 64 * time.Second, 7: maxWait, 1000: maxWait,
	} {
		if got := wait(tries, 0); got != want/2 {
			t.Errorf("after %d tries at least %s, want %s", tries, got, want/2)
		}
		if got := wait(tries, 0.999); got <= want*9/10 || got > want {
			t.Errorf("after %d tries at most %s, want nearly %s", tries, got, want)
		}
	}
}
