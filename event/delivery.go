package event

import "time"

// Delivery is one attempt of a code host to deliver an event, as the code host's
// own record tells of it.
type Delivery struct {
	// ID numbers the attempt.
	ID int64
	// GUID names the event: every attempt and every webhook has the same one. The
	// event's ID is "<vendor>:<GUID>".
	GUID string
	// Type is the vendor's own name of the event.
	Type string
	At   time.Time
	// Code is the HTTP status that was answered, or what the code host writes down
	// where nobody answered (GitHub: 0, 502 or 504).
	Code int
}

// KnownHook is a webhook through which an event came, or that the operator named,
// and how far its deliveries have been looked at.
type KnownHook struct {
	Hook
	Vendor string
	// Repo is the repository whose event came through the hook last. Of an
	// organisation's hook only its owner counts, of an App's nothing.
	Repo Repo
	// Since is when the hook was first heard of.
	Since time.Time
	// Cursor: the ledger holds every delivery that was made before. Zero: none.
	Cursor time.Time
	// Tried is when its deliveries were asked for last.
	Tried time.Time
	// Unread is a time in the past whose deliveries the code host had forgotten
	// before they were asked for; zero: there is none.
	Unread Span
	// Problem says why its deliveries can't be read; empty: they can. Refused
	// tells that it won't be otherwise until somebody changes something.
	Problem, Hint string
	Refused       bool
}

// Of is whose hook it is: owner/name, the organisation, or empty for an App's.
func (h KnownHook) Of() string {
	switch h.TargetType {
	case "repository":
		return h.Repo.FullName()
	case "organization":
		return h.Repo.Owner
	}
	return ""
}

// Span is a time from one moment to another.
type Span struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// Reception is what became of one event at one webhook: all attempts to deliver it.
type Reception struct {
	Vendor string
	HookID int64
	GUID   string
	// Type is the vendor's own name of the event.
	Type string
	// At is when it was first attempted.
	At time.Time
	// Attempt is the newest attempt's ID, Code what that was answered.
	Attempt int64
	Code    int
	State   ReceptionState
	// Reason says in one sentence why the state is what it is; may be empty.
	Reason string
}

// EventID is the id under which the event is stored.
func (r Reception) EventID() string { return r.Vendor + ":" + r.GUID }

// ReceptionState says whether the event reached us.
type ReceptionState string

const (
	// ReceptionMissing: it did not, and can still be fetched.
	ReceptionMissing ReceptionState = "missing"
	// ReceptionDelivered: it did.
	ReceptionDelivered ReceptionState = "delivered"
	// ReceptionRecovered: it was fetched from the code host.
	ReceptionRecovered ReceptionState = "recovered"
	// ReceptionRefused: it did, and we refused it (unsigned, not JSON, too large).
	ReceptionRefused ReceptionState = "refused"
	// ReceptionLost: it can't be fetched any more, or not be read.
	ReceptionLost ReceptionState = "lost"
	// ReceptionIgnored: it is none of ours: a ping, or one that another receiver
	// took before the hook delivered to us.
	ReceptionIgnored ReceptionState = "ignored"
)
