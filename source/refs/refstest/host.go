// Package refstest has a code host for tests of package refs: repositories whose
// refs are set by hand, and which can be made to fail.
package refstest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/franela/pocketci/event"
)

// Host is a code host with one repository: octo/hello, id 7.
type Host struct {
	clock func() time.Time

	mu    sync.Mutex
	repo  event.Repo
	refs  map[string]string
	pulls map[int]event.Head
	older map[string][]string
	fail  func(ask string) error
	asked []string
}

// NewHost makes a host whose repository has no refs.
func NewHost(clock func() time.Time) *Host {
	return &Host{
		clock: clock, refs: map[string]string{}, pulls: map[int]event.Head{}, older: map[string][]string{},
		repo: event.Repo{ID: 7, Owner: "octo", Name: "hello", DefaultBranch: "main"},
	}
}

// SHA is a commit's id, made of a name.
func SHA(name string) string { return strings.Repeat("0", 40-len(name)) + name }

// None stands for no commit.
const None = "0000000000000000000000000000000000000000"

// Set points a branch or a tag at a commit; "" deletes it.
func (h *Host) Set(ref, sha string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sha == "" {
		delete(h.refs, ref)
		return
	}
	h.refs[ref] = sha
}

// SetPull sets an open pull request's head; "" closes it.
func (h *Host) SetPull(number int, sha string, opened time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sha == "" {
		delete(h.pulls, number)
		return
	}
	h.pulls[number] = event.Head{Ref: PullRef(number), SHA: sha, PullRequest: number, Opened: opened}
}

// PullRef is a pull request's ref.
func PullRef(number int) string { return fmt.Sprintf("refs/pull/%d/head", number) }

// Rename gives the repository another name.
func (h *Host) Rename(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repo.Name = name
}

// Descends says that a commit comes after others.
func (h *Host) Descends(newer string, older ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.older[newer] = append(h.older[newer], older...)
}

// Fail makes every question for which the function gives an error fail with it:
// "refs", "pulls", "event <ref>", "head <ref>", "ancestor". nil: nothing fails.
func (h *Host) Fail(fail func(ask string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = fail
}

// Asked gives the questions since it was called last.
func (h *Host) Asked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := h.asked
	h.asked = nil
	return asked
}

func (h *Host) ask(ctx context.Context, ask string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	h.asked = append(h.asked, ask)
	if h.fail == nil {
		return nil
	}
	return h.fail(ask)
}

// Refs gives branches and tags.
func (h *Host) Refs(ctx context.Context, repo event.Repo) (event.Repo, []event.Head, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ask(ctx, "refs"); err != nil {
		return repo, nil, err
	}
	var heads []event.Head
	for _, ref := range slices.Sorted(maps.Keys(h.refs)) {
		heads = append(heads, event.Head{Ref: ref, SHA: h.refs[ref]})
	}
	return h.repo, heads, nil
}

// Pulls gives the heads of open pull requests.
func (h *Host) Pulls(ctx context.Context, _ event.Repo) ([]event.Head, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ask(ctx, "pulls"); err != nil {
		return nil, err
	}
	var heads []event.Head
	for _, n := range slices.Sorted(maps.Keys(h.pulls)) {
		heads = append(heads, h.pulls[n])
	}
	return heads, nil
}

// Event makes the event of a move.
func (h *Host) Event(ctx context.Context, repo event.Repo, m event.Move) (event.Event, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ask(ctx, "event "+m.Ref); err != nil {
		return event.Event{}, err
	}
	e := Event("", m.Name, m.Action, m.Ref, m.Before, m.SHA, h.clock())
	e.ID, e.Provenance, e.Repo = m.FoundID("github", repo.ID), event.Recovered, repo
	e.Payload = []byte(`{"found":"` + m.Ref + m.Before + m.SHA + `"}`)
	return e, nil
}

// Event is one of octo/hello that was delivered with a GUID.
func Event(guid, name, action, ref, before, sha string, at time.Time) event.Event {
	return event.Event{
		ID: "github:" + guid, Vendor: "github", Name: name, Type: name, Action: action, Ref: ref, BaseSHA: before, SHA: sha,
		Repo:       event.Repo{ID: 7, Owner: "octo", Name: "hello", DefaultBranch: "main"},
		Provenance: event.Webhook, ReceivedAt: at, Payload: []byte(`{"guid":"` + guid + `"}`),
	}
}

// Head gives the commit that a ref is at.
func (h *Host) Head(ctx context.Context, _ event.Repo, ref string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ask(ctx, "head "+ref); err != nil {
		return "", err
	}
	for _, p := range h.pulls {
		if p.Ref == ref {
			return p.SHA, nil
		}
	}
	return h.refs[ref], nil
}

// IsAncestor tells what was said by Descends.
func (h *Host) IsAncestor(ctx context.Context, _ event.Repo, older, newer string) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ask(ctx, "ancestor"); err != nil {
		return false, err
	}
	return older == newer || slices.Contains(h.older[newer], older), nil
}
