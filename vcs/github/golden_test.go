package github_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/github"
	"github.com/franela/pocketci/vcs/github/githubtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// examples are the real payloads, by kind of event.
type examples struct {
	Name     string
	Examples []json.RawMessage
}

func readExamples(tb testing.TB) []examples {
	tb.Helper()
	file, err := os.Open(filepath.Join("testdata", "webhooks-examples.json.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	unzip, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	var all []examples
	if err := json.NewDecoder(unzip).Decode(&all); err != nil {
		tb.Fatal(err)
	}
	return all
}

// headers are those of a delivery, signed.
func headers(kind, secret string, body []byte) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("X-GitHub-Event", kind)
	h.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	h.Set("X-Hub-Signature-256", githubtest.Sign(secret, body))
	return h
}

// TestGolden shows what becomes of every payload that GitHub is known to send.
func TestGolden(t *testing.T) {
	r := receiver(t, github.Config{})
	kinds, payloads := 0, 0
	for _, kind := range readExamples(t) {
		kinds++
		t.Run(kind.Name, func(t *testing.T) {
			var got bytes.Buffer
			for i, body := range kind.Examples {
				payloads++
				h := headers(kind.Name, "s", body)
				if err := r.Verify(h, body); err != nil {
					t.Fatalf("example %d: verify: %v", i, err)
				}
				e, err := r.Parse(h, body)
				if err != nil {
					t.Fatalf("example %d: parse: %v", i, err)
				}
				if !bytes.Equal(e.Payload, body) {
					t.Errorf("example %d: the payload was changed", i)
				}
				line, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&got, "%s\n", line)
			}
			compareGolden(t, filepath.Join("testdata", "golden", kind.Name+".jsonl"), got.String())
		})
	}
	if kinds != 58 || payloads != 329 {
		t.Errorf("%d kinds, %d payloads; want 58 and 329", kinds, payloads)
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("(-want +got), -update if it is meant:\n%s", diff)
	}
}

// TestEveryPayload holds what must be true whatever the event is.
func TestEveryPayload(t *testing.T) {
	r := receiver(t, github.Config{})
	for _, kind := range readExamples(t) {
		for i, body := range kind.Examples {
			e, err := r.Parse(headers(kind.Name, "s", body), body)
			if err != nil {
				t.Fatalf("%s %d: %v", kind.Name, i, err)
			}
			if why := wrong(e); why != "" {
				t.Errorf("%s %d: %s: %+v", kind.Name, i, why, e)
			}
		}
	}
}

// wrong says what no event may be.
func wrong(e event.Event) string {
	dispatched := e.Reason == ""
	switch {
	case e.ID == "" || e.Vendor != "github" || e.Name == "" || e.Type == "":
		return "it lacks its identity"
	case dispatched && (e.Repo.ID == 0 || e.Repo.Owner == "" || e.Repo.Name == ""):
		return "it is dispatched without a repository"
	case !dispatched && (e.Status || e.Diff != event.DiffNone):
		return "it is only recorded, but reported or compared"
	case dispatched && !e.Status && e.SHA != "":
		return "it has a sha and is not reported on it"
	case dispatched && e.SHA == "" && e.SHATrust != event.Trusted:
		return "the repository's own ref isn't trusted"
	case e.SenderTrust != event.TrustUnknown && e.Type != "push":
		return "something but a push proves who may write"
	case e.Diff == event.DiffPull && (e.PullRequest == 0 || e.BaseRef == "" || e.BaseSHA == ""):
		return "it is compared like a pull request and is none"
	}
	return ""
}
