package git

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/franela/pocketci/event"
)

// Sentinels that callers branch on.
var (
	// ErrUnreachable: the code host can't be reached, limits us or has a fault of its own.
	// Trying again later may help.
	ErrUnreachable = errors.New("code host unreachable")
	// ErrGone: the code host has the repository, but not the commit or ref.
	ErrGone = errors.New("gone")
	// ErrDenied: the repository does not exist, or not for our credentials.
	ErrDenied = errors.New("repository not readable")
	// ErrMoved: the code host redirects, most likely because the repository was
	// renamed. Redirects are not followed.
	ErrMoved = errors.New("repository moved")
)

// errBroken: the mirror lacks or garbles what it must have.
var errBroken = errors.New("mirror is damaged")

// failure is a git process that did not succeed.
type failure struct {
	verb   string // "fetch"
	code   int
	stderr string // scrubbed, lines
}

func (f *failure) Error() string {
	if f.stderr == "" {
		return "git " + f.verb + ": exit status " + strconv.Itoa(f.code)
	}
	lines := slices.Compact(strings.Split(f.stderr, "\n")) // of the same complaint once is enough
	return "git " + f.verb + ": " + strings.Join(lines, "; ")
}

// said gives what git said on its way to failing, or "".
func said(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.stderr
	}
	return ""
}

var (
	httpStatus = regexp.MustCompile(`(?:returned error: |HTTP )(\d{3})`)
	refusedSHA = regexp.MustCompile(`(?:not our ref|unadvertised object) ([0-9a-f]{40,64})`)
	omittedSHA = regexp.MustCompile(`bad (?:revision|object) '?([0-9a-f]{40,64})`)
	missingRef = regexp.MustCompile(`(?m)couldn't find remote ref (.+)$`)
)

// refused gives the sha or ref that the code host says it does not have, as
// [tidy] writes it.
func refused(err error) string {
	text := said(err)
	for _, re := range []*regexp.Regexp{refusedSHA, missingRef} {
		if found := re.FindStringSubmatch(text); found != nil {
			return found[1]
		}
	}
	return ""
}

// omitted gives the sha that was not among what the code host sent, or "".
func omitted(err error) string {
	if found := omittedSHA.FindStringSubmatch(said(err)); found != nil {
		return found[1]
	}
	return ""
}

// Phrases of git (LC_ALL=C) by what they mean.

func deniedPhrases() []string {
	return []string{"Authentication failed", "could not read Username", "could not read Password", "terminal prompts disabled"}
}

func absentPhrases() []string {
	return []string{"not found", "does not appear to be a git repository", "repository not exported", "access denied"}
}

func faultPhrases() []string {
	return []string{"unable to access", "RPC failed", "early EOF", "hung up", "disconnect", "timed out", "Could not resolve", "Connection re",
		"expected flush", "bytes of body", "protocol error", "expected packfile", "Internal Server Error"}
}

func limitPhrases() []string { return []string{"rate limit", "abuse"} }

// hostPhrases are faults of this machine that a new clone would not cure.
func hostPhrases() []string {
	return []string{"No space left", "Permission denied", "Read-only file system", "quota exceeded", "out of memory", "Out of memory", "Cannot allocate",
		"Too many open files", "Input/output error", "File exists", "cannot lock ref"}
}

// brokenPhrases are what git says about a damaged repository while it fetches.
func brokenPhrases() []string {
	return []string{"not a git repository", "corrupt", "is empty", "bad object", "bad tree object", "bad revision", "unable to read", "unable to parse",
		"unable to unpack", "Could not read", "could not read", "CRC mismatch", "hash mismatch", "sha1 mismatch", "bad config", "unresolved delta",
		"necessary objects", "invalid sha1 pointer", "is broken", "cannot be accessed", "failed to read", "bad signature", "unable to find",
		"is not a tree", "not a valid object", "bad ref", "missing tree", "missing commit", "inflate", ".pack", ".idx"}
}

// remoteError says what a failed talk with the code host means, and for whom.
func remoteError(repo event.Repo, err error) error {
	text := said(err)
	if text == "" || errors.Is(err, ErrUnreachable) {
		return err
	}
	status := 0
	if found := httpStatus.FindStringSubmatch(text); found != nil {
		status, _ = strconv.Atoi(found[1])
	}
	limited := contains(text, limitPhrases()...)
	switch {
	case contains(text, hostPhrases()...):
		return err
	case status >= 300 && status < 400:
		return &event.Problem{
			Public: repo.FullName() + " has moved: the code host redirects to another address",
			Hint:   "It was probably renamed; redirects are not followed, so that credentials stay where they belong. Its next event carries the new name.",
			Err:    fmt.Errorf("%w: %w", ErrMoved, err),
		}
	case contains(text, deniedPhrases()...), status == 401, status == 403 && !limited:
		return &event.Problem{
			Public: "the code host does not let us read " + repo.FullName(),
			Hint:   "Check that the agent's credentials are valid and may read this repository's contents.",
			Err:    fmt.Errorf("%w: %w", ErrDenied, err),
		}
	case contains(text, "mismatched algorithms"):
		return &event.Problem{Public: repo.FullName() + " names its objects by SHA-256, which is not supported", Err: err}
	case status == 429, status >= 500, limited:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case status == 404, status == 410, contains(text, absentPhrases()...):
		return &event.Problem{
			Public: repo.FullName() + " can't be found on the code host",
			Hint:   "It was deleted or renamed, or the agent's credentials may not see it.",
			Err:    fmt.Errorf("%w: %w", ErrDenied, err),
		}
	case contains(text, faultPhrases()...):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return localError(err)
}

// localError marks failures that mean that the mirror itself is damaged. What only
// reads a mirror and asks for what must be there fails for no other reason, as long as
// this machine is well.
func localError(err error) error {
	var f *failure
	if !errors.As(err, &f) || errors.Is(err, errBroken) || contains(f.stderr, hostPhrases()...) {
		return err
	}
	reads := f.verb == "cat-file" && f.stderr != "" || f.verb != "fetch" && f.verb != "ls-remote" && f.verb != "init" && f.code == 128
	if !reads && !contains(f.stderr, brokenPhrases()...) {
		return err
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

func contains(text string, phrases ...string) bool {
	for _, p := range phrases {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// gone is the problem of a commit or ref that the code host does not have.
func gone(repo event.Repo, what string) error {
	if isSHA(what) {
		what = "commit " + what
	}
	return &event.Problem{
		Public: what + " is gone from " + repo.FullName(),
		Hint:   "It was probably replaced by a force-push, or its branch was deleted. A newer event covers what is there now.",
		Err:    ErrGone,
	}
}
