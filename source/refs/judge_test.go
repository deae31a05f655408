package refs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/source/refs"
)

// line makes accepted moves of main: "a>b" is delivered, "~a>b" recovered,
// "+a>b" found; "-" stands for no commit.
func line(list string) []event.Move {
	var moves []event.Move
	for i, word := range strings.Fields(list) {
		m := event.Move{Seq: int64(i + 1), EventID: fmt.Sprintf("github:%d", i+1), Name: "push", Ref: main, Provenance: event.Webhook}
		switch word[0] {
		case '~':
			m.Provenance, word = event.Recovered, word[1:]
		case '+':
			m.Provenance, m.Found, word = event.Recovered, true, word[1:]
		}
		before, after, _ := strings.Cut(word, ">")
		m.Before, m.SHA = sha(strings.Trim(before, "-")), sha(after)
		moves = append(moves, m)
	}
	return moves
}

// TestJudge: each move of a line, as it is judged in the order of acceptance. "."
// is acted on, "o" outdated, "a" absorbed.
func TestJudge(t *testing.T) {
	tests := map[string]struct {
		line string
		// head is where main is; "?": that can't be found out, "-": it is gone.
		head string
		// older are commits and their ancestors: "c:ab".
		older string
		want  string
	}{
		"in order":                                 {line: "->a a>b b>c", head: "c", older: "b:a c:ab", want: "..."},
		"in order, the head is further":            {line: "->a a>b", head: "d", want: ".."},
		"in order, the branch is gone":             {line: "->a a>b", head: "-", want: ".."},
		"in order, with a force-push":              {line: "->a a>b b>c c>d", head: "d", want: "...."},
		"back and forth":                           {line: "->a a>b b>a a>b", head: "b", want: "...."},
		"late, by what follows it":                 {line: "b>c a>b", head: "c", want: ".o"},
		"late, by a chain of moves":                {line: "b>c c>d a>b", head: "x", want: "..o"},
		"late, by ancestry":                        {line: "c>d a>b", head: "x", older: "d:abc", want: ".o"},
		"late, by the head":                        {line: "c>d a>b", head: "d", want: ".o"},
		"late, the head is not known":              {line: "b>c a>b", head: "?", want: ".o"},
		"late, by ancestry, no head known":         {line: "c>d a>b", head: "?", older: "d:abc", want: ".o"},
		"late, and the branch was rewound since":   {line: "d>a b>c", head: "a", older: "b:a c:ab d:abc", want: ".o"},
		"it follows, by force":                     {line: "x>y a>b b>c", head: "z", older: "b:y c:y", want: "..."},
		"to where it was moved before":             {line: "x>b a>b", head: "c", want: ".."},
		"late, but where the branch is":            {line: "b>c a>b", head: "b", want: ".."},
		"a gap before it is not lateness":          {line: "a>b c>d", head: "d", want: ".."},
		"a gap, and the head is further":           {line: "a>b c>d", head: "e", older: "d:abc", want: ".."},
		"after a late one":                         {line: "b>c a>b c>d", head: "d", want: ".o."},
		"after a late one, the head is further":    {line: "b>c a>b c>d", head: "e", older: "d:abc", want: ".o."},
		"recovered, the newest":                    {line: "->a ~a>b", head: "b", want: ".."},
		"recovered, of several the newest":         {line: "->a ~a>b ~b>c ~c>d", head: "d", want: ".oo."},
		"recovered, the head is further":           {line: "->a ~a>b", head: "c", want: ".o"},
		"recovered, the branch is gone":            {line: "->a ~a>b", head: "-", want: ".o"},
		"recovered after a newer delivery":         {line: "b>c ~a>b", head: "c", want: ".o"},
		"recovered, a force-push since":            {line: "x>y ~a>b", head: "y", want: ".o"},
		"recovered, nothing known of the head":     {line: "->a ~a>b ~b>c", head: "?", want: ".o."},
		"found, where the branch is":               {line: "->a +a>b", head: "b", want: ".."},
		"found, moved on":                          {line: "->a +a>b", head: "c", want: ".o"},
		"a late delivery of what was found":        {line: "->a +a>b a>b", head: "b", want: "..a"},
		"recovered late what was found":            {line: "->a +a>b ~a>b", head: "b", want: "..a"},
		"a late delivery, found in one step":       {line: "->a +a>c b>c a>b", head: "c", want: "..ao"},
		"the same move again, later":               {line: "->a +a>b b>a a>b", head: "b", want: "...."},
		"absorbed once":                            {line: "->a +a>b a>b b>a a>b", head: "b", want: "..a.."},
		"a delivery after what was found":          {line: "->a +a>b b>c", head: "c", want: ".o."},
		"found of old does not hold up the line":   {line: "+-x>a a>b b>c", head: "d", want: "o.."},
		"a rewind that was delivered":              {line: "->a a>b b>a", head: "a", older: "b:a", want: "..."},
		"a rewind, and the head is further":        {line: "->a a>b b>a", head: "c", older: "b:a c:a", want: "..."},
		"a rewind that was found":                  {line: "->a a>b +b>a", head: "a", older: "b:a", want: "..."},
		"a late one of before a rewind to its own": {line: "b>a a>b ->a", head: "b", older: "b:a", want: "..o"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			moves := line(strings.ReplaceAll(tt.line, "+-x", "+x"))
			f := refs.Facts{Head: sha(tt.head), HeadKnown: tt.head != "?"}
			if tt.head == "-" {
				f.Head = ""
			}
			f.IsAncestor = func(older, newer string) bool {
				for _, word := range strings.Fields(tt.older) {
					if n, list, _ := strings.Cut(word, ":"); sha(n) == newer {
						return strings.Contains(list, short(older))
					}
				}
				return false
			}
			var got strings.Builder
			for _, m := range moves {
				f.Moves = moves
				reason := ""
				if !refs.InOrder(m, moves) {
					reason = refs.Judge(m, f)
				}
				switch {
				case reason == "":
					got.WriteString(".")
				case strings.HasPrefix(reason, "outdated: "):
					got.WriteString("o")
				case strings.HasPrefix(reason, "absorbed: "):
					got.WriteString("a")
				default:
					t.Errorf("%q", reason)
				}
			}
			if got.String() != tt.want {
				t.Errorf("got %s, want %s", got.String(), tt.want)
			}
		})
	}
}

