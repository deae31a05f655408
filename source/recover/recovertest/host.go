package recovertest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Attempt is one attempt to deliver.
type Attempt struct {
	Hook int64
	event.Delivery
	// Payload is what was sent; empty: `{"guid":…}`. Answer is what was answered.
	Payload, Answer string
	// Shown is the GUID among the headers that are shown; empty: the attempt's.
	Shown string
}

// Host is a code host that keeps deliveries for 72 hours. Its zero value is not
// usable: see [NewHost].
type Host struct {
	clock func() time.Time

	mu       sync.Mutex
	attempts []Attempt
	hooks    []event.KnownHook
	fail     func(ask string) error
	asked    []string
}

// PageSize is how many deliveries a page holds.
const PageSize = 10

// NewHost makes a host without deliveries.
func NewHost(clock func() time.Time) *Host { return &Host{clock: clock} }

// Add records attempts; those without an ID or a time get the next ID and now.
func (h *Host) Add(attempts ...Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range attempts {
		if a.ID == 0 {
			a.ID = int64(len(h.attempts) + 1)
		}
		if a.At.IsZero() {
			a.At = h.clock()
		}
		if a.Type == "" {
			a.Type = "push"
		}
		if a.Payload == "" {
			a.Payload = `{"guid":"` + a.GUID + `"}`
		}
		h.attempts = append(h.attempts, a)
	}
}

// AddHook makes a hook that [Host.FindHooks] finds.
func (h *Host) AddHook(k event.KnownHook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = append(h.hooks, k)
}

// Fail makes every question for which the function gives an error fail with it.
// Questions are "list <hook>", "list <hook> <cursor>", "get <hook> <attempt>" and
// "find <of>". nil: nothing fails.
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

func (h *Host) ask(ctx context.Context, format string, args ...any) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ask := fmt.Sprintf(format, args...)
	h.asked = append(h.asked, ask)
	if h.fail == nil {
		return nil
	}
	return h.fail(ask)
}

// kept are a hook's attempts that are not too old, newest first.
func (h *Host) kept(hook int64) []Attempt {
	var list []Attempt
	for _, a := range h.attempts {
		if a.Hook == hook && a.At.After(h.clock().Add(-72*time.Hour)) {
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, func(a, b Attempt) int { return int(b.ID - a.ID) })
	return list
}

// Deliveries gives a page, the newest first.
func (h *Host) Deliveries(ctx context.Context, k event.KnownHook, cursor string) ([]event.Delivery, string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	question := fmt.Sprintf("list %d", k.ID)
	if cursor != "" {
		question += " " + cursor
	}
	if err := h.ask(ctx, "%s", question); err != nil {
		return nil, "", err
	}
	list := h.kept(k.ID)
	from, _ := strconv.Atoi(cursor)
	list = list[min(from, len(list)):]
	next := ""
	if len(list) > PageSize {
		list, next = list[:PageSize], strconv.Itoa(from+PageSize)
	}
	page := make([]event.Delivery, len(list))
	for i, a := range list {
		page[i] = a.Delivery
	}
	return page, next, nil
}

// Delivery gives an attempt, or run.ErrRefused if there is none.
func (h *Host) Delivery(ctx context.Context, k event.KnownHook, attempt int64) (http.Header, []byte, []byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ask(ctx, "get %d %d", k.ID, attempt); err != nil {
		return nil, nil, nil, err
	}
	for _, a := range h.kept(k.ID) {
		if a.ID == attempt {
			return http.Header{"Guid": {cmp.Or(a.Shown, a.GUID)}, "Type": {a.Type}}, []byte(a.Payload), []byte(a.Answer), nil
		}
	}
	return nil, nil, nil, fmt.Errorf("attempt %d: %w", attempt, run.ErrRefused)
}

// FindHooks gives the hooks that were added for that owner.
func (h *Host) FindHooks(ctx context.Context, of string, id int64, _ string) ([]event.KnownHook, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ask(ctx, "find %s", of); err != nil {
		return nil, err
	}
	var found []event.KnownHook
	for _, k := range h.hooks {
		if k.Of() == of && (id == 0 || id == k.ID) {
			found = append(found, k)
		}
	}
	return found, nil
}

// Recovered makes an event of what Delivery gave. Its payload has to hold the
// GUID; "unsigned" in it makes it one that is refused.
func (h *Host) Recovered(k event.KnownHook, headers http.Header, payload []byte) (event.Event, error) {
	var p struct {
		GUID     string `json:"guid"`
		Unsigned bool   `json:"unsigned"`
	}
	if err := json.Unmarshal(payload, &p); err != nil || p.GUID == "" {
		return event.Event{}, &event.Problem{Public: "the body is not what is sent", Err: event.ErrMalformed}
	}
	if p.Unsigned {
		return event.Event{}, &event.Problem{Public: "no secret is for it", Err: event.ErrUnsigned}
	}
	e := Event(headers.Get("Guid"), k.Hook, h.clock())
	e.Provenance, e.Payload = event.Recovered, payload
	return e, nil
}

// Event is a push to main of octo/hello that was delivered with a GUID.
func Event(guid string, hook event.Hook, at time.Time) event.Event {
	return event.Event{
		ID: "github:" + guid, Vendor: "github", Name: "push", Type: "push", Ref: "refs/heads/main", SHA: "sha of " + guid,
		Repo: event.Repo{ID: 7, Owner: "octo", Name: "hello"}, Hook: hook,
		Provenance: event.Webhook, ReceivedAt: at, Payload: []byte(`{"delivered":"` + guid + `"}`),
	}
}
