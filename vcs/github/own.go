package github

import (
	"strings"

	"github.com/franela/pocketci/event"
)

const reasonOwnComment = "the comment is our own account's"

// said tells whether a comment is ours: written by our App or our account, or what
// our account did to somebody else's. c is nil where the event is no comment.
func (o Own) said(e *event.Event, c *wireSaid) bool {
	if c != nil && c.App != nil && o.AppID != 0 && c.App.ID == o.AppID {
		return true
	}
	if o.Login == "" || c == nil {
		return false
	}
	return strings.EqualFold(c.User.Login, o.Login) || strings.EqualFold(e.Sender.Login, o.Login)
}

// ownContext tells whether a status context is one that we report under:
// pocketci, pocketci/…, pocketci (…).
func ownContext(context string) bool {
	rest, ok := strings.CutPrefix(context, "pocketci")
	return ok && (rest == "" || strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, " ("))
}
