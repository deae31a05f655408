package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/franela/pocketci/event"
)

// foundHook is a webhook as its owner's list shows it.
type foundHook struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Config struct {
		URL string `json:"url"`
	} `json:"config"`
}

// FindHooks gives the webhooks of a repository (owner/name) or an organization: the
// one with that id if it is not 0, else those that deliver to that address. One
// that is named by id is not looked up, so it may turn out not to exist. "app" is
// the App's, which has no id here. Errors are those of [Record.Deliveries].
func (r *Record) FindHooks(ctx context.Context, of string, id int64, address string) ([]event.KnownHook, error) {
	h := event.KnownHook{Vendor: Vendor, Hook: event.Hook{ID: id, TargetType: targetApp}}
	if of == "app" {
		return []event.KnownHook{h}, nil
	}
	path, needs, err := r.owner(ctx, of, &h)
	if err != nil || id != 0 {
		return []event.KnownHook{h}, err
	}
	var found []event.KnownHook
	for page := 1; page != 0; {
		list, to, err := get(ctx, r, ask{
			client: r.client, path: fmt.Sprintf("%s?per_page=100&page=%d", path, page), keep: true, shared: true,
			what: "the webhooks of " + of, needs: needs,
		}, decodeJSON[[]foundHook])
		if err != nil {
			return nil, err
		}
		for _, w := range list {
			if w.Name == "web" && sameAddress(w.Config.URL, address) {
				h.ID = w.ID
				found = append(found, h)
			}
		}
		page = to.page
	}
	return found, nil
}

// owner fills in whose hook it is, and says where the owner's hooks are listed.
func (r *Record) owner(ctx context.Context, of string, h *event.KnownHook) (path, needs string, err error) {
	owner, name, isRepo := strings.Cut(of, "/")
	if !ValidName(owner) || isRepo && !ValidName(name) {
		return "", "", fmt.Errorf("find webhooks: %q is neither a repository nor an organization", of)
	}
	if isRepo {
		got, err := r.repository(ctx, event.Repo{Owner: owner, Name: name})
		h.TargetType, h.TargetID, h.Repo = targetRepository, got.ID, got.Repo
		return repoPath(got.Repo) + "/hooks", needsRepoHooks, err
	}
	got, _, err := get(ctx, r, ask{client: r.client, path: "users/" + owner, keep: true, shared: true, what: "the organization " + owner},
		decodeJSON[wireUser])
	h.TargetType, h.TargetID, h.Repo = targetOrganization, got.ID, event.Repo{Owner: owner}
	return "orgs/" + owner + "/hooks", needsOrgHooks, err
}

func decodeJSON[T any](body []byte) (T, error) {
	var v T
	err := json.Unmarshal(body, &v)
	return v, err
}

// sameAddress compares two addresses of a webhook; a slash at the end does not count.
func sameAddress(a, b string) bool {
	x, err := url.Parse(a)
	if err != nil {
		return false
	}
	y, err := url.Parse(b)
	return err == nil && sameHost(x, y) && strings.TrimRight(x.Path, "/") == strings.TrimRight(y.Path, "/")
}
