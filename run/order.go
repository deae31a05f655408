package run

import (
	"strconv"

	"github.com/franela/pocketci/event"
)

// Order says how runs that are about one branch, or one pull request, stand to
// each other.
type Order string

const (
	// OrderSupersede: an older commit gives way to a newer one. What is queued or
	// running for it is cancelled; runs of one commit don't disturb each other.
	OrderSupersede Order = "supersede"
	// OrderQueue: one after the other, in the order of acceptance.
	OrderQueue Order = "queue"
	// OrderParallel: they don't heed each other.
	OrderParallel Order = "parallel"
)

// GroupKind is what a [Group] is about; settings give an order for each kind.
type GroupKind string

const (
	GroupPush GroupKind = "push"
	GroupPull GroupKind = "pull_request"
)

// Group is what runs of one repository belong to that stand in an order: all
// pushes to one branch, all events of one pull request. Its zero value belongs
// to the runs that stand alone.
type Group struct {
	Kind GroupKind
	// Name is the branch's full ref, or the pull request's number.
	Name string
	// Moves tells that the event says where the branch or pull request is now: it
	// may supersede what is there. A label, a review or a run that somebody asked
	// for again don't.
	Moves bool
}

// GroupOf gives the group that an event's run belongs to.
func GroupOf(e event.Event) Group {
	var g Group
	switch {
	case e.Reason != "" || e.SHA == "":
		return g
	case e.PullRequest > 0 && e.Diff == event.DiffPull:
		g = Group{Kind: GroupPull, Name: strconv.Itoa(e.PullRequest)}
	case e.Name == "push" && e.Ref != "":
		g = Group{Kind: GroupPush, Name: e.Ref}
	default:
		return g
	}
	switch e.Provenance {
	case event.Rerun, event.Replay, event.Local:
	default:
		_, g.Moves = event.MoveOf(e)
	}
	return g
}

// MayCommand tells whether an event may hold somebody's command: a comment at a
// pull request. It is looked at even while everybody is busy.
func MayCommand(e event.Event) bool {
	return e.Reason == "" && e.PullRequest > 0 && e.Name == "issue_comment" && e.Action == "created"
}

// Key names the group within its repository: "push:refs/heads/main", "pull_request:7",
// or nothing.
func (g Group) Key() string {
	if g.Kind == "" {
		return ""
	}
	return string(g.Kind) + ":" + g.Name
}

// DefaultOrder is a kind's order where the settings give none.
func (k GroupKind) DefaultOrder() Order {
	switch k {
	case GroupPull:
		return OrderSupersede
	case GroupPush:
		return OrderQueue
	}
	return OrderParallel
}

// Concurrency is what a repository's settings say about order.
type Concurrency struct {
	// Push and PullRequest are the orders of these kinds; empty: the default.
	Push, PullRequest Order
	// Groups bound how many calls are made at once.
	Groups []CallGroup
}

// Order gives the order of a kind.
func (c Concurrency) Order(k GroupKind) Order {
	o := Order("")
	switch k {
	case GroupPush:
		o = c.Push
	case GroupPull:
		o = c.PullRequest
	}
	if o == "" {
		return k.DefaultOrder()
	}
	return o
}

// CallGroup is a named group of functions of which at most Limit calls are made
// at once, over all runs of the repository.
type CallGroup struct {
	Name string
	// Functions are doublestar globs for the functions' names; one that holds a
	// slash is for module/name. Letters' case does not count.
	Functions []string
	// Limit is at least 1.
	Limit int
}

// Standing is what a run's group says to it.
type Standing struct {
	// First is the run that has to end before; its commit is SHA. Zero: none.
	First int64
	SHA   string
	// Newer is the event that moved the group on to another commit; its ID is
	// empty if there is none.
	Newer event.Event
}

// Stop is the request that a run under lease ends before its time.
type Stop struct {
	EventID string
	// Why is the reason that somebody gave; empty: nobody asked, but Newer moved
	// the run's group on.
	Why   string
	Newer event.Event
}

// Stopped is the error of a run that was cancelled: by somebody, or by something
// newer. Why is one sentence for people.
type Stopped struct{ Why string }

func (s *Stopped) Error() string { return "stopped: " + s.Why }

// WaitFor says what kind of thing a waiting run waits for.
type WaitFor string

const (
	// ForLater: a time, or something that becomes reachable again.
	ForLater WaitFor = ""
	// ForPerson: somebody's word. Meanwhile the run is in nobody's way.
	ForPerson WaitFor = "person"
	// ForTurn: another run of its group comes first.
	ForTurn WaitFor = "turn"
	// ForSlot: a place in one of its functions' limits. It keeps its place in line.
	ForSlot WaitFor = "slot"
)
