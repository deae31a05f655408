package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
)

// What has to be granted to read refs and pull requests.
const (
	needsMetadata = `the repository permission "Metadata: read" (classic tokens: repo)`
	needsContents = `the repository permission "Contents: read" (classic tokens: repo)`
	needsPulls    = `the repository permission "Pull requests: read" (classic tokens: repo)`
)

// wholeRepo is a repository, and the object that GitHub describes it by.
type wholeRepo struct {
	event.Repo
	object json.RawMessage
}

func decodeRepo(body []byte) (wholeRepo, error) {
	var w wireRepo
	if err := json.Unmarshal(body, &w); err != nil {
		return wholeRepo{}, err
	}
	repo, err := w.convert()
	return wholeRepo{Repo: repo, object: body}, err
}

// repository looks a repository up: by its id if that is known, so that whoever
// took its name over is not taken for it.
func (r *Record) repository(ctx context.Context, repo event.Repo) (wholeRepo, error) {
	got, _, err := get(ctx, r, ask{client: r.client, path: repoPath(repo), keep: true, shared: true, what: "repository " + repo.FullName(), needs: needsMetadata}, decodeRepo)
	if err == nil && repo.ID > 0 && got.ID != repo.ID {
		err = fmt.Errorf("read repository %s: the answer is another one", repo.FullName())
	}
	return got, err
}

// Refs gives a repository's branches and tags, and the repository under the name
// that it has now. The repository is found by its id. If nothing has changed, that
// is free. Errors are those of [Record.Deliveries].
func (r *Record) Refs(ctx context.Context, repo event.Repo) (event.Repo, []event.Head, error) {
	if repo.ID <= 0 {
		return repo, nil, fmt.Errorf("read the refs of %s: the repository has no id", repo.FullName())
	}
	at, err := r.repository(ctx, repo)
	if err != nil {
		return repo, nil, err
	}
	var list []event.Head
	for _, prefix := range []string{heads, tags} {
		some, err := pages(ctx, r, ask{
			client: r.client, keep: true, shared: true, what: "the refs of " + at.FullName(), needs: needsContents,
			path: repoPath(at.Repo) + "/git/matching-refs/" + strings.Trim(strings.TrimPrefix(prefix, "refs/"), "/") + "?per_page=100",
		}, decodeRefs)
		if err != nil {
			return at.Repo, nil, err
		}
		for _, h := range some {
			if strings.HasPrefix(h.Ref, prefix) { // GitHub matches the beginnings of names
				list = append(list, h)
			}
		}
	}
	return at.Repo, list, nil
}

// pages goes through all pages of a list.
func pages[T any](ctx context.Context, r *Record, a ask, decode func([]byte) ([]T, error)) ([]T, error) {
	var list []T
	base := a.path
	for page := 1; page != 0; {
		a.path = fmt.Sprintf("%s&page=%d", base, page)
		some, to, err := get(ctx, r, a, decode)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
		page = to.page
	}
	return list, nil
}

