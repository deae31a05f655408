package github

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/franela/pocketci/event"
)

// Vendor is GitHub's name in events and in function names.
const Vendor = "github"

// Own is what we are on the code host: what we caused is not dispatched.
type Own struct {
	// Login is our account, AppID our GitHub App; either may be missing.
	Login string
	AppID int64
}

// Convert makes an event of a payload and the headers that came with it, and
// trusts that they are GitHub's: deliveries go through [Receiver.Verify] and
// [Receiver.Parse]. Provenance and ReceivedAt are the caller's to fill. It is a
// pure function; errors are an *event.Problem around event.ErrMalformed.
func Convert(h http.Header, body []byte, own Own) (event.Event, error) {
	kind := h.Get(headerEvent)
	if !eventShape.MatchString(kind) || !deliveryShape.MatchString(h.Get(headerDelivery)) {
		return event.Event{}, malformed("the delivery lacks GitHub's headers", hintNotGitHub, nil)
	}
	e := event.Event{
		ID:      Vendor + ":" + h.Get(headerDelivery),
		Vendor:  Vendor,
		Name:    kind,
		Type:    kind,
		Hook:    hookOf(h),
		Payload: json.RawMessage(body),
	}
	if !utf8.Valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return event.Event{}, malformed("the body is not a JSON object", hintNotGitHub, nil)
	}
	w := wireOf(kind)
	if err := json.Unmarshal(body, w); err != nil {
		return event.Event{}, malformed("the body is not what GitHub sends for "+kind, hintNotGitHub, err)
	}
	if err := w.common().fill(&e); err != nil {
		return event.Event{}, err
	}
	switch {
	case kind == "ping":
		e.Reason = "ping: the webhook works, there is nothing to dispatch"
	case e.Repo.ID == 0:
		e.Reason = "the payload names no repository"
	default:
		if err := checkShape(kind, body); err != nil {
			return event.Event{}, err
		}
		if err := w.convert(&e, own); err != nil {
			return event.Event{}, err
		}
	}
	if e.Reason != "" { // nothing is called, so nothing is compared or reported
		e.Diff, e.Status = event.DiffNone, false
	}
	return e, nil
}

// wire is the part of a payload that makes an event.
type wire interface {
	common() *envelope
	// convert fills in what is the event's own. The repository is there.
	convert(e *event.Event, own Own) error
}

// wireOf gives the struct for a kind of event. A kind that we have never heard of
// is like most: an action, about the default branch.
func wireOf(kind string) wire {
	switch kind {
	case "push":
		return &wirePush{}
	case "pull_request", "pull_request_review", "pull_request_review_thread", "pull_request_review_comment":
		return &wirePull{}
	case "release":
		return &wireRelease{}
	case "create", "delete":
		return &wireRef{}
	case "status":
		return &wireStatus{}
	case "check_run", "check_suite":
		return &wireCheck{}
	case "workflow_run", "workflow_job", "deployment", "deployment_status", "deployment_review",
		"deployment_protection_rule", "merge_group", "package", "registry_package":
		return &wireCommit{}
	case "commit_comment", "issue_comment", "discussion_comment":
		return &wireComment{}
	}
	if isAlert(kind) {
		return &wireAlert{}
	}
	return &wireOther{}
}

// envelope is what nearly all payloads have.
type envelope struct {
	Action     string    `json:"action"`
	Repository *wireRepo `json:"repository"`
	Sender     *wireUser `json:"sender"`
}

type wireRepo struct {
	ID            int64    `json:"id"`
	Name          string   `json:"name"`
	FullName      string   `json:"full_name"`
	Owner         wireUser `json:"owner"`
	DefaultBranch string   `json:"default_branch"`
	HTMLURL       string   `json:"html_url"`
}

type wireUser struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Type  string `json:"type"`
}

func (w *envelope) common() *envelope { return w }

func (w *envelope) fill(e *event.Event) error {
	e.Action, e.Filter = w.Action, w.Action
	if w.Sender != nil {
		e.Sender = event.Sender{ID: w.Sender.ID, Login: w.Sender.Login, Bot: w.Sender.bot()}
	}
	if w.Repository == nil {
		return nil
	}
	repo, err := w.Repository.convert()
	e.Repo = repo
	return err
}

// bot tells an App's account from a person's.
func (w *wireUser) bot() bool { return w.Type == "Bot" || strings.HasSuffix(w.Login, "[bot]") }

func (w *wireRepo) convert() (event.Repo, error) {
	r := event.Repo{ID: w.ID, Owner: w.Owner.Login, Name: w.Name, DefaultBranch: w.DefaultBranch}
	if owner, name, ok := strings.Cut(w.FullName, "/"); ok && r.Owner == "" {
		r.Owner, r.Name = owner, name
	}
	if r.ID <= 0 || !ValidName(r.Owner) || !ValidName(r.Name) {
		return event.Repo{}, malformed("the payload's repository has no id, or an owner or name that GitHub does not give", hintNotGitHub, nil)
	}
	if strings.HasPrefix(w.HTMLURL, "https://") || strings.HasPrefix(w.HTMLURL, "http://") {
		r.HTMLURL = w.HTMLURL
	}
	return r, nil
}

// nameShape is what owners and repositories are called on GitHub.
var nameShape = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// ValidName tells whether an owner or a repository may be called so: letters,
// digits, ".", "_", "-", but neither "." nor "..".
func ValidName(s string) bool { return nameShape.MatchString(s) && s != "." && s != ".." }

// shaShape is a full object id, of SHA-1 or SHA-256.
var shaShape = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// ValidSHA tells whether s is a full object id in lower case.
func ValidSHA(s string) bool { return shaShape.MatchString(s) }

// isZero tells the id that stands for no commit.
func isZero(sha string) bool { return strings.Trim(sha, "0") == "" }

// checkSHAs refuses what is neither empty nor an object id.
func checkSHAs(shas ...string) error {
	for _, sha := range shas {
		if sha != "" && !ValidSHA(sha) {
			return malformed("the payload holds a sha that is none", hintNotGitHub, nil)
		}
	}
	return nil
}

// targetShape is X-GitHub-Hook-Installation-Target-Type: repository,
// organization, integration, marketplace::listing, …
var targetShape = regexp.MustCompile(`^[a-z_:]{1,64}$`)

// hookOf reads the hook's headers; deliveries of old servers lack them.
func hookOf(h http.Header) event.Hook {
	id, _ := strconv.ParseInt(h.Get(headerHook), 10, 64)
	target, _ := strconv.ParseInt(h.Get(headerTargetID), 10, 64)
	hook := event.Hook{ID: max(id, 0), TargetID: max(target, 0)}
	if kind := h.Get(headerTargetType); targetShape.MatchString(kind) {
		hook.TargetType = kind
	}
	return hook
}
