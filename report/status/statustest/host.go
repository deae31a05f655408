package statustest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Sent is one request that set a status.
type Sent struct {
	Repo   string
	SHA    string
	Status run.Status
	At     time.Time
}

// Host is a code host. The zero value takes everything.
type Host struct {
	// Fail decides how a request ends, before it has an effect; nil: well. It may
	// block until ctx ends.
	Fail func(ctx context.Context, s Sent) error
	// FailAfter is like Fail, after the status was taken: the answer got lost.
	FailAfter func(ctx context.Context, s Sent) error
	// FailList is how listing ends.
	FailList func(repo event.Repo, sha string) error
	// Clock is time.Now if nil.
	Clock func() time.Time

	mu     sync.Mutex
	tried  []Sent
	taken  []Sent
	listed int
}

// SetStatus takes a status.
func (h *Host) SetStatus(ctx context.Context, repo event.Repo, sha string, s run.Status) error {
	sent := Sent{Repo: repo.FullName(), SHA: sha, Status: s, At: h.now()}
	h.mu.Lock()
	h.tried = append(h.tried, sent)
	h.mu.Unlock()
	if h.Fail != nil {
		if err := h.Fail(ctx, sent); err != nil {
			return err
		}
	}
	h.mu.Lock()
	h.taken = append(h.taken, sent)
	h.mu.Unlock()
	if h.FailAfter != nil {
		return h.FailAfter(ctx, sent)
	}
	return nil
}

// Statuses lists a commit's statuses, newest first.
func (h *Host) Statuses(_ context.Context, repo event.Repo, sha string) ([]run.Status, error) {
	h.mu.Lock()
	h.listed++
	var list []run.Status
	for _, s := range slices.Backward(h.taken) {
		if s.Repo == repo.FullName() && s.SHA == sha {
			list = append(list, s.Status)
		}
	}
	h.mu.Unlock()
	if h.FailList != nil {
		return list, h.FailList(repo, sha)
	}
	return list, nil
}

// Tried are all requests in their order, Taken those that had an effect.
func (h *Host) Tried() []Sent { h.mu.Lock(); defer h.mu.Unlock(); return slices.Clone(h.tried) }

// Taken are the statuses that were taken, in their order.
func (h *Host) Taken() []Sent { h.mu.Lock(); defer h.mu.Unlock(); return slices.Clone(h.taken) }

// Listed counts the requests that listed statuses.
func (h *Host) Listed() int { h.mu.Lock(); defer h.mu.Unlock(); return h.listed }

// Shows is what a commit shows, by context: "failure: 1 of 3 failed".
func (h *Host) Shows(repo, sha string) map[string]string {
	shows := map[string]string{}
	for _, s := range h.Taken() {
		if s.Repo == repo && s.SHA == sha {
			shows[s.Status.Context] = string(s.Status.State) + ": " + s.Status.Description
		}
	}
	return shows
}

func (h *Host) now() time.Time {
	if h.Clock != nil {
		return h.Clock()
	}
	return time.Now()
}
