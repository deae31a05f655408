package status

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestBudgetIsExactInEveryWindow(t *testing.T) {
	b := newBudget(Budget{PerMinute: 80, PerHour: 500})
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var sent []time.Time // when the code host may have counted a request, at the latest
	for end := now.Add(3 * time.Hour); now.Before(end); now = now.Add(time.Duration(random.IntN(3000)) * time.Millisecond) {
		for range b.available(now) {
			b.begin()
			b.end(now, true)
			sent = append(sent, now)
		}
	}
	for i, at := range sent {
		for span, most := range map[time.Duration]int{time.Minute: 80, time.Hour: 500} {
			if i >= most && at.Sub(sent[i-most]) < span {
				t.Fatalf("request %d and %d are within %s: %d allowed", i-most, i, span, most)
			}
		}
	}
	if len(sent) < 1500 {
		t.Errorf("%d were let through in three hours; 1500 are allowed", len(sent))
	}
}

func TestBudgetCountsWhatIsOnItsWayAndNotWhatWasNeverSent(t *testing.T) {
	b := newBudget(Budget{PerMinute: 2, PerHour: 10})
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	b.begin()
	b.begin()
	if n := b.available(now.Add(24 * time.Hour)); n != 0 {
		t.Errorf("%d may begin while two are on their way", n)
	}
	b.end(now, false)
	if n := b.available(now); n != 1 {
		t.Errorf("%d may begin after one was not sent, want 1", n)
	}
	b.end(now, true)
	if n := b.available(now.Add(time.Minute - 1)); n != 1 {
		t.Errorf("%d may begin within the minute, want 1", n)
	}
	if n := b.available(now.Add(time.Minute)); n != 2 {
		t.Errorf("%d may begin a minute later, want 2", n)
	}
}

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
