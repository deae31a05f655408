package dispatchtest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Host is a code host in memory, as far as approvals and commands ask for it. Its
// exported fields are set before it is used.
type Host struct {
	// Payloads are the comments that events bring, by event id; Remarks those that
	// the host has now, by comment id.
	Payloads map[string]run.Comment
	Remarks  map[int64]run.Comment
	Pulls    map[int]run.Pull
	// Tips are branches' commits.
	Tips map[string]string
	// Writers are the accounts that may write; Unasked: that can't be asked.
	Writers map[int64]bool
	Unasked bool
	// Err is returned by everything, if set.
	Err error
	// ReplyErr, if set, is what a reply ends with; Lost: it arrives all the same.
	ReplyErr error
	Lost     bool

	mu      sync.Mutex
	replies []run.Reply
	asked   []int64
}

// Said gives the comment of an event.
func (h *Host) Said(e event.Event) (run.Comment, bool) {
	c, ok := h.Payloads[e.ID]
	return c, ok
}

// Comment gives a comment as it is now.
func (h *Host) Comment(_ context.Context, _ event.Repo, id int64) (run.Comment, error) {
	c, ok := h.Remarks[id]
	if !ok && h.Err == nil {
		return c, fmt.Errorf("404: %w", run.ErrRefused)
	}
	return c, h.Err
}

// Pull gives a pull request.
func (h *Host) Pull(_ context.Context, _ event.Repo, number int) (run.Pull, error) {
	p, ok := h.Pulls[number]
	if !ok && h.Err == nil {
		return p, fmt.Errorf("404: %w", run.ErrRefused)
	}
	return p, h.Err
}

// Tip gives a branch's commit.
func (h *Host) Tip(_ context.Context, _ event.Repo, branch string) (string, error) {
	sha, ok := h.Tips[branch]
	if !ok && h.Err == nil {
		return "", fmt.Errorf("404: %w", run.ErrRefused)
	}
	return sha, h.Err
}

// MayWrite looks the account up in Writers.
func (h *Host) MayWrite(_ context.Context, _ event.Repo, account event.Sender) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, account.ID)
	if h.Unasked {
		return false, fmt.Errorf("403: %w", run.ErrRefused)
	}
	return h.Writers[account.ID], h.Err
}

// Asked are the accounts whose permission was asked for, in order.
func (h *Host) Asked() []int64 { h.mu.Lock(); defer h.mu.Unlock(); return slices.Clone(h.asked) }

// Reply writes a comment.
func (h *Host) Reply(_ context.Context, _ event.Repo, r run.Reply) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ReplyErr == nil || h.Lost {
		h.replies = append(h.replies, r)
	}
	return h.ReplyErr
}

// Replied tells whether a reply was written.
func (h *Host) Replied(_ context.Context, _ event.Repo, r run.Reply) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.replies, func(had run.Reply) bool { return had.EventID == r.EventID }), h.Err
}

// Replies are those that were written, in order.
func (h *Host) Replies() []run.Reply {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.replies)
}

// Memory is a store's memory of approvals and replies.
type Memory struct {
	Store *Store

	mu        sync.Mutex
	approvals []run.Approval
	replies   map[string]run.ReplyState
	cancelled []string
}

// Approve keeps an approval, once per event.
func (m *Memory) Approve(_ context.Context, a run.Approval) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.approvals, func(had run.Approval) bool { return had.EventID == a.EventID }) {
		m.approvals = append([]run.Approval{a}, m.approvals...)
	}
	return nil
}

// Approvals gives those of a commit, newest first.
func (m *Memory) Approvals(_ context.Context, repoID int64, sha string) ([]run.Approval, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []run.Approval
	for _, a := range m.approvals {
		if a.RepoID == repoID && a.SHA == sha {
			list = append(list, a)
		}
	}
	return list, nil
}

// ClaimReply knows no limits.
func (m *Memory) ClaimReply(_ context.Context, r run.Reply, _ run.ReplyLimits) (run.ReplyState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replies == nil {
		m.replies = map[string]run.ReplyState{}
	}
	state, known := m.replies[r.EventID]
	if !known {
		m.replies[r.EventID] = run.ReplyInDoubt
		return run.ReplyNew, nil
	}
	return state, nil
}

// SettleReply marks a reply as sent.
func (m *Memory) SettleReply(_ context.Context, eventID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replies[eventID] = run.ReplySent
	return nil
}

// PullRuns gives the runs of a pull request's commit, newest first.
func (m *Memory) PullRuns(_ context.Context, repoID int64, pull int, sha string, _ int) ([]run.Run, error) {
	m.Store.mu.Lock()
	defer m.Store.mu.Unlock()
	var list []run.Run
	for _, r := range m.Store.runs {
		if e := r.Event; e.Repo.ID == repoID && e.PullRequest == pull && e.SHA == sha && e.Name == "pull_request" {
			list = append([]run.Run{r}, list...)
		}
	}
	return list, nil
}

// Run gives one run.
func (m *Memory) Run(_ context.Context, id string) (run.Run, []run.Report, error) {
	m.Store.mu.Lock()
	defer m.Store.mu.Unlock()
	for _, r := range m.Store.runs {
		if r.Event.ID == id {
			return r, nil, nil
		}
	}
	return run.Run{}, nil, run.ErrNotFound
}

// Append accepts an event, once.
func (m *Memory) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	if _, _, err := m.Run(ctx, e.ID); err == nil {
		return event.Receipt{ID: e.ID, Duplicate: true}, nil
	}
	m.Store.Add(e)
	return event.Receipt{ID: e.ID}, nil
}

// Cancel remembers that it was asked to.
func (m *Memory) Cancel(_ context.Context, repoID int64, pull int, why string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cancelled = append(m.cancelled, fmt.Sprintf("%d#%d: %s", repoID, pull, why))
	return 2, nil
}

// Cancelled are what was cancelled.
func (m *Memory) Cancelled() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.cancelled)
}
