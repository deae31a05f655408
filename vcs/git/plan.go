package git

import (
	"strings"

	"github.com/franela/pocketci/event"
)

// plan is what an event needs of git, with every name of it checked.
type plan struct {
	repo event.Repo
	// head is the event's commit; ref is the ref that should hold it.
	head want
	ref  string
	diff event.Diff
	// base and merge are shas, or empty; baseRef is a pull request's, or empty.
	base, merge, baseRef string
	// trunk is the default branch; onTrunk tells that the event is about it.
	trunk   string
	onTrunk bool
}

// newPlan checks an event's names. A name that git does not allow is a Problem.
func newPlan(e event.Event) (plan, error) {
	p := plan{repo: e.Repo, diff: e.Diff, ref: e.Ref, trunk: headRef}
	if e.Repo.DefaultBranch != "" {
		p.trunk = "refs/heads/" + e.Repo.DefaultBranch
	}
	if p.ref == "" {
		p.ref = p.trunk
	}
	p.onTrunk = p.ref == p.trunk
	if e.BaseRef != "" {
		p.baseRef = "refs/heads/" + e.BaseRef
	}
	for _, ref := range []string{p.trunk, p.ref, p.baseRef} {
		if ref == "" {
			continue
		}
		if err := checkRef(ref); err != nil {
			return plan{}, err
		}
	}
	head, base, merge := e.SHA, e.BaseSHA, e.MergeSHA
	for _, sha := range []*string{&head, &base, &merge} {
		*sha = strings.ToLower(*sha)
		if isZero(*sha) {
			*sha = "" // zeros are how code hosts write "none"
			continue
		}
		if err := checkSHA(*sha); err != nil {
			return plan{}, err
		}
	}
	p.base, p.merge = base, merge
	p.head = want{src: head, via: p.ref}
	if head == "" {
		p.head = want{src: p.ref}
	}
	return p, nil
}

// wants are what is needed of the code host at first.
func (p plan) wants() []want {
	wants := []want{p.head}
	switch {
	case p.diff == event.DiffNone:
	case p.base != "":
		wants = append(wants, want{src: p.base, via: p.baseRef})
	case p.diff == event.DiffPull && p.baseRef != "":
		wants = append(wants, want{src: p.baseRef})
	case !p.onTrunk:
		wants = append(wants, want{src: p.trunk})
	}
	return wants
}
