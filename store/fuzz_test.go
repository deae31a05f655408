package store_test

import (
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/store"
)

// FuzzEventRoundTrip: what is stored comes back; what is not text comes back with
// U+FFFD in its place; the payload comes back in any case.
func FuzzEventRoundTrip(f *testing.F) {
	s, err := store.Open(f.Context(), store.Config{Dir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Add("github:1", "github", "push", "feature/é", "octo", "hello", int64(1), []byte(`{"a":1}`))
	f.Add("x", "a\x00b", "\xff", "<&>\u2028", "'", "\"", int64(-1<<63), []byte{0, 0xff})
	f.Fuzz(func(t *testing.T, id, vendor, name, filter, owner, repo string, number int64, payload []byte) {
		want := event.Event{
			ID: id, Vendor: vendor, Name: name, Filter: filter, Provenance: event.Rerun,
			Repo: event.Repo{ID: number, Owner: owner, Name: repo}, Payload: payload,
		}
		receipt, err := s.Append(t.Context(), want)
		if err != nil || receipt.Duplicate {
			t.Skip("an id that is none, or one that was there")
		}
		got, _, err := s.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Event.Payload) != string(payload) {
			t.Errorf("payload %q comes back as %q", payload, got.Event.Payload)
		}
		for _, text := range []string{vendor, name, filter, owner, repo} {
			if !utf8.ValidString(text) {
				return
			}
		}
		got.Event.Payload, want.Payload = nil, nil
		if diff := cmp.Diff(want, got.Event); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
