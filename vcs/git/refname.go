package git

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/franela/pocketci/event"
)

// headRef is what a repository says its default branch is.
const headRef = "HEAD"

// isSHA tells whether s is a whole object name: 40 or 64 hexadecimal digits in
// lower case.
func isSHA(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isZero tells whether a sha stands for "none".
func isZero(sha string) bool { return strings.Trim(sha, "0") == "" }

// checkSHA refuses what is not a whole object name.
func checkSHA(sha string) error {
	if !isSHA(sha) {
		return &event.Problem{Public: "the event names a commit that is not a sha", Err: fmt.Errorf("sha %q", sha)}
	}
	return nil
}

// checkRef refuses what is not the full name of a ref.
func checkRef(ref string) error {
	if ref == headRef || strings.HasPrefix(ref, "refs/") && validRef(ref) {
		return nil
	}
	return &event.Problem{Public: "the event names a ref that git does not allow", Err: fmt.Errorf("ref %q", ref)}
}

// validRef tells whether git check-ref-format accepts the name
// (https://git-scm.com/docs/git-check-ref-format).
func validRef(name string) bool {
	if !strings.Contains(name, "/") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return false
	}
	for _, c := range []byte(name) {
		if c < 0x20 || c == 0x7f || strings.IndexByte(" ~^:?*[\\", c) >= 0 {
			return false
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// slotCount bounds the refs of a mirror. They are there for the talk with the
// code host only (what is had already), and objects stay without them: so it does no
// harm when a ref takes over another's slot.
const slotCount = 256

// slots gives each of the names a ref of the mirror, the same one every time as
// far as there is no collision.
func slots(names []string) []string {
	refs := make([]string, len(names))
	taken := make(map[uint32]bool, len(names))
	for i, name := range names {
		if len(taken) == slotCount {
			break
		}
		h := fnv.New32a()
		h.Write([]byte(name))
		slot := h.Sum32() % slotCount
		for taken[slot] {
			slot = (slot + 1) % slotCount
		}
		taken[slot] = true
		refs[i] = fmt.Sprintf("%s%02x", slotPrefix, slot)
	}
	return refs
}

// slotPrefix is where a mirror's refs are.
const slotPrefix = "refs/pocketci/"
