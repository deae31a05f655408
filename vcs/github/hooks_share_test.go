package github

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestShare: whatever the rhythm, no hour holds more than the share.
func TestShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.IntRange(1, 20).Draw(t, "most")
		s := share{most: all}
		now := time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC)
		var taken []time.Time
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, int(20*time.Minute)).Draw(t, "wait")))
			most, bulk := all, rapid.Bool().Draw(t, "bulk")
			if bulk {
				most -= all / 5
			}
			permit, until, err := s.take(t.Context(), now, bulk)
			if err != nil {
				t.Fatal(err)
			}
			full := !until.IsZero()
			recent := 0
			for _, at := range taken {
				if at.Add(time.Hour).After(now) {
					recent++
				}
			}
			if full != (recent >= most) {
				t.Fatalf("%d of %d are taken, full is %v", recent, most, full)
			}
			if full && (!until.After(now) || until.After(now.Add(time.Hour))) {
				t.Fatalf("full until %s, now %s", until, now)
			}
			switch {
			case full:
			case rapid.Bool().Draw(t, "free"):
				s.end(permit, true)
			default:
				taken = append(taken, now)
			}
		}
	})
}

func TestKeptIsBounded(t *testing.T) {
	k := newKept(1000)
	for i := range 100 {
		k.put(fmt.Sprint(i), answer{tag: fmt.Sprint(i), size: 100})
		if _, ok := k.get("0"); !ok {
			t.Fatalf("what was used last is gone after %d", i)
		}
	}
	if k.size > 1000 || k.order.Len() != len(k.by) || k.order.Len() != 10 {
		t.Errorf("%d bytes, %d answers, %d keys", k.size, k.order.Len(), len(k.by))
	}
	k.put("0", answer{tag: "new", size: 200})
	if a, _ := k.get("0"); a.tag != "new" || k.size > 1000 {
		t.Errorf("%+v, %d bytes", a, k.size)
	}
	k.put("huge", answer{size: 5000})
	if k.size != 0 || k.order.Len() != 0 {
		t.Errorf("%d bytes, %d answers", k.size, k.order.Len())
	}
}
