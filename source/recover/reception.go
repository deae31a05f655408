package recover

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/franela/pocketci/event"
)

// ping is the event by which a code host tries a webhook out; it is not stored.
const ping = "ping"

// attempts are all attempts of a list to deliver one event.
type attempts struct {
	event.Reception
	// refused is the status of an attempt that we refused, or 0; taken tells that
	// one was answered with success.
	refused int
	taken   bool
}

// group puts attempts together by GUID. Of each event the attempt is kept that
// was answered with success, else the newest, and the time of the first.
func group(vendor string, hook int64, list []event.Delivery) []attempts {
	var groups []attempts
	at := map[string]int{}
	for _, d := range list {
		i, ok := at[d.GUID]
		if !ok {
			i = len(groups)
			at[d.GUID] = i
			groups = append(groups, attempts{Reception: event.Reception{
				Vendor: vendor, HookID: hook, GUID: d.GUID, Type: d.Type, At: d.At, Attempt: d.ID, Code: d.Code,
			}})
		}
		g := &groups[i]
		success := d.Code >= 200 && d.Code < 300
		if success && !g.taken || success == g.taken && d.ID > g.Attempt {
			g.Attempt, g.Code = d.ID, d.Code
		}
		g.taken = g.taken || success
		if d.At.Before(g.At) {
			g.At = d.At
		}
		if refusal(d.Code) {
			g.refused = d.Code
		}
	}
	return groups
}

// refusal tells the statuses with which the webhook source refuses a delivery
// for good. Others, 404 and 403 too, are what a proxy answers when we are not there.
func refusal(code int) bool {
	switch code {
	case 400, 401, 413, 415:
		return true
	}
	return false
}

// judged says what became of the event. since is when the hook was first heard of.
func (g attempts) judged(known map[string]event.Provenance, since time.Time) event.Reception {
	r := g.Reception
	provenance, stored := known[r.EventID()]
	switch {
	case r.Type == ping:
		r.State = event.ReceptionIgnored
	case stored && provenance == event.Recovered:
		r.State = event.ReceptionRecovered
	case stored:
		r.State = event.ReceptionDelivered
	case g.refused != 0:
		r.State, r.Reason = event.ReceptionRefused, fmt.Sprintf("it was answered %d", g.refused)
	case g.taken && r.At.Before(since):
		r.State, r.Reason = event.ReceptionIgnored, "another receiver took it before the webhook delivered to this agent"
	default:
		r.State = event.ReceptionMissing
	}
	return r
}

// repeated gives the id of the event that a delivery repeated, if that is what
// was answered: {"id":"…","duplicate":true}.
func repeated(answer []byte) string {
	var a struct {
		ID        string `json:"id"`
		Duplicate bool   `json:"duplicate"`
	}
	if json.Unmarshal(answer, &a) != nil || !a.Duplicate {
		return ""
	}
	return a.ID
}
