package refs

import (
	"fmt"

	"github.com/franela/pocketci/event"
)

// Facts are what is known of the ref that a move is about.
type Facts struct {
	// Moves are those that were accepted, in that order, the judged one among them.
	Moves []event.Move
	// Head is the commit that the ref points at now; empty: it is gone. HeadKnown
	// is false if that could not be found out for good.
	Head      string
	HeadKnown bool
	// IsAncestor tells whether a commit is reachable from another.
	IsAncestor func(older, newer string) bool
}

// InOrder tells whether a move needs no judgement: a delivery that follows, one
// from the other, all moves of its ref that were accepted before it.
func InOrder(m event.Move, moves []event.Move) bool {
	if m.Provenance == event.Recovered || m.Found {
		return false
	}
	before := earlier(m, moves)
	led := followed(m, before)
	for _, k := range before {
		if !led[k.Seq] {
			return false
		}
	}
	return true
}

// Judge says why a move is not to be acted on, in a sentence for people that
// begins with "outdated" or "absorbed"; or nothing if it is. It is pure.
//
//   - A delivery of the move that was found in the refs, and is the last one that
//     was accepted before it, is absorbed.
//   - A move to where the ref stands now is news, however late it comes.
//   - One that was recovered or found is outdated if the ref stands elsewhere: of
//     several missed moves the newest is acted on.
//   - One that was delivered is outdated if it came late: a move was accepted before
//     it that was made from it, or has it as an ancestor, or is where the ref stands;
//     or of which nothing says that it is older (a force-push was lost between them),
//     while the ref stands elsewhere. Moves that were accepted in their order are
//     all acted on.
func Judge(m event.Move, f Facts) string {
	before := earlier(m, f.Moves)
	if n := len(before); n > 0 && absorbs(before[n-1], m) {
		return "absorbed: it was taken in already as " + before[n-1].EventID
	}
	if f.HeadKnown && f.Head == m.SHA {
		return ""
	}
	recovered := m.Provenance == event.Recovered || m.Found
	switch {
	case recovered && f.HeadKnown && f.Head == "":
		return fmt.Sprintf("outdated: %s is gone or closed", m.Ref)
	case recovered && f.HeadKnown:
		return fmt.Sprintf("outdated: %s is at %.12s by now", m.Ref, f.Head)
	case recovered: // what was accepted later counts too
		before = others(m, f.Moves)
	}
	if k, ok := newer(m, before, f); ok {
		return fmt.Sprintf("outdated: %s had moved on to %.12s when this came (%s)", m.Ref, k.SHA, k.EventID)
	}
	return ""
}

// absorbs tells whether k was found in the refs and m tells of the same.
func absorbs(k, m event.Move) bool {
	return k.Found && !m.Found && k.SHA == m.SHA &&
		(k.Action == "reopened") == (m.Action == "reopened")
}

func earlier(m event.Move, moves []event.Move) []event.Move {
	var list []event.Move
	for _, k := range moves {
		if k.Seq < m.Seq && k.EventID != m.EventID {
			list = append(list, k)
		}
	}
	return list
}

func others(m event.Move, moves []event.Move) []event.Move {
	var list []event.Move
	for _, k := range moves {
		if k.EventID != m.EventID {
			list = append(list, k)
		}
	}
	return list
}

// followed gives, by their sequence, those of the moves that m comes after: what
// it was made from, what that was made from, and so on.
func followed(m event.Move, moves []event.Move) map[int64]bool {
	led := map[int64]bool{}
	for todo := []string{m.Before}; len(todo) > 0; {
		sha := todo[0]
		todo = todo[1:]
		for _, k := range moves {
			if k.SHA == sha && sha != "" && !led[k.Seq] {
				led[k.Seq] = true
				todo = append(todo, k.Before)
			}
		}
	}
	return led
}

// following gives, by their sequence, those of the moves that come after m: that
// were made from where it led, and so on.
func following(m event.Move, moves []event.Move) map[int64]bool {
	after := map[int64]bool{}
	for todo := []string{m.SHA}; len(todo) > 0; {
		sha := todo[0]
		todo = todo[1:]
		for _, k := range moves {
			if k.Before == sha && !after[k.Seq] {
				after[k.Seq] = true
				todo = append(todo, k.SHA)
			}
		}
	}
	return after
}

// ancestryMost is how many commits' ancestry is asked for: what is further back in
// the line than that counts as older.
const ancestryMost = 8

// newer finds a move that comes after m, as far as can be known; of those the one
// that was accepted last.
func newer(m event.Move, moves []event.Move, f Facts) (event.Move, bool) {
	led, after := followed(m, moves), following(m, moves)
	asked := map[string]bool{}
	for i := len(moves) - 1; i >= 0; i-- {
		k := moves[i]
		if led[k.Seq] || k.SHA == m.SHA {
			continue
		}
		if after[k.Seq] || f.HeadKnown && k.SHA == f.Head {
			return k, true
		}
		if len(asked) == ancestryMost || asked[k.SHA] || f.IsAncestor == nil {
			continue
		}
		asked[k.SHA] = true
		if f.IsAncestor(k.SHA, m.SHA) {
			continue
		}
		if f.HeadKnown || f.IsAncestor(m.SHA, k.SHA) {
			return k, true
		}
	}
	return event.Move{}, false
}
