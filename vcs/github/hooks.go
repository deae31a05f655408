package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Kinds of webhooks, by X-GitHub-Hook-Installation-Target-Type.
const (
	targetRepository   = "repository"
	targetOrganization = "organization"
	targetApp          = "integration"
)

// What has to be granted to read webhooks, in the words of GitHub's settings.
const (
	needsRepoHooks = `the repository permission "Webhooks: read" (classic tokens: repo) of an admin of the repository`
	needsOrgHooks  = `the organization permission "Webhooks: read" (classic tokens: admin:org_hook) of an owner of the organization`
	needsApp       = "the GitHub App's own id and key"
)

// Deliveries gives a page of a webhook's deliveries, the newest first, and the
// cursor of the next page; it is empty on the last one, and for the first. GitHub
// keeps deliveries for 72 hours ("Viewing webhook deliveries"). An attempt is
// listed once it has ended. Errors are those of [Client.SetStatus], and in
// addition [*PermissionError] in an *event.Problem.
func (r *Record) Deliveries(ctx context.Context, h event.KnownHook, cursor string) (page []event.Delivery, next string, err error) {
	at, err := r.hook(h)
	if err != nil {
		return nil, "", err
	}
	a := ask{
		client: at.client, path: at.path + "?per_page=100", keep: cursor == "", shared: true,
		what: "the deliveries of " + at.name, needs: at.needs,
	}
	if cursor != "" {
		a.path += "&cursor=" + escape(cursor)
	}
	got, link, err := get(ctx, r, a, decodeDeliveries)
	if err != nil {
		return nil, "", err
	}
	return got, link.cursor, nil
}

// hookPath is where a webhook's deliveries are.
type hookPath struct {
	client            *Client
	path, name, needs string
}

func (r *Record) hook(h event.KnownHook) (hookPath, error) {
	id := strconv.FormatInt(h.ID, 10)
	at := hookPath{client: r.client, name: "webhook " + id}
	switch h.TargetType {
	case targetRepository:
		if h.TargetID <= 0 && checkRepo(h.Repo) != nil {
			return at, fmt.Errorf("read %s: %w: %w", at.name, checkRepo(h.Repo), run.ErrRefused)
		}
		at.name, at.needs = at.name+" of "+h.Repo.FullName(), needsRepoHooks
		at.path = repoPath(event.Repo{ID: h.TargetID, Owner: h.Repo.Owner, Name: h.Repo.Name}) + "/hooks/" + id + "/deliveries"
	case targetOrganization:
		if !ValidName(h.Repo.Owner) {
			return at, fmt.Errorf("read %s: %q is no organization: %w", at.name, h.Repo.Owner, run.ErrRefused)
		}
		at.name, at.needs = at.name+" of "+h.Repo.Owner, needsOrgHooks
		at.path = "orgs/" + h.Repo.Owner + "/hooks/" + id + "/deliveries"
	case targetApp:
		at.name, at.needs, at.client, at.path = "the App's webhook", needsApp, r.app, "app/hook/deliveries"
		if r.app == nil {
			return at, unreadable("deliveries of the App's webhook can only be read as the App", needsApp, run.ErrRefused)
		}
	default:
		return at, unreadable(fmt.Sprintf("%s belongs to a %q, whose deliveries GitHub's API does not show", at.name, h.TargetType), "", run.ErrRefused)
	}
	return at, nil
}

// repoPath is a repository's path in the API: by its id, under which it is found
// whatever it is called, if that is known.
func repoPath(r event.Repo) string {
	if r.ID > 0 {
		return "repositories/" + strconv.FormatInt(r.ID, 10)
	}
	return "repos/" + r.FullName()
}

