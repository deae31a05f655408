// Package webhooktest has a code host and a store for tests of package webhook.
package webhooktest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"github.com/franela/pocketci/event"
)

// The headers of a delivery of this code host.
const (
	HeaderEvent     = "X-Test-Event"
	HeaderDelivery  = "X-Test-Delivery"
	HeaderSignature = "X-Test-Signature"
)

// Vendor is a code host that signs with Secret, as GitHub does.
type Vendor struct{ Secret string }

// Sign gives a genuine delivery's headers.
func (v Vendor) Sign(name, id string, body []byte) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set(HeaderEvent, name)
	h.Set(HeaderDelivery, id)
	h.Set(HeaderSignature, hex.EncodeToString(v.mac(body)))
	return h
}

func (v Vendor) mac(body []byte) []byte {
	m := hmac.New(sha256.New, []byte(v.Secret))
	m.Write(body)
	return m.Sum(nil)
}

// Verify tells whether a delivery is genuine.
func (v Vendor) Verify(h http.Header, body []byte) error {
	if h.Get(HeaderEvent) == "" || h.Get(HeaderDelivery) == "" {
		return &event.Problem{Public: "headers are missing", Hint: "send them", Err: event.ErrMalformed}
	}
	got, err := hex.DecodeString(h.Get(HeaderSignature))
	if err != nil || !hmac.Equal(got, v.mac(body)) {
		return &event.Problem{Public: "wrong signature", Hint: "set the secret", Err: event.ErrUnsigned}
	}
	return nil
}

// Parse makes an event of {"repo": name, "reason": text}.
func (v Vendor) Parse(h http.Header, body []byte) (event.Event, error) {
	var in struct{ Repo, Reason string }
	if err := json.Unmarshal(body, &in); err != nil {
		return event.Event{}, &event.Problem{Public: "the body is not a delivery", Err: event.ErrMalformed}
	}
	return event.Event{
		ID: "test:" + h.Get(HeaderDelivery), Vendor: "test", Name: h.Get(HeaderEvent), Type: h.Get(HeaderEvent),
		Repo: event.Repo{ID: 1, Owner: "octo", Name: in.Repo}, Reason: in.Reason, Payload: body,
	}, nil
}

// Store keeps events in memory. The zero value is empty and ready.
type Store struct {
	// Before runs before an event is taken; an error refuses it. May be nil.
	Before func(context.Context, event.Event) error

	mu     sync.Mutex
	events []event.Event
	ids    map[string]bool
}

// Append keeps an event, once per id.
func (s *Store) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	if s.Before != nil {
		if err := s.Before(ctx, e); err != nil {
			return event.Receipt{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids[e.ID] {
		return event.Receipt{ID: e.ID, Duplicate: true}, nil
	}
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	s.ids[e.ID] = true
	s.events = append(s.events, e)
	return event.Receipt{ID: e.ID}, nil
}

// Events are those that were kept, in their order.
func (s *Store) Events() []event.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}
