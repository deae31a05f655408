package github_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

// FuzzEnvelope: whatever comes, there is an event or a problem for people;
// what is an event survives being stored.
func FuzzEnvelope(f *testing.F) {
	for _, kind := range readExamples(f) {
		f.Add(kind.Name, "72d3162e-cc78-11e3-81ab-4c9367dc0958", "1", "repository", []byte(kind.Examples[0]))
	}
	f.Add("push", "x", "-1", "\xff", []byte(pushBody))
	r := receiver(f, github.Config{Login: "pocketci-bot", AppID: 99})
	f.Fuzz(func(t *testing.T, kind, id, hook, target string, body []byte) {
		h := headers(kind, "s", body)
		h.Set("X-GitHub-Delivery", id)
		h.Set("X-GitHub-Hook-ID", hook)
		h.Set("X-GitHub-Hook-Installation-Target-Type", target)
		verified := r.Verify(h, body)
		e, err := r.Parse(h, body)
		if verified != nil && err == nil {
			t.Fatalf("parsed what can't be verified: %v", verified)
		}
		if err != nil {
			var p *event.Problem
			if !errors.Is(err, event.ErrMalformed) || !errors.As(err, &p) {
				t.Fatalf("not a problem for people: %v", err)
			}
			return
		}
		if why := wrong(e); why != "" {
			t.Fatalf("%s: %+v", why, e)
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var again event.Event
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, again, cmpopts.IgnoreFields(event.Event{}, "Payload")); diff != "" {
			t.Errorf("changed by being stored (-before +after):\n%s", diff)
		}
	})
}

// FuzzSignature: only the one true signature of a secret of ours is taken.
func FuzzSignature(f *testing.F) {
	body := []byte(pushBody)
	f.Add(githubtest.Sign("s", body), "s", body)
	f.Add(githubtest.Sign("", body), "s", body)
	f.Add("sha256=", "s", body)
	f.Add("sha1=aaaa", "s", []byte("{}"))
	f.Fuzz(func(t *testing.T, signature, secret string, body []byte) {
		list, err := github.ParseSecrets(secret)
		if err != nil {
			t.Skip()
		}
		r := receiver(t, github.Config{Secrets: list})
		h := headers("push", "s", body)
		h.Set("X-Hub-Signature-256", signature)
		good := false
		for _, s := range strings.Split(secret, ",") {
			s = strings.TrimSpace(s)
			if glob, value, ok := strings.Cut(s, "="); ok && strings.Contains(glob, "/") {
				s = value
			}
			want, _ := strings.CutPrefix(githubtest.Sign(s, body), "sha256=")
			got, ok := strings.CutPrefix(signature, "sha256=")
			good = good || ok && strings.EqualFold(want, got)
		}
		if err := r.Verify(h, body); (err == nil) != good {
			t.Errorf("signature %q by %q: %v, want good %t", signature, secret, err, good)
		}
	})
}

// FuzzSecrets: what is read is whole, and what is refused is not shown.
func FuzzSecrets(f *testing.F) {
	for _, list := range []string{"a", "a,b", "o/*=a", "ab/cd==", ",", "o/[=x"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		got, err := github.ParseSecrets(list)
		if err == nil && len(got) != strings.Count(list, ",")+1 {
			t.Errorf("%d secrets of %q", len(got), list)
		}
		if err != nil && !errors.As(err, new(*event.Problem)) {
			t.Errorf("%v is no problem for people", err)
		}
		if err == nil {
			if _, err := github.NewReceiver(github.Config{Secrets: got}); err != nil {
				t.Errorf("read, but no receiver can be made: %v", err)
			}
		}
	})
}