func decodeRefs(body []byte) ([]event.Head, error) {
	var wire []struct {
		Ref    string `json:"ref"`
		Object struct {
			SHA string `json:"sha"`
		} `json:"object"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, err
	}
	list := make([]event.Head, 0, len(wire))
	for _, w := range wire {
		if !ValidSHA(w.Object.SHA) {
			return nil, errors.New("a ref has no valid sha")
		}
		list = append(list, event.Head{Ref: w.Ref, SHA: w.Object.SHA})
	}
	return list, nil
}

// wireOpen is a pull request, by what its head is known by.
type wireOpen struct {
	Number  int       `json:"number"`
	State   string    `json:"state"`
	Created time.Time `json:"created_at"`
	Head    wireSide  `json:"head"`
	User    wireUser  `json:"user"`
}

// Pulls gives the heads of a repository's open pull requests. Errors are those of
// [Record.Deliveries].
func (r *Record) Pulls(ctx context.Context, repo event.Repo) ([]event.Head, error) {
	if repo.ID <= 0 {
		return nil, fmt.Errorf("read the pull requests of %s: the repository has no id", repo.FullName())
	}
	return pages(ctx, r, ask{
		client: r.client, keep: true, shared: true, what: "the pull requests of " + repo.FullName(), needs: needsPulls,
		path: repoPath(repo) + "/pulls?state=open&per_page=100",
	}, decodePulls)
}

func decodePulls(body []byte) ([]event.Head, error) {
	wire, err := decodeJSON[[]wireOpen](body)
	if err != nil {
		return nil, err
	}
	list := make([]event.Head, 0, len(wire))
	for _, w := range wire {
		if !ValidSHA(w.Head.SHA) || w.Number <= 0 {
			return nil, errors.New("a pull request has no number or no valid sha")
		}
		list = append(list, event.Head{
			Ref: pullRef(w.Number), SHA: w.Head.SHA, PullRequest: w.Number, Opened: w.Created.UTC(),
		})
	}
	return list, nil
}

func pullRef(number int) string { return fmt.Sprintf("refs/pull/%d/head", number) }

// pullNumber is the number in a pull request's ref, or 0.
func pullNumber(ref string) int {
	var n int
	if _, err := fmt.Sscanf(ref, "refs/pull/%d/head", &n); err != nil || pullRef(n) != ref {
		return 0
	}
	return n
}

// Head gives the commit that a branch, a tag or an open pull request points at
// now, asked afresh and without the share; "" if it is gone or closed. If it is
// where it was, that is free at GitHub: it can be asked for each of many late
// events of one ref.
func (r *Record) Head(ctx context.Context, repo event.Repo, ref string) (string, error) {
	if err := checkRepo(repo); err != nil || repo.ID <= 0 {
		return "", fmt.Errorf("read %s of %s: it has no id or no valid name", ref, repo.FullName())
	}
	a := ask{client: r.client, what: ref + " of " + repo.FullName()}
	if n := pullNumber(ref); n > 0 {
		a.path = fmt.Sprintf("%s/pulls/%d", repoPath(repo), n)
		w, _, err := get(ctx, r, a, decodeJSON[wireOpen])
		switch {
		case absent(err), err == nil && w.State != "open":
			return "", nil
		case err != nil:
			return "", err
		}
		return w.Head.SHA, nil
	}
	if !strings.HasPrefix(ref, heads) && !strings.HasPrefix(ref, tags) {
		return "", fmt.Errorf("read %s of %s: it is neither a branch, a tag nor a pull request", ref, repo.FullName())
	}
	a.path = repoPath(repo) + "/git/ref/" + escapePath(strings.TrimPrefix(ref, "refs/"))
	o, _, err := get(ctx, r, a, decodeRefObject)
	switch {
	case absent(err):
		return "", nil
	case err != nil:
		return "", err
	}
	return r.peel(ctx, repo, o)
}

// IsAncestor tells whether a commit is reachable from another one, itself
// included. A commit that GitHub does not have is nobody's ancestor.
func (r *Record) IsAncestor(ctx context.Context, repo event.Repo, older, newer string) (bool, error) {
	if !ValidSHA(older) || !ValidSHA(newer) || repo.ID <= 0 {
		return false, fmt.Errorf("compare commits of %s: no valid shas, or the repository has no id", repo.FullName())
	}
	w, _, err := get(ctx, r, ask{
		client: r.client, path: repoPath(repo) + "/compare/" + older + "..." + newer + "?per_page=1",
		what: fmt.Sprintf("how %.12s and %.12s of %s compare", older, newer, repo.FullName()),
	}, decodeJSON[struct {
		Status string `json:"status"`
	}])
	switch {
	case absent(err):
		return false, nil
	case err != nil:
		return false, err
	}
	return w.Status == "ahead" || w.Status == "identical", nil
}
