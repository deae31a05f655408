package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/franela/pocketci/event"
)

// Vendor knows one code host's deliveries.
type Vendor interface {
	// Verify tells whether a delivery is genuine: an error that wraps
	// [event.ErrMalformed] if its headers aren't the code host's, whatever the
	// body, else [event.ErrUnsigned] if the body is not signed. It is also called
	// before the body is read, with nil, for the first of these.
	Verify(h http.Header, body []byte) error
	// Parse makes an event of a delivery that was verified. The event may keep body.
	Parse(h http.Header, body []byte) (event.Event, error)
}

// Appender keeps events.
type Appender interface {
	// Append returns once the event is on disk, or with an error if it may not be.
	Append(ctx context.Context, e event.Event) (event.Receipt, error)
}

// Sizes and times that hold where Config says nothing.
const (
	// DefaultMaxBody is the largest payload that GitHub sends.
	DefaultMaxBody = 25 << 20
	// DefaultMaxInFlight lets five of the largest payloads, or thousands of common
	// ones, be in memory at once.
	DefaultMaxInFlight = 128 << 20
	// DefaultBodyTime makes even the largest payload fail before GitHub gives up
	// on the delivery, after ten seconds.
	DefaultBodyTime = 5 * time.Second
	// DefaultStoreTime is how long a delivery waits for the store.
	DefaultStoreTime = 8 * time.Second
)

// Config is what a handler works with. Vendors, Default, Store and Ready are required.
type Config struct {
	// Vendors take the deliveries to /webhooks/<name>; Default names the one that
	// also takes those to /.
	Vendors map[string]Vendor
	Default string
	Store   Appender
	// Admit may give an event a Reason not to be dispatched; nil: none.
	Admit func(event.Event) event.Event
	Ready Prober

	// MaxBody is the largest body that is taken, in bytes.
	MaxBody int64
	// MaxInFlight bounds the memory of the bodies that are worked on at once, in
	// bytes. At least twice MaxBody and a bit: a growing body is there twice.
	MaxInFlight int64
	// BodyTime is how long a small body may take to arrive; one of MaxBody may
	// take twice as long.
	BodyTime time.Duration
	// StoreTime is how long a delivery waits for the store.
	StoreTime time.Duration

	// Clock is time.Now if nil. The network's deadlines are always the machine's.
	Clock func() time.Time
	Log   zerolog.Logger
}

// Handler takes deliveries; see the package comment for what it answers. It is
// safe for concurrent use.
type Handler struct {
	Config
	inFlight *semaphore.Weighted
	counters counters
	refusals quietly
	failures quietly
	ready    readyCache
}

// New makes a handler. An error says what is missing in the configuration.
func New(c Config) (*Handler, error) {
	if c.Store == nil || c.Ready == nil {
		return nil, errors.New("webhook: a store and a readiness are required")
	}
	if c.Vendors[c.Default] == nil {
		return nil, fmt.Errorf("webhook: there is no vendor %q to be the default one", c.Default)
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = max(DefaultMaxInFlight, 2*c.MaxBody+1)
	}
	if c.MaxInFlight <= 2*c.MaxBody {
		return nil, fmt.Errorf("webhook: %d bytes in flight are too few for bodies of %d", c.MaxInFlight, c.MaxBody)
	}
	if c.BodyTime <= 0 {
		c.BodyTime = DefaultBodyTime
	}
	if c.StoreTime <= 0 {
		c.StoreTime = DefaultStoreTime
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Handler{
		Config:   c,
		inFlight: semaphore.NewWeighted(c.MaxInFlight),
		refusals: newQuietly(),
		failures: newQuietly(),
	}, nil
}

// Counts tells what became of the deliveries since the handler was made.
func (h *Handler) Counts() Counts { return h.counters.read() }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz":
		if allowed(w, r, http.MethodGet, http.MethodHead) {
			answer(w, http.StatusOK, map[string]string{"status": "ok"})
		}
		return
	case "/readyz":
		if allowed(w, r, http.MethodGet, http.MethodHead) {
			h.serveReady(w, r)
		}
		return
	}
	vendor := h.vendor(r.URL.Path)
	if vendor == nil {
		answer(w, http.StatusNotFound, problem{
			Error: "there is nothing at this path",
			Hint:  "deliveries go to / or /webhooks/" + h.Default,
		})
		return
	}
	if allowed(w, r, http.MethodPost) {
		h.serveDelivery(w, r, vendor)
	}
}

// vendor is the one whose deliveries come to the path, or nil.
func (h *Handler) vendor(path string) Vendor {
	if path == "/" {
		return h.Vendors[h.Default]
	}
	for name, v := range h.Vendors {
		if path == "/webhooks/"+name {
			return v
		}
	}
	return nil
}