// TestJudgeAsksLittle: of a long line, of which nothing but ancestry could tell, a
// few commits are asked for.
func TestJudgeAsksLittle(t *testing.T) {
	var long strings.Builder
	for i := range 40 {
		fmt.Fprintf(&long, "%c>%c ", 'A'+2*i, 'B'+2*i)
	}
	moves := line(long.String() + "a>b")
	asked := map[string]bool{}
	reason := refs.Judge(moves[len(moves)-1], refs.Facts{Moves: moves, IsAncestor: func(older, newer string) bool {
		asked[older+newer] = true
		return false
	}})
	if reason != "" || len(asked) == 0 || len(asked) > 16 {
		t.Errorf("%d questions, %q", len(asked), reason)
	}
}

// TestJudgeSays where the ref is.
func TestJudgeSays(t *testing.T) {
	moves := line("->a ~a>b")
	for head, want := range map[string]string{
		"":       "outdated: refs/heads/main is gone or closed",
		sha("c"): "outdated: refs/heads/main is at 000000000000 by now",
	} {
		if got := refs.Judge(moves[1], refs.Facts{Moves: moves, Head: head, HeadKnown: true}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestJudgePulls: a pull request's events don't say what was there before.
func TestJudgePulls(t *testing.T) {
	ref := "refs/pull/3/head"
	m := func(seq int64, action, at string, found bool) event.Move {
		p := event.Webhook
		if found {
			p = event.Recovered
		}
		return event.Move{Seq: seq, EventID: fmt.Sprintf("github:%d", seq), Name: "pull_request", Action: action, Ref: ref, SHA: sha(at), Provenance: p, Found: found}
	}
	for name, c := range map[string]struct {
		moves []event.Move
		head  string
		want  string
	}{
		"a new head":                            {[]event.Move{m(1, "opened", "a", false), m(2, "synchronize", "b", false)}, "b", ""},
		"the head is further":                   {[]event.Move{m(1, "opened", "a", false), m(2, "synchronize", "b", false)}, "c", ""},
		"late":                                  {[]event.Move{m(1, "synchronize", "b", false), m(2, "opened", "a", false)}, "b", "outdated"},
		"a delivery of what was found":          {[]event.Move{m(1, "opened", "a", true), m(2, "opened", "a", false)}, "a", "absorbed"},
		"a delivery of what was found, in part": {[]event.Move{m(1, "opened", "b", true), m(2, "synchronize", "b", false)}, "b", "absorbed"},
		"opened again after it was found":       {[]event.Move{m(1, "opened", "a", true), m(2, "reopened", "a", false)}, "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			last := c.moves[len(c.moves)-1]
			reason := refs.Judge(last, refs.Facts{Moves: c.moves, Head: sha(c.head), HeadKnown: true, IsAncestor: func(older, newer string) bool { return older == sha("a") && newer == sha("b") }})
			if word, _, _ := strings.Cut(reason, ":"); word != c.want {
				t.Errorf("got %q, want %q", reason, c.want)
			}
		})
	}
}

// TestNeverBackwards: pushes, forced ones too, are made one after the other. They
// are delivered in any order; some are recovered. Whatever the order: where the
// branch is now is acted on; nothing is acted on after something newer was; and
// deliveries in their order are all acted on.
func TestNeverBackwards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "pushes")
		history := make([]event.Move, n)
		parents := map[string]string{}
		before := "-"
		for i := range n {
			after := string(rune('a' + i))
			parent := before
			if rapid.Float64().Draw(t, "force") < 0.2 {
				parent = "x"
			}
			parents[sha(after)] = sha(strings.Trim(parent, "-"))
			history[i] = event.Move{EventID: fmt.Sprint(i), Name: "push", Ref: main, Before: sha(strings.Trim(before, "-")), SHA: sha(after), Provenance: event.Webhook}
			before = after
		}
		order := rapid.Permutation(sequence(n)).Draw(t, "order")
		accepted := make([]event.Move, n)
		for seq, i := range order {
			accepted[seq] = history[i]
			accepted[seq].Seq = int64(seq + 1)
			if rapid.Float64().Draw(t, "recovered") < 0.3 {
				accepted[seq].Provenance = event.Recovered
			}
		}
		f := refs.Facts{Head: history[n-1].SHA, HeadKnown: true, IsAncestor: func(older, newer string) bool {
			for at := newer; at != ""; at = parents[at] {
				if at == older {
					return true
				}
			}
			return false
		}}
		newest := -1
		for seq, m := range accepted {
			f.Moves = accepted[:rapid.IntRange(seq+1, n).Draw(t, "accepted by then")]
			i := order[seq]
			reason := ""
			if !refs.InOrder(m, f.Moves) {
				reason = refs.Judge(m, f)
			}
			switch {
			case reason == "" && i < newest && m.SHA != f.Head:
				t.Fatalf("%s is acted on after %s was accepted: %v", short(m.SHA), short(history[newest].SHA), order)
			case reason != "" && i == n-1:
				t.Fatalf("where the branch is now is not acted on: %s", reason)
			case reason != "" && m.Provenance == event.Webhook && slices.Equal(order[:seq+1], sequence(seq+1)):
				t.Fatalf("%s came in order and is not acted on: %s", short(m.SHA), reason)
			}
			newest = max(newest, i)
		}
	})
}

func sequence(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
