package status

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/iancoleman/strcase"

	"github.com/franela/pocketci/run"
)

// maxContext is the longest context that GitHub takes, in characters.
const maxContext = 255

// summaryContext names the one context per event that always ends final.
func summaryContext(eventName string) string {
	return fit("pocketci (" + plain(eventName) + ")")
}

// functionContext names a function's context. The function's name is cased as
// the engine's command line does it, so that people see the name they would type.
func functionContext(d run.Decision, eventName string) string {
	name := "pocketci/"
	if d.Module != "" {
		name += plain(d.Module) + "/"
	}
	name += strcase.ToKebab(plain(d.Function))
	if !d.NamesEvent {
		name += " (" + plain(eventName) + ")"
	}
	return fit(name)
}

// fit shortens a context that GitHub would refuse. A digest keeps two long names
// apart that begin alike.
func fit(name string) string {
	runes := []rune(name)
	if len(runes) <= maxContext {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	digest := "~" + hex.EncodeToString(sum[:6])
	return string(runes[:maxContext-len(digest)]) + digest
}
