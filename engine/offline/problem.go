package offline

import (
	"fmt"
	"go/token"

	"github.com/franela/pocketci/event"
)

// refuse makes the problem that a place in the source has.
func (p *pkg) refuse(pos token.Pos, format string, args ...any) error {
	return &event.Problem{
		Public: p.fset.Position(pos).String() + ": " + fmt.Sprintf(format, args...),
		Hint:   "the engine refuses such a module too",
	}
}
