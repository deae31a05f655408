package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// Head is where a ref stands, as the code host shows it.
type Head struct {
	// Ref is the full name: "refs/heads/main", "refs/tags/v1", "refs/pull/7/head".
	Ref string
	// SHA is what it points at: of an annotated tag the tag object.
	SHA string
	// PullRequest is the number of the open pull request whose head it is, or 0;
	// Opened is when that was opened.
	PullRequest int
	Opened      time.Time
}

// Move is what an event says happened to a ref: it points at another commit.
type Move struct {
	// Seq is the sequence of the event's run: moves were accepted in this order.
	// Zero: not accepted yet.
	Seq     int64
	EventID string
	// Name and Action are the event's: push, tag, or pull_request with opened,
	// reopened or synchronize.
	Name, Action string
	Ref          string
	// Before is what the ref pointed at; empty if the event does not tell, zeros
	// if it was made. SHA is the commit that it points at now.
	Before, SHA string
	Provenance  Provenance
	// Found tells that no delivery told of it: it was seen in the refs.
	Found bool
}

// foundInfix is what ids of events hold that were found in the refs.
const foundInfix = ":refs:"

// MoveOf gives the move that an event tells of; ok is false if it tells of none.
// A ref that is deleted makes no move, and what somebody asked to run again none
// either: that says nothing about where the ref is.
func MoveOf(e Event) (m Move, ok bool) {
	switch e.Provenance {
	case Local, Replay, Rerun:
		return Move{}, false
	}
	switch e.Name {
	case "push", "tag":
	case "pull_request":
		switch e.Action {
		case "opened", "reopened", "synchronize":
		default:
			return Move{}, false
		}
	default:
		return Move{}, false
	}
	if e.Ref == "" || e.SHA == "" || e.Repo.ID == 0 {
		return Move{}, false
	}
	m = Move{
		EventID: e.ID, Name: e.Name, Action: e.Action, Ref: e.Ref, SHA: e.SHA,
		Provenance: e.Provenance, Found: strings.HasPrefix(e.ID, e.Vendor+foundInfix),
	}
	if e.Name != "pull_request" { // whose BaseSHA is that of the branch it goes into
		m.Before = e.BaseSHA
	}
	return m, true
}

// ToldBy finds, among the accepted moves of a ref in their order, one that says
// that the ref stands at sha: that moved it there, and no later one moved it away
// from there. Moves may have been accepted in another order than they were made.
func ToldBy(moves []Move, sha string) (Move, bool) {
	left := false
	for i := len(moves) - 1; i >= 0; i-- {
		m := moves[i]
		if m.SHA == sha && !left {
			return m, true
		}
		left = left || m.Before == sha
	}
	return Move{}, false
}

// FoundID is the id of the event that tells of a move which was found in the
// refs. It is made of the vendor, the repository's id, the event's name, the ref
// and the two commits, and of nothing else: one move is one event.
func (m Move) FoundID(vendor string, repoID int64) string {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(repoID)))
	for _, part := range []string{m.Name, m.Ref, m.Before, m.SHA} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return vendor + foundInfix + hex.EncodeToString(h.Sum(nil))
}

// KnownHead is a ref as it was seen when its repository was looked at.
type KnownHead struct {
	Ref, SHA string
	// Next is what the ref points at without an event that says so, seen first at
	// NextAt; empty: SHA is all there is.
	Next   string
	NextAt time.Time
}

// KnownRepo is a repository of which an event came, and how its refs have been
// looked at. Times are zero if that never happened.
type KnownRepo struct {
	Repo
	Vendor string
	// Seen is when an event of it was accepted last.
	Seen time.Time
	// Tried is when its refs were asked for last; RefsAt and PullsAt are when its
	// branches and tags, and its open pull requests, were known last.
	Tried, RefsAt, PullsAt time.Time
	// Problem says why they can't be read; empty: they can. Refused tells that it
	// won't be otherwise until somebody changes something.
	Problem, Hint string
	Refused       bool
}
