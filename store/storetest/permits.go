package storetest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
)

func permitTests() map[string]func(*testing.T, *Database) {
	return map[string]func(*testing.T, *Database){
		"keep to every rate in every window":         permitsAreExact,
		"count until their requests have ended":      permitsCountWhatIsOpen,
		"that are not given back end by themselves":  permitsRunOut,
		"whose requests were not made count nothing": permitsGivenBack,
		"say after how long there are more":          permitsTellWhen,
		"are each credential's own":                  permitsApart,
		"wait for a limit of the code host":          permitsLimited,
		"are shared by all who ask at once":          permitsShared,
		"outlive a restart":                          permitsOutlive,
	}
}

func rates(minute, hour int) []run.Rate {
	return []run.Rate{{N: minute, Within: time.Minute}, {N: hour, Within: time.Hour}}
}

func permit(t testing.TB, s *store.Store, n int, r []run.Rate, ended ...run.Permit) run.Permit {
	t.Helper()
	p, err := s.Permit(soon(t), "octocat", n, r, ended)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// allowed checks what a permit allows, and when there is more.
func allowed(t testing.TB, p run.Permit, n int, wait time.Duration) run.Permit {
	t.Helper()
	if p.N != n || p.Wait != wait {
		t.Errorf("%d are allowed, more after %s; want %d, after %s", p.N, p.Wait, n, wait)
	}
	return p
}

func permitsAreExact(t *testing.T, d *Database) {
	s := d.Open(t)
	random := rand.New(rand.NewPCG(1, 2))
	now := d.Clock.Now()
	var made []time.Time // when the code host counted a request: at any time while it was open
	var open run.Permit
	var drawn time.Time
	for end := now.Add(2 * time.Hour); d.Clock.Now().Before(end); {
		at := d.Clock.Now()
		var ended []run.Permit
		if open.N > 0 {
			ended = []run.Permit{open}
		}
		for range open.N {
			made = append(made, drawn.Add(time.Duration(random.Int64N(int64(at.Sub(drawn))))))
		}
		drawn = at
		if open = permit(t, s, 1+random.IntN(8), rates(80, 500), ended...); open.N > 0 {
			d.Pass(time.Duration(1+random.IntN(2000)) * time.Millisecond)
			continue
		}
		d.Pass(open.Wait)
	}
	slices.SortFunc(made, time.Time.Compare)
	for i, at := range made {
		for span, most := range map[time.Duration]int{time.Minute: 80, time.Hour: 500} {
			if i >= most && at.Sub(made[i-most]) < span {
				t.Fatalf("requests %d and %d are within %s: %d are allowed", i-most, i, span, most)
			}
		}
	}
	if len(made) < 950 {
		t.Errorf("%d were let through in two hours; 1000 are allowed", len(made))
	}
}

func permitsCountWhatIsOpen(t *testing.T, d *Database) {
	s := d.Open(t)
	two := rates(2, 10)
	open := allowed(t, permit(t, s, 5, two), 2, time.Minute)
	d.Pass(20 * time.Second)
	allowed(t, permit(t, s, 1, two), 0, time.Minute)
	allowed(t, permit(t, s, 1, two, open), 0, time.Minute)
	d.Pass(50 * time.Second) // a minute after they began, not after they ended
	allowed(t, permit(t, s, 1, two), 0, 10*time.Second)
	d.Pass(10 * time.Second)
	allowed(t, permit(t, s, 2, two), 2, 0)
}

func permitsRunOut(t *testing.T, d *Database) {
	s := d.Open(t)
	two := rates(2, 10)
	lost := permit(t, s, 2, two)
	d.Pass(run.PermitFor + 50*time.Second)
	allowed(t, permit(t, s, 1, two, lost), 0, 10*time.Second) // too late: they ended before
	d.Pass(10 * time.Second)
	allowed(t, permit(t, s, 2, two), 2, 0)
}

func permitsGivenBack(t *testing.T, d *Database) {
	s := d.Open(t)
	two := rates(2, 10)
	unused := permit(t, s, 2, two)
	unused.N = 1
	allowed(t, permit(t, s, 2, two, unused), 1, time.Minute)
}

func permitsTellWhen(t *testing.T, d *Database) {
	s := d.Open(t)
	r := rates(3, 4)
	first := permit(t, s, 1, r)
	d.Pass(10 * time.Second)
	second := permit(t, s, 1, r, first)
	d.Pass(10 * time.Second)
	third := allowed(t, permit(t, s, 2, r, second), 1, 50*time.Second)
	allowed(t, permit(t, s, 1, r, third), 0, 50*time.Second)
	d.Pass(50 * time.Second)
	last := allowed(t, permit(t, s, 2, r), 1, 59*time.Minute) // of the minute's and of the hour's
	d.Pass(10 * time.Second)
	allowed(t, permit(t, s, 1, r, last), 0, 59*time.Minute-10*time.Second)
	if p, err := s.Permit(soon(t), "nobody", 1, rates(0, 10), nil); err != nil || p.N != 0 || p.Wait != time.Minute {
		t.Errorf("without any budget: %+v, %v", p, err)
	}
}

func permitsApart(t *testing.T, d *Database) {
	s := d.Open(t)
	for _, credential := range []string{"octocat", "app 5 octo", "app 5 cat"} {
		p, err := s.Permit(soon(t), credential, 3, rates(2, 10), nil)
		if err != nil {
			t.Fatal(err)
		}
		if p.N != 2 || p.Credential != credential {
			t.Errorf("%s may send %d, as %q", credential, p.N, p.Credential)
		}
	}
}

func permitsLimited(t *testing.T, d *Database) {
	s := d.Open(t)
	for _, span := range []time.Duration{10 * time.Minute, time.Second} { // a shorter one does not end it
		if err := s.Limit(soon(t), "octocat", span); err != nil {
			t.Fatal(err)
		}
	}
	if p := allowed(t, permit(t, s, 1, rates(80, 500)), 0, 10*time.Minute); !p.Limited {
		t.Error("it does not say that the code host limits it")
	}
	if p, err := s.Permit(soon(t), "other", 1, rates(80, 500), nil); err != nil || p.N != 1 {
		t.Errorf("another credential: %+v, %v", p, err)
	}
	d.Pass(10 * time.Minute)
	if p := allowed(t, permit(t, s, 1, rates(80, 500)), 1, 0); p.Limited {
		t.Error("it is limited still")
	}
}

func permitsShared(t *testing.T, d *Database) {
	stores := []*store.Store{d.Open(t)}
	if d.Shared {
		stores = append(stores, d.Open(t), d.Open(t))
	}
	var mu sync.Mutex
	ids, total := map[int64]int{}, 0
	var asking sync.WaitGroup
	for i := range 12 {
		asking.Go(func() {
			for range 5 {
				p, err := stores[i%len(stores)].Permit(soon(t), "octocat", 3, rates(80, 500), nil)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				ids[p.ID]++
				total += p.N
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	if total != 80 {
		t.Errorf("%d are allowed in a minute, want 80", total)
	}
	if len(ids) != 60 {
		t.Errorf("60 permits have %d numbers", len(ids))
	}
}

func permitsOutlive(t *testing.T, d *Database) {
	s := d.Open(t)
	p := permit(t, s, 2, rates(2, 10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = d.Open(t)
	next := allowed(t, permit(t, s, 1, rates(2, 10)), 0, time.Minute)
	if diff := cmp.Diff(p.ID+1, next.ID); diff != "" {
		t.Errorf("numbers begin anew (-want +got)\n%s", diff)
	}
}
