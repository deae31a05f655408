package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
)

// The headers of a delivery.
const (
	headerEvent      = "X-GitHub-Event"
	headerDelivery   = "X-GitHub-Delivery"
	headerSignature  = "X-Hub-Signature-256"
	headerSHA1       = "X-Hub-Signature"
	headerHook       = "X-GitHub-Hook-ID"
	headerTargetType = "X-GitHub-Hook-Installation-Target-Type"
	headerTargetID   = "X-GitHub-Hook-Installation-Target-ID"
)

// Config is what a [Receiver] is made with.
type Config struct {
	// Secrets are those that deliveries may be signed with; at least one.
	Secrets []Secret
	// Login is our own account on the code host, whose comments are not
	// dispatched; may be empty.
	Login string
	// AppID is our GitHub App, whose checks are not dispatched; 0: none.
	AppID int64
	// Clock tells when a delivery was received; nil: time.Now.
	Clock func() time.Time
}

// Receiver tells genuine deliveries from others and makes events of them. It is
// safe for concurrent use.
type Receiver struct {
	secrets []Secret
	scoped  bool
	own     Own
	clock   func() time.Time
}

// NewReceiver makes a Receiver. It refuses to be made without a secret, or with
// an empty one: everybody could sign with it.
func NewReceiver(c Config) (*Receiver, error) {
	r := &Receiver{secrets: c.Secrets, own: Own{Login: c.Login, AppID: c.AppID}, clock: c.Clock}
	if r.clock == nil {
		r.clock = time.Now
	}
	if len(c.Secrets) == 0 {
		return nil, errors.New("receive from github: no webhook secret")
	}
	for _, s := range c.Secrets {
		if len(s.value) == 0 {
			return nil, errors.New("receive from github: an empty webhook secret")
		}
		r.scoped = r.scoped || s.glob != ""
	}
	return r, nil
}

// NewReader makes a receiver for what GitHub itself shows us, by its API: it has
// no secrets, and takes no delivery for genuine. Config's Secrets are ignored.
func NewReader(c Config) *Receiver {
	r := &Receiver{own: Own{Login: c.Login, AppID: c.AppID}, clock: c.Clock}
	if r.clock == nil {
		r.clock = time.Now
	}
	return r
}

// Names that GitHub gives: an event's, a delivery's (a UUID), a signature.
var (
	eventShape     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	deliveryShape  = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	signatureShape = regexp.MustCompile(`^sha256=[0-9a-fA-F]{64}$`)
)

// Verify tells whether a delivery is GitHub's: its headers are there
// (event.ErrMalformed if not), and its body, byte for byte, is signed by
// HMAC-SHA256 with one of the secrets (event.ErrUnsigned if not; SHA-1 alone is
// unsigned). Every secret is tried and compared in constant time, and nothing of
// the body is looked at. Errors are an *event.Problem.
func (r *Receiver) Verify(h http.Header, body []byte) error {
	if !eventShape.MatchString(h.Get(headerEvent)) {
		return malformed("the delivery names no event (X-GitHub-Event)", hintNotGitHub, nil)
	}
	if !deliveryShape.MatchString(h.Get(headerDelivery)) {
		return malformed("the delivery has no id (X-GitHub-Delivery)", hintNotGitHub, nil)
	}
	switch signature := h.Get(headerSignature); {
	case signature == "" && h.Get(headerSHA1) != "":
		return unsigned("the delivery is signed with SHA-1 only",
			"GitHub sends X-Hub-Signature-256 too: see that no proxy takes it away")
	case signature == "":
		return unsigned("the delivery is not signed",
			"in GitHub's webhook form (Settings, Webhooks, Edit) set Secret to what X_HUB_SIGNATURE holds")
	case !signatureShape.MatchString(signature) || len(r.signers(signature, body)) == 0:
		return unsigned("the delivery is not signed with a secret of ours",
			"in GitHub's webhook form (Settings, Webhooks, Edit) set Secret to what X_HUB_SIGNATURE holds; "+
				"a proxy that changes the body breaks the signature too")
	}
	return nil
}

// Parse makes an event of a delivery that Verify has accepted. What is not to be
// dispatched is an event with a Reason, not an error. A body that isn't what
// GitHub sends is event.ErrMalformed; a secret that is not for the payload's
// repository is event.ErrUnsigned. Errors are an *event.Problem.
func (r *Receiver) Parse(h http.Header, body []byte) (event.Event, error) {
	e, err := Convert(h, body, r.own)
	if err != nil {
		return event.Event{}, err
	}
	if r.scoped && e.Repo.ID != 0 && !r.covered(h.Get(headerSignature), body, e.Repo) {
		return event.Event{}, unsigned("the delivery is signed with a secret that is not for its repository",
			"X_HUB_SIGNATURE holds this secret for other repositories: widen the glob before it, or use the repository's own secret")
	}
	e.Provenance = event.Webhook
	e.ReceivedAt = r.clock().UTC().Round(0) // without the monotonic reading: it would not survive storage
	return e, nil
}

// signers are the secrets that made a signature.
func (r *Receiver) signers(signature string, body []byte) []Secret {
	want, err := hex.DecodeString(strings.TrimPrefix(signature, "sha256="))
	if err != nil {
		return nil
	}
	var found []Secret
	for _, s := range r.secrets {
		mac := hmac.New(sha256.New, s.value)
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), want) {
			found = append(found, s)
		}
	}
	return found
}

func (r *Receiver) covered(signature string, body []byte, repo event.Repo) bool {
	for _, s := range r.signers(signature, body) {
		if s.covers(repo) {
			return true
		}
	}
	return false
}

const hintNotGitHub = "only GitHub's webhooks are taken here: in the webhook form set Payload URL to this address and Content type to application/json"

// malformed is a Problem around event.ErrMalformed; cause may be nil.
func malformed(public, hint string, cause error) *event.Problem {
	err := event.ErrMalformed
	if cause != nil {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return &event.Problem{Public: public, Hint: hint, Err: err}
}

func unsigned(public, hint string) *event.Problem {
	return &event.Problem{Public: public, Hint: hint, Err: event.ErrUnsigned}
}
