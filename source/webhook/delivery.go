package webhook

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
)

// ping is the event by which a code host tries a webhook out.
const ping = "ping"

// errStoreTime is the cause of a delivery that the store was too slow for.
var errStoreTime = errors.New("the store did not answer in time")

// serveDelivery answers one delivery and counts what became of it.
func (h *Handler) serveDelivery(w http.ResponseWriter, r *http.Request, v Vendor) {
	b := &body{sem: h.inFlight}
	defer b.release()
	e, refused := h.receive(w, r, v, b)
	if refused != nil {
		h.refuse(w, r, refused)
		return
	}
	if e.Name == ping {
		h.counters.count(func(c *Counts) { c.Ping++ })
		h.Log.Info().Str("event_id", printable(e.ID)).Str("repo", printable(e.Repo.FullName())).Msg("ping")
		answer(w, http.StatusOK, accepted{ID: e.ID, Dispatched: new(bool), Reason: ping})
		return
	}
	receipt, err := h.keep(r.Context(), e)
	if err != nil {
		h.refuse(w, r, unkept(err))
		return
	}
	code, out := h.taken(e, receipt)
	h.Log.Debug().Str("event_id", printable(receipt.ID)).Str("event", printable(e.Name)).Str("repo", printable(e.Repo.FullName())).
		Str("sha", printable(e.SHA)).Bool("duplicate", receipt.Duplicate).Str("reason", printable(e.Reason)).Msg("delivery")
	answer(w, code, out)
}

// receive makes an event of a delivery, whose body is read into b. The order of
// its refusals is fixed: 413, 415, 400, 401. A body of known size is not read if
// it would be refused anyhow; one of unknown size has to be, to know that it is
// not too large.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request, v Vendor, b *body) (event.Event, *refusal) {
	known := r.ContentLength >= 0
	if r.ContentLength > h.MaxBody {
		return event.Event{}, h.tooLarge()
	}
	if known {
		if refused := envelope(r.Header, v); refused != nil {
			refused.unread = r.ContentLength > 0
			return event.Event{}, refused
		}
	}
	if refused := h.readBody(w, r, b); refused != nil {
		return event.Event{}, refused
	}
	if !known {
		if refused := envelope(r.Header, v); refused != nil {
			return event.Event{}, refused
		}
	}
	if err := v.Verify(r.Header, b.data); err != nil {
		return event.Event{}, notGenuine(err)
	}
	e, err := v.Parse(r.Header, b.data)
	if err != nil {
		return event.Event{}, notGenuine(err)
	}
	if e.Payload == nil {
		e.Payload = b.data
	}
	if e.ReceivedAt.IsZero() {
		e.ReceivedAt = h.Clock().UTC().Round(0)
	}
	if e.Provenance == "" {
		e.Provenance = event.Webhook
	}
	if h.Admit != nil {
		e = h.Admit(e)
	}
	return e, nil
}

// envelope refuses what can be told from the headers alone.
func envelope(header http.Header, v Vendor) *refusal {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	encoding := strings.ToLower(header.Get("Content-Encoding"))
	if err != nil || kind != "application/json" || (charset != "" && charset != "utf-8") || (encoding != "" && encoding != "identity") {
		return &refusal{
			code: http.StatusUnsupportedMediaType,
			problem: problem{
				Error: "the body is not JSON (Content-Type)",
				Hint:  "in the webhook's form set Content type to application/json",
			},
		}
	}
	if err := v.Verify(header, nil); errors.Is(err, event.ErrMalformed) {
		return notGenuine(err)
	}
	return nil
}

// notGenuine is what a vendor has against a delivery.
func notGenuine(err error) *refusal {
	f := &refusal{code: http.StatusInternalServerError, problem: problem{Error: "the delivery could not be read"}, cause: err}
	switch {
	case errors.Is(err, event.ErrMalformed):
		f.code, f.problem = http.StatusBadRequest, problem{Error: "the delivery lacks what a code host always sends"}
	case errors.Is(err, event.ErrUnsigned):
		f.code, f.problem = http.StatusUnauthorized, problem{Error: "the delivery is not signed with a secret of ours"}
	}
	f.public(err)
	return f
}

// public takes over the sentences that an error has for people.
func (f *refusal) public(err error) {
	var p *event.Problem
	if errors.As(err, &p) {
		f.problem = problem{Error: p.Public, Hint: p.Hint}
	}
}

// keep has the event stored. A client that goes away does not stop it: what was
// verified is worth keeping.
func (h *Handler) keep(ctx context.Context, e event.Event) (event.Receipt, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), h.StoreTime, errStoreTime)
	defer cancel()
	receipt, err := h.Store.Append(ctx, e)
	if err != nil {
		return receipt, fmt.Errorf("keep %s: %w", e.ID, err)
	}
	return receipt, nil
}

// unkept is the answer for an event that the store did not take. It may be on
// disk all the same; delivered again it is then a duplicate.
func unkept(err error) *refusal {
	f := &refusal{
		code:       http.StatusServiceUnavailable,
		problem:    problem{Error: "the event could not be stored", Hint: "deliver it again later; the agent's log has the cause"},
		retryAfter: 10 * time.Second,
		cause:      err,
	}
	if errors.Is(err, event.ErrFull) {
		f.problem = problem{Error: "there is no room left to store the event", Hint: "make room where the agent keeps its data, then deliver it again"}
		f.retryAfter = time.Minute
	}
	f.public(err)
	return f
}

// taken counts a stored event and says what its delivery is answered.
func (h *Handler) taken(e event.Event, receipt event.Receipt) (int, accepted) {
	out := accepted{ID: receipt.ID}
	switch {
	case receipt.Duplicate:
		h.counters.count(func(c *Counts) { c.Duplicate++ })
		out.Duplicate = true
		return http.StatusOK, out
	case e.Reason != "":
		h.counters.count(func(c *Counts) { c.Recorded++ })
		out.Dispatched, out.Reason = new(bool), e.Reason
	default:
		h.counters.count(func(c *Counts) { c.Accepted++ })
	}
	return http.StatusAccepted, out
}

// refuse answers and counts a refusal, and says so in the log: as often as an
// attacker likes, but not as often in the log.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, f *refusal) {
	h.counters.count(func(c *Counts) { c.Refused[f.code]++ })
	quiet, ev := &h.refusals, h.Log.Warn()
	if f.code >= http.StatusInternalServerError {
		quiet, ev = &h.failures, h.Log.Error()
	}
	if more, ok := quiet.may(h.Clock()); ok {
		if f.cause != nil {
			ev = ev.Str("cause", printable(f.cause.Error()))
		}
		ev.Int("status", f.code).Str("error", printable(f.Error)).Str("path", printable(r.URL.Path)).Str("remote", r.RemoteAddr).
			Str("user_agent", printable(r.UserAgent())).Int64("bytes", r.ContentLength).Int64("more_like_it", more).
			Msg("delivery refused")
	}
	f.write(w)
}
