package trigger

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// found is what a golden file holds: each part of the event, or why there is none.
type found struct {
	Event       *Event `json:"event"`
	CommitPush  any    `json:"commitPush"`
	HeadCommit  any    `json:"headCommit"`
	PullRequest any    `json:"pullRequest"`
	Issue       any    `json:"issue"`
	Comment     any    `json:"comment"`
	Review      any    `json:"review"`
	Release     any    `json:"release"`
}

func TestEventsOfRealPayloads(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			e := fixture(t, name)
			got, err := json.MarshalIndent(found{
				Event:       e,
				CommitPush:  part(e.CommitPush()),
				HeadCommit:  part(e.HeadCommit()),
				PullRequest: part(e.PullRequest()),
				Issue:       part(e.Issue()),
				Comment:     part(e.Comment()),
				Review:      part(e.Review()),
				Release:     part(e.Release()),
			}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(name, ".json") + ".golden.json"
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != string(got)+"\n" {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestTimesAreRFC3339AndListsAreNeverNil(t *testing.T) {
	for _, name := range fixtures(t) {
		e := fixture(t, name)
		push, _ := e.CommitPush()
		head, _ := e.HeadCommit()
		pull, _ := e.PullRequest()
		issue, _ := e.Issue()
		comment, _ := e.Comment()
		review, _ := e.Review()
		release, _ := e.Release()
		for _, object := range []any{*e, push, head, pull, issue, comment, review, release} {
			if !reflect.ValueOf(object).IsZero() {
				inspect(t, filepath.Base(name), reflect.ValueOf(object))
			}
		}
	}
}

// inspect holds every field of an object to what the package promises.
func inspect(t *testing.T, where string, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		field, name := v.Field(i), where+": "+v.Type().Name()+"."+v.Type().Field(i).Name
		switch {
		case !v.Type().Field(i).IsExported():
		case field.Kind() == reflect.Struct:
			inspect(t, where, field)
		case field.Kind() == reflect.Slice && field.IsNil():
			t.Errorf("%s is nil", name)
		case strings.HasSuffix(name, "At") || strings.HasSuffix(name, ".Timestamp"):
			if text := field.String(); text != "" {
				if _, err := time.Parse(time.RFC3339, text); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

func TestAMissingObjectIsAnErrorThatNamesTheEvent(t *testing.T) {
	for _, test := range []struct {
		fixture string
		ask     func(*Event) error
		want    string
	}{
		{"issues_assigned", func(e *Event) error { _, err := e.PullRequest(); return err }, "there is no pull request in an issues event"},
		{"issues_assigned", func(e *Event) error { _, err := e.CommitPush(); return err }, "there is no push in an issues event"},
		{"star_created", func(e *Event) error { _, err := e.HeadCommit(); return err }, "there is no push in a star event"},
		{"star_created", func(e *Event) error { _, err := e.Issue(); return err }, "there is no issue in a star event"},
		{"push", func(e *Event) error { _, err := e.Comment(); return err }, "there is no comment in a push event"},
		{"tag", func(e *Event) error { _, err := e.Review(); return err }, "there is no review in a tag event"},
		{"create_tag", func(e *Event) error { _, err := e.Release(); return err }, "there is no release in a create event"},
		{"local_push_of_another_vendor", func(e *Event) error { _, err := e.Release(); return err }, "there is no release in a push event"},
	} {
		e := fixture(t, "testdata/"+test.fixture+".json")
		if err := test.ask(e); err == nil || err.Error() != test.want {
			t.Errorf("%s: got the error %v, want %q", test.fixture, err, test.want)
		}
	}
}

func TestAPartOfAnotherShapeIsAnErrorOfItsOwn(t *testing.T) {
	e, err := Parse([]byte(`{"version": 1, "vendor": "github", "event": "x", "payload": {"release": "text", "issue": {"number": "7"}, "comment": {"created_at": "soon"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for part, ask := range map[string]func() error{
		"release": func() error { _, err := e.Release(); return err },
		"issue":   func() error { _, err := e.Issue(); return err },
		"comment": func() error { _, err := e.Comment(); return err },
	} {
		err := ask()
		if want := "read the " + part + " of a x event: "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got the error %v, want %q and more", part, err, want)
		}
	}
}

func TestParseRefusesWhatIsNoTrigger(t *testing.T) {
	for _, test := range []struct{ raw, want string }{
		{"", "unexpected end of JSON input"},
		{"[]", "cannot unmarshal array"},
		{"{}", "its version is 0 and this module reads 1"},
		{`{"version": 2}`, "its version is 2 and this module reads 1"},
		{`{"version": 1, "vendor": "github", "event": "push", "payload": []}`, "the payload of a push event"},
		{`{"version": 1, "vendor": "github", "event": "issues", "payload": {"sender": 5}}`, "read the sender of an issues event"},
		{`{"version": 1, "vendor": "github", "event": "issues", "payload": {"repository": {"pushed_at": true}}}`, "true is not a time"},
		{`{"version": 1, "received_at": "yesterday"}`, `"yesterday" is not a time`},
	} {
		if _, err := Parse([]byte(test.raw)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got the error %v, want one with %q", test.raw, err, test.want)
		}
	}
}

func TestThePayloadStaysAsItWasSent(t *testing.T) {
	const payload = `{ "a":12345678901234567890,  "b":"<&> \u00e9\/" }`
	e, err := Parse([]byte(`{"version": 1, "vendor": "github", "payload": ` + payload + `}`))
	if err != nil {
		t.Fatal(err)
	}
	if e.Payload() != payload {
		t.Errorf("got %s, want %s", e.Payload(), payload)
	}
	for path, want := range map[string]string{"": payload, "a": "12345678901234567890", "b": "<&> é/"} {
		if got, err := e.Get(path); err != nil || got != want {
			t.Errorf("get %q: got %q and the error %v, want %q", path, got, err, want)
		}
	}
}

func TestGet(t *testing.T) {
	e, err := Parse([]byte(`{"version": 1, "vendor": "github", "event": "push", "payload": {
		"ref": "refs/heads/main", "size": 1.50, "forced": false, "base": null, "empty": {}, "none": [],
		"commits": [{"author": {"name": "Ada"}}, {"id": 7}], "a.b": {"c]": "dotted", "0": "zero"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ path, want, err string }{
		{path: "ref", want: "refs/heads/main"},
		{path: "size", want: "1.50"},
		{path: "forced", want: "false"},
		{path: "base", want: ""},
		{path: "empty", want: "{}"},
		{path: "none", want: "[]"},
		{path: "commits[0].author.name", want: "Ada"},
		{path: "commits.0.author", want: `{"name": "Ada"}`},
		{path: "commits[1].id", want: "7"},
		{path: `["a.b"]["c]"]`, want: "dotted"},
		{path: `["a.b"].0`, want: "zero"},
		{path: "head_commit.id", err: `get "head_commit.id": the payload of a push event has no head_commit: there is no such key`},
		{path: "commits[0].author.mail", err: `get "commits[0].author.mail": the payload of a push event has no commits.0.author.mail: there is no such key`},
		{path: "commits[2]", err: `get "commits[2]": the payload of a push event has no commits.2: the list has 2`},
		{path: "commits.first", err: `get "commits.first": the payload of a push event has no commits.first: it stands in a list of 2`},
		{path: `commits["0"]`, err: `get "commits[\"0\"]": the payload of a push event has no commits["0"]: it stands in a list of 2`},
		{path: "ref.name", err: `get "ref.name": the payload of a push event has no ref.name: what it stands in is neither an object nor a list`},
		{path: "base.x", err: `get "base.x": the payload of a push event has no base.x: what it stands in is neither an object nor a list`},
		{path: ".ref", err: `get ".ref": a key is empty`},
		{path: "ref.", err: `get "ref.": "ref." isn't followed by a key`},
		{path: "a..b", err: `get "a..b": a key is empty`},
		{path: "commits[x]", err: `get "commits[x]": a number in brackets is needed, as in [0]`},
		{path: "commits[-1]", err: `get "commits[-1]": a number in brackets is needed, as in [0]`},
		{path: "commits[0", err: `get "commits[0": a number in brackets is needed, as in [0]`},
		{path: "commits[0]x", err: `get "commits[0]x": "commits[0]x" isn't followed by a key`},
		{path: `["a.b`, err: `get "[\"a.b": a quoted key ends with "]`},
	} {
		got, err := e.Get(test.path)
		if text := message(err); got != test.want || text != test.err {
			t.Errorf("get %q: got %q and the error %q, want %q and %q", test.path, got, text, test.want, test.err)
		}
	}
}

func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := Parse(raw)
		if err != nil {
			return
		}
		// None of them may panic; a part that isn't there says so.
		_, errs := e.HeadCommit()
		_, err = e.PullRequest()
		errs = errors.Join(errs, err)
		_, err = e.Issue()
		errs = errors.Join(errs, err)
		_, err = e.Comment()
		errs = errors.Join(errs, err)
		_, err = e.Review()
		errs = errors.Join(errs, err)
		_, err = e.Release()
		if errs = errors.Join(errs, err); errs != nil && errs.Error() == "" {
			t.Error("an error without words")
		}
		if _, err := json.Marshal(e); err != nil {
			t.Errorf("the event can't be encoded: %v", err)
		}
		if whole, err := e.Get(""); err != nil || whole != e.Payload() {
			t.Errorf("the empty path gives %q and the error %v", whole, err)
		}
	})
}

// What a path can name it finds.
func FuzzGet(f *testing.F) {
	for _, key := range []string{"a", "a.b", "", "0", "a]", `a"b`, "é", "[0]", "\x00"} {
		f.Add(key, "value")
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		payload, err := json.Marshal(map[string][]string{key: {"first", value}})
		if err != nil {
			t.Fatal(err)
		}
		var back map[string][]string
		if err := json.Unmarshal(payload, &back); err != nil || len(back[key]) != 2 {
			t.Skip("JSON can't hold this text")
		}
		e := &Event{payload: payload}
		if got, err := e.Get(join([]step{{key: key, quoted: true}}) + "[1]"); err != nil || got != back[key][1] {
			t.Errorf("key %q: got %q and the error %v, want %q", key, got, err, back[key][1])
		}
		if _, err := e.Get(key); err != nil && !strings.Contains(err.Error(), "get ") {
			t.Errorf("path %q: the error %q doesn't name it", key, err)
		}
	})
}

func fixtures(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range all {
		if !strings.HasSuffix(name, ".golden.json") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatal("testdata is empty")
	}
	return names
}

func fixture(t *testing.T, name string) *Event {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func part(object any, err error) any {
	if err != nil {
		return err.Error()
	}
	return object
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTheBranchOfACheckOrWorkflowIsTheOneItsCommitIsOn(t *testing.T) {
	for _, test := range []struct{ payload, want string }{
		{`{"check_suite": {"head_branch": "a"}}`, "a"},
		{`{"check_run": {"check_suite": {"head_branch": "b"}}}`, "b"},
		{`{"workflow_run": {"head_branch": "c"}, "check_run": null}`, "c"},
		{`{"workflow_job": {"head_branch": "d"}}`, "d"},
		{`{"workflow_job": {"head_branch": null}}`, ""},
		{`{"workflow_job": "text"}`, ""},
		{`{}`, ""},
	} {
		e, err := Parse([]byte(`{"version": 1, "vendor": "github", "repository": {"default_branch": "main"}, "payload": ` + test.payload + `}`))
		if err != nil || e.Branch != test.want {
			t.Errorf("%s: got %v and the error %v, want the branch %q", test.payload, e, err, test.want)
		}
	}
}
