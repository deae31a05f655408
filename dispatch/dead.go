package dispatch

import (
	"fmt"
	"sync"
	"time"

	"github.com/franela/pocketci/run"
)

const (
	// maxTries is how often an agent may die, or stand still until its lease is
	// over, with a run in its hands before the run is given up.
	maxTries = 5
	// suspect is the try from which on a run that was only near when something else
	// brought the agent down is told from one that is the reason: it is worked on
	// while no other suspect is, by an agent that has lived well without it.
	suspect = 3
	// defaultCalm is how long an agent has to live for that, and twice as long for
	// each try more: one that is killed again and again from outside does not come
	// to it. A suspect that has to wait for another one asks for its turn as seldom:
	// whoever has it in hand then must not die with it.
	defaultCalm = 10 * time.Second
)

// suspects lets one suspect be worked on at a time, once the agent has lived for
// a while.
type suspects struct {
	one   sync.Mutex
	begun time.Time
}

// calm is from when on a suspect may be worked on.
func (d *Dispatcher) calm(tries int) time.Time {
	return d.suspects.begun.Add(d.Calm << (tries - suspect))
}

// admit says whether the work on a run may begin. If not, p is what becomes of
// it: a suspect waits for its turn, at no cost, and one that was the end of too
// many agents becomes a dead letter. leave is called when the work has ended.
func (d *Dispatcher) admit(w run.Work, now time.Time) (leave func(), p run.Progress, ok bool) {
	switch {
	case w.Tries > maxTries:
		return nil, d.dead(w.Run, now), false
	case w.Tries < suspect:
		return func() {}, run.Progress{}, true
	case now.Before(d.calm(w.Tries)):
		return nil, run.Progress{State: run.Queued, NotBefore: d.calm(w.Tries)}, false
	case d.suspects.one.TryLock():
		return d.suspects.one.Unlock, run.Progress{}, true
	}
	return nil, run.Progress{State: run.Queued, NotBefore: now.Add(d.Calm)}, false
}

// dead is the end of a run that no agent survived.
func (d *Dispatcher) dead(r run.Run, now time.Time) run.Progress {
	p := d.failed(
		fmt.Sprintf("dead letter: pocketci ended or stood still %d times while it worked on this event", maxTries),
		"the agent's log tells how; redeliver the event to try again",
	)
	p.Results = unfinished(r, run.Errored, p.Problem.Public, now)
	return p
}
