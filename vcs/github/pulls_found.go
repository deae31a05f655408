package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// FoundConfig says for whom [Found] makes events.
type FoundConfig struct {
	Record *Record
	// Login and AppID are as in [Config].
	Login string
	AppID int64
	// Clock tells when a move was found; nil: time.Now.
	Clock func() time.Time
}

// Found makes events of moves that nothing was delivered of.
type Found struct {
	record *Record
	own    Own
	clock  func() time.Time
}

// NewFound makes a Found.
func NewFound(c FoundConfig) (*Found, error) {
	if c.Record == nil {
		return nil, errors.New("github found: no record")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Found{record: c.Record, own: Own{Login: c.Login, AppID: c.AppID}, clock: c.Clock}, nil
}

// errMovedOn: the ref stands elsewhere already; the next look sees where.
var errMovedOn = errors.New("the ref has moved on")

// Event makes the event of a move: a push, a tag, or a pull request that was
// opened, reopened or got new commits. Its payload is put together in GitHub's
// form of what the API knows: repository and pull request are whole, the head
// commit has what git knows of it. Who pushed is not known: a push has no sender, a
// pull request's is its author. The move of an annotated tag has the tag object's
// sha; the event has the commit's. Errors are those of [Record.Deliveries];
// event.ErrMalformed means that no event can be made of this move, ever; any other
// that there may be one the next time (the ref may have moved on).
func (f *Found) Event(ctx context.Context, repo event.Repo, m event.Move) (event.Event, error) {
	at, err := f.record.repository(ctx, repo)
	if err != nil {
		return event.Event{}, err
	}
	kind, body := "push", map[string]any{}
	if m.Name == "pull_request" {
		kind, body, err = f.pull(ctx, at, m)
	} else {
		err = f.push(ctx, at, m, body)
	}
	if err != nil {
		return event.Event{}, err
	}
	body["repository"] = at.object
	payload, err := encode(body)
	if err != nil {
		return event.Event{}, fmt.Errorf("make an event of %s: %w", m.Ref, err)
	}
	return f.convert(at.Repo, kind, m, payload)
}

func (f *Found) convert(repo event.Repo, kind string, m event.Move, payload []byte) (event.Event, error) {
	h := http.Header{}
	h.Set(headerEvent, kind)
	h.Set(headerDelivery, "found")
	e, err := Convert(h, payload, f.own)
	if err != nil {
		return event.Event{}, fmt.Errorf("make an event of %s: %w", m.Ref, err)
	}
	e.ID = m.FoundID(Vendor, repo.ID)
	e.Provenance = event.Recovered
	e.ReceivedAt = f.clock().UTC().Round(0)
	return e, nil
}

// push fills in what a push or a new tag says.
func (f *Found) push(ctx context.Context, at wholeRepo, m event.Move, body map[string]any) error {
	commit := m.SHA
	if strings.HasPrefix(m.Ref, tags) {
		var err error
		if commit, err = f.record.tagged(ctx, at.Repo, m.Ref, m.SHA); err != nil {
			return err
		}
	}
	head, err := f.headCommit(ctx, at, commit)
	if err != nil {
		return err
	}
	body["ref"], body["before"], body["after"] = m.Ref, m.Before, m.SHA
	body["created"], body["deleted"] = isZero(m.Before), false
	body["base_ref"], body["head_commit"], body["commits"] = nil, head, []any{head}
	body["compare"] = at.HTMLURL + "/compare/" + m.Before + "..." + m.SHA
	if isZero(m.Before) {
		body["compare"] = at.HTMLURL + "/commit/" + commit
	}
	return nil
}

// headCommit is a commit as a push names it. Without permission to read it, it is
// known by its id alone.
func (f *Found) headCommit(ctx context.Context, at wholeRepo, sha string) (map[string]any, error) {
	type person struct {
		Name  string `json:"name"`
		Email string `json:"email"`
		Date  string `json:"date,omitempty"`
	}
	type commit struct {
		Message           string `json:"message"`
		Author, Committer person
		Tree              struct{ SHA string }
	}
	head := map[string]any{
		"id": sha, "distinct": true, "url": at.HTMLURL + "/commit/" + sha,
		"added": []string{}, "removed": []string{}, "modified": []string{},
	}
	got, _, err := get(ctx, f.record, ask{
		client: f.record.client, path: repoPath(at.Repo) + "/git/commits/" + sha, shared: true,
		what: fmt.Sprintf("commit %.12s of %s", sha, at.FullName()),
	}, decodeJSON[commit])
	if errors.Is(err, run.ErrRefused) {
		return head, nil
	}
	if err != nil {
		return nil, err
	}
	head["message"], head["tree_id"], head["timestamp"] = got.Message, got.Tree.SHA, got.Committer.Date
	got.Author.Date, got.Committer.Date = "", ""
	head["author"], head["committer"] = got.Author, got.Committer
	return head, nil
}

// pull fills in what a pull request's event says.
func (f *Found) pull(ctx context.Context, at wholeRepo, m event.Move) (string, map[string]any, error) {
	n := pullNumber(m.Ref)
	if n == 0 {
		return "", nil, fmt.Errorf("make an event of %s: it is no pull request", m.Ref)
	}
	object, _, err := get(ctx, f.record, ask{
		client: f.record.client, path: fmt.Sprintf("%s/pulls/%d", repoPath(at.Repo), n), shared: true,
		what: fmt.Sprintf("pull request %d of %s", n, at.FullName()), needs: needsPulls,
	}, func(body []byte) (json.RawMessage, error) { return body, nil })
	if err != nil {
		return "", nil, err
	}
	var w struct {
		wireOpen
		User json.RawMessage `json:"user"`
	}
	if err := json.Unmarshal(object, &w); err != nil {
		return "", nil, fmt.Errorf("make an event of %s: %w", m.Ref, err)
	}
	if w.State != "open" || w.Head.SHA != m.SHA {
		return "", nil, fmt.Errorf("make an event of %s: %w", m.Ref, errMovedOn)
	}
	body := map[string]any{"action": m.Action, "number": n, "pull_request": object, "sender": w.User}
	if m.Action == "synchronize" {
		body["before"], body["after"] = m.Before, m.SHA
	}
	return "pull_request", body, nil
}

// refObject is what a ref points at.
type refObject struct {
	SHA  string `json:"sha"`
	Type string `json:"type"`
}

func decodeRefObject(body []byte) (refObject, error) {
	w, err := decodeJSON[struct {
		Object refObject `json:"object"`
	}](body)
	if err == nil && !ValidSHA(w.Object.SHA) {
		err = errors.New("it points at no valid sha")
	}
	return w.Object, err
}

// tagged is the commit that a tag points at. sha is what the tag's ref is known
// to point at: that it still does is made sure.
func (r *Record) tagged(ctx context.Context, repo event.Repo, ref, sha string) (string, error) {
	o, _, err := get(ctx, r, ask{
		client: r.client, path: repoPath(repo) + "/git/ref/" + escapePath(strings.TrimPrefix(ref, "refs/")), shared: true,
		what: ref + " of " + repo.FullName(), needs: needsContents,
	}, decodeRefObject)
	if err != nil {
		return "", err
	}
	if o.SHA != sha {
		return "", fmt.Errorf("read %s of %s: %w", ref, repo.FullName(), errMovedOn)
	}
	commit, err := r.peel(ctx, repo, o)
	if err == nil && commit == "" {
		err = malformed(ref+" of "+repo.FullName()+" tags something else than a commit", "", nil)
	}
	return commit, err
}

// maxPeel bounds tags of tags.
const maxPeel = 5

// peel follows a tag object to the commit that was tagged; "" if it is none.
func (r *Record) peel(ctx context.Context, repo event.Repo, o refObject) (string, error) {
	for range maxPeel {
		switch o.Type {
		case "commit":
			return o.SHA, nil
		case "tag":
		default:
			return "", nil
		}
		var err error
		if o, _, err = get(ctx, r, ask{
			client: r.client, path: repoPath(repo) + "/git/tags/" + o.SHA,
			what: fmt.Sprintf("tag %.12s of %s", o.SHA, repo.FullName()), needs: needsContents,
		}, decodeRefObject); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("read a tag of %s: it is a tag of a tag, more than %d deep", repo.FullName(), maxPeel)
}

// escapePath makes a ref's name a part of an address.
func escapePath(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// encode is JSON that leaves <, > and & as they are, as GitHub sends them.
func encode(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}
