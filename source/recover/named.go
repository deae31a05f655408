package recover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/franela/pocketci/event"
)

// Named is a webhook that the operator names.
type Named struct {
	// Of is owner/name of a repository, an organization, or "app".
	Of string
	// ID is the webhook's, or 0: then it is whichever delivers to Address.
	ID      int64
	Address string
}

// unfound is a named webhook that was not found yet.
type unfound struct {
	Named
	problem, hint string
}

// ParseNamed reads a setting that names webhooks:
//
//	octo/hello:4711                    the webhook of a repository, by its id
//	octo:4711                          of an organization
//	octo/hello=https://ci.example.com  those of a repository that deliver there
//	octo=https://ci.example.com        those of an organization
//	app                                the GitHub App's
//
// The id stands at the end of the address of the webhook's settings page.
func ParseNamed(list []string) ([]Named, error) {
	var all []Named
	for _, entry := range list {
		n, err := parseNamed(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("%q names no webhook: %w", entry, err)
		}
		all = append(all, n)
	}
	return all, nil
}

func parseNamed(entry string) (Named, error) {
	if entry == "app" {
		return Named{Of: "app"}, nil
	}
	at := strings.IndexAny(entry, ":=")
	if at < 0 {
		return Named{}, errors.New("write owner/name:ID, organization:ID, owner/name=ADDRESS or app")
	}
	n := Named{Of: entry[:at]}
	owner, name, isRepo := strings.Cut(n.Of, "/")
	if owner == "" || isRepo && name == "" || strings.ContainsAny(name, "/ ") || strings.ContainsAny(owner, " *") {
		return Named{}, errors.New("before : or = stands owner/name or an organization")
	}
	rest := entry[at+1:]
	if entry[at] == '=' {
		if !strings.HasPrefix(rest, "https://") && !strings.HasPrefix(rest, "http://") {
			return Named{}, errors.New("after = stands the address that the webhook delivers to")
		}
		n.Address = rest
		return n, nil
	}
	var err error
	if n.ID, err = strconv.ParseInt(rest, 10, 64); err != nil || n.ID <= 0 {
		return Named{}, errors.New("after : stands the webhook's id, a number")
	}
	return n, nil
}

// hooks gives the webhooks to read, the one that was tried longest ago first:
// those that are known, and those that are named and not known yet.
func (s *Sweeper) hooks(ctx context.Context) ([]event.KnownHook, error) {
	known, err := s.Hooks.Hooks(ctx, s.Vendor)
	if err != nil {
		return nil, broken{err}
	}
	known = append(s.find(ctx, known), known...)
	// An App has one webhook, whose id is not known before it delivered.
	if slices.ContainsFunc(known, func(k event.KnownHook) bool { return ofApp(k) && k.ID != 0 }) {
		known = slices.DeleteFunc(known, func(k event.KnownHook) bool { return ofApp(k) && k.ID == 0 })
	}
	return known, nil
}

func ofApp(h event.KnownHook) bool { return h.TargetType == "integration" }

// find gives the named webhooks that are not known yet. A name is forgotten once
// all that it stands for is known: then the ledger has it.
func (s *Sweeper) find(ctx context.Context, known []event.KnownHook) []event.KnownHook {
	s.mu.Lock()
	named := s.named
	s.mu.Unlock()
	var fresh []event.KnownHook
	var rest []unfound
	for _, n := range named {
		found, err := s.Finder.FindHooks(ctx, n.Of, n.ID, n.Address)
		n.problem, n.hint = "", ""
		switch {
		case err != nil:
			n.problem, n.hint = public(err)
			s.Log.Warn().Err(err).Str("of", n.Of).Msg("a webhook that is to be read can't be looked up")
		case len(found) == 0:
			n.problem, n.hint = "no webhook delivers to "+n.Address, "compare with the Payload URL in the webhook's settings"
		}
		had := len(fresh)
		for _, h := range found {
			if err == nil && !slices.ContainsFunc(known, func(k event.KnownHook) bool { return k.ID == h.ID }) {
				h.Since = s.Clock()
				fresh = append(fresh, h)
			}
		}
		if n.problem != "" || len(fresh) > had {
			rest = append(rest, n)
		}
	}
	s.mu.Lock()
	s.named = rest
	s.mu.Unlock()
	return fresh
}
