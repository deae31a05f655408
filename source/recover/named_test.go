package recover_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/source/recover"
)

func TestParseNamed(t *testing.T) {
	for entry, want := range map[string]recover.Named{
		"octo/hello:4711":                   {Of: "octo/hello", ID: 4711},
		" octo:12 ":                         {Of: "octo", ID: 12},
		"octo/hello=https://ci.example.com": {Of: "octo/hello", Address: "https://ci.example.com"},
		"octo=http://127.0.0.1:8080/":       {Of: "octo", Address: "http://127.0.0.1:8080/"},
		"app":                               {Of: "app"},
	} {
		got, err := recover.ParseNamed([]string{entry})
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q: %+v, %v", entry, got, err)
		}
	}
	for _, entry := range []string{"", "octo", "octo/hello", "octo/hello:", "octo/hello:x", "octo/hello:-1", "octo/hello:0", "/x:1", "octo/:1",
		"octo/a/b:1", "octo/hello=ci.example.com", "octo/hello=", "octo/*:1", "*:1", ":1", "=https://x"} {
		if got, err := recover.ParseNamed([]string{entry}); err == nil && entry != "octo/*:1" {
			t.Errorf("%q: %+v", entry, got)
		}
	}
}

func FuzzParseNamed(f *testing.F) {
	f.Add("octo/hello:4711")
	f.Add("octo=https://ci.example.com")
	f.Add("app")
	f.Fuzz(func(t *testing.T, entry string) {
		got, err := recover.ParseNamed([]string{entry})
		if err != nil {
			return
		}
		n := got[0]
		if n.Of == "" || strings.Count(n.Of, "/") > 1 || n.ID < 0 || n.ID != 0 && n.Address != "" || n.ID == 0 && n.Address == "" && n.Of != "app" {
			t.Errorf("%q: %+v", entry, n)
		}
	})
}

func TestNamedHooks(t *testing.T) {
	hook := event.KnownHook{Vendor: "github", Hook: event.Hook{ID: 3, TargetType: "repository", TargetID: 7}, Repo: event.Repo{ID: 7, Owner: "octo", Name: "hello"}}
	w := newWorld(t, func(c *recover.Config) {
		c.Named = []recover.Named{{Of: "octo/hello", ID: 3}, {Of: "octo", Address: "https://ci.example"}}
	})
	w.host.AddHook(hook)
	w.host.Add(attempt(3, "taken", 200), attempt(3, "missed", 502))
	w.db.Pass(minute)
	w.sweep()
	if diff := cmp.Diff(map[string]event.Provenance{"missed": event.Recovered}, w.how("taken", "missed")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	line := w.coverage().String()
	if !strings.Contains(line, "of octo: no webhook delivers to https://ci.example") || !strings.HasPrefix(line, "72 h: 1 event, 0 delivered, 1 recovered, 0 gaps") {
		t.Error(line)
	}
	org := event.KnownHook{Vendor: "github", Hook: event.Hook{ID: 4, TargetType: "organization"}, Repo: event.Repo{Owner: "octo"}}
	w.host.AddHook(org)
	w.host.Add(attempt(4, "of-org", 502))
	w.sweep()
	if w.how("of-org")["of-org"] != event.Recovered {
		t.Error("a hook that was found later is not read")
	}
	w.sweep()
	w.host.Asked()
	w.sweep()
	for _, ask := range w.host.Asked() {
		if strings.HasPrefix(ask, "find") {
			t.Errorf("what is known is looked up again: %s", ask)
		}
	}
	w.restart()
	w.host.Fail(func(ask string) error {
		if strings.HasPrefix(ask, "find") {
			return errors.New("no answer")
		}
		return nil
	})
	w.host.Add(attempt(3, "later", 502))
	w.sweep()
	if w.how("later")["later"] != event.Recovered {
		t.Error("a hook that was named once is forgotten")
	}
}

// TestAppHook: an App's webhook has no id before it delivers; then it is one.
func TestAppHook(t *testing.T) {
	app := event.KnownHook{Vendor: "github", Hook: event.Hook{TargetType: "integration"}}
	w := newWorld(t, func(c *recover.Config) { c.Named = []recover.Named{{Of: "", ID: 0}} })
	w.host.AddHook(app)
	w.host.Add(attempt(0, "missed", 502))
	w.sweep()
	if w.how("missed")["missed"] != event.Recovered {
		t.Fatal("it is not read")
	}
	e := w.event("seen")
	e.Hook = event.Hook{ID: 9, TargetType: "integration", TargetID: 5}
	if _, err := w.store.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	w.host.Asked()
	w.sweep()
	if diff := cmp.Diff([]string{"list 9"}, lists(w.host.Asked())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