func decodeDeliveries(body []byte) ([]event.Delivery, error) {
	var wire []struct {
		ID   int64     `json:"id"`
		GUID string    `json:"guid"`
		At   time.Time `json:"delivered_at"`
		Code int       `json:"status_code"`
		Type string    `json:"event"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, err
	}
	list := make([]event.Delivery, 0, len(wire))
	for _, w := range wire {
		if w.At.IsZero() { // a time is what the list is read by
			return nil, errors.New("a delivery has no time")
		}
		// What can't be an event of ours can't be recovered as one either.
		if deliveryShape.MatchString(w.GUID) && eventShape.MatchString(w.Type) && w.ID > 0 {
			list = append(list, event.Delivery{ID: w.ID, GUID: w.GUID, Type: w.Type, At: w.At.UTC(), Code: w.Code})
		}
	}
	return list, nil
}

// Delivery gives an attempt's headers, its payload, and what was answered. The
// payload is the JSON object that was sent, but not byte for byte: the signature
// among the headers need not fit it. That it is GitHub's is proven by the
// connection. Errors are those of Deliveries; run.ErrRefused also means that
// GitHub has forgotten the attempt.
func (r *Record) Delivery(ctx context.Context, h event.KnownHook, attempt int64) (headers http.Header, payload, answer []byte, err error) {
	at, err := r.hook(h)
	if err != nil {
		return nil, nil, nil, err
	}
	got, _, err := get(ctx, r, ask{
		client: at.client, path: at.path + "/" + strconv.FormatInt(attempt, 10), shared: true, bulk: true,
		what: fmt.Sprintf("delivery %d of %s", attempt, at.name), needs: at.needs,
	}, decodeAttempt)
	if err != nil {
		return nil, nil, nil, err
	}
	return got.headers, got.payload, got.answer, nil
}

type attempt struct {
	headers         http.Header
	payload, answer []byte
}

func decodeAttempt(body []byte) (attempt, error) {
	var wire struct {
		Request struct {
			Headers map[string]string `json:"headers"`
			Payload json.RawMessage   `json:"payload"`
		} `json:"request"`
		Response struct {
			Payload json.RawMessage `json:"payload"`
		} `json:"response"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return attempt{}, err
	}
	a := attempt{headers: http.Header{}, payload: wire.Request.Payload, answer: wire.Response.Payload}
	for name, value := range wire.Request.Headers {
		a.headers.Set(name, value)
	}
	var text string // the answer is text; of an agent, JSON in a string
	if json.Unmarshal(a.answer, &text) == nil {
		a.answer = []byte(text)
	}
	return a, nil
}

// Recovered makes an event of a delivery that was read back from GitHub's record
// of this webhook. There is no signature to go by, so it refuses what the hook
// can't have sent: another repository's or organization's payload; and, as for a
// delivery, a repository that none of the secrets is for. Where the payload,
// without white space, is what was signed, the event has it like that, so that a
// copy of it is known again by its content. Errors are those of Parse.
func (r *Receiver) Recovered(h event.KnownHook, headers http.Header, payload []byte) (event.Event, error) {
	body := r.asSigned(headers.Get(headerSignature), payload)
	e, err := Convert(headers, body, r.own)
	if err != nil {
		return event.Event{}, err
	}
	if err := checkTargetOf(h, e, body); err != nil {
		return event.Event{}, err
	}
	if r.scoped && e.Repo.ID != 0 && !r.anyCovers(e.Repo) {
		return event.Event{}, unsigned("none of our webhook secrets is for this delivery's repository",
			"X_HUB_SIGNATURE holds secrets for other repositories only: add one for "+e.Repo.FullName())
	}
	e.Hook = h.Hook
	e.Provenance = event.Recovered
	e.ReceivedAt = r.clock().UTC().Round(0)
	return e, nil
}

// asSigned is the payload as it was signed, if that can be found out.
func (r *Receiver) asSigned(signature string, payload []byte) []byte {
	var compact bytes.Buffer
	if !signatureShape.MatchString(signature) || json.Compact(&compact, payload) != nil || len(r.signers(signature, compact.Bytes())) == 0 {
		return payload
	}
	return compact.Bytes()
}

func (r *Receiver) anyCovers(repo event.Repo) bool {
	for _, s := range r.secrets {
		if s.covers(repo) {
			return true
		}
	}
	return false
}

// checkTargetOf refuses what a hook does not send.
func checkTargetOf(h event.KnownHook, e event.Event, body []byte) error {
	foreign := false
	switch h.TargetType {
	case targetRepository:
		foreign = e.Repo.ID != h.TargetID
	case targetOrganization:
		var w struct {
			Organization struct {
				ID int64 `json:"id"`
			} `json:"organization"`
		}
		if err := json.Unmarshal(body, &w); err != nil {
			return malformed("the body is not a JSON object", hintNotGitHub, err)
		}
		foreign = w.Organization.ID != h.TargetID
	}
	if foreign {
		return malformed("the delivery is not of the repository or organization that its webhook belongs to", "", nil)
	}
	return nil
}
