package git

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/franela/pocketci/event"
)

// describe fills in what the repository tells about itself.
func (w *worktree) describe(ctx context.Context) error {
	head, err := w.objects.commit(headRef)
	if unlessMissing(err) != nil {
		return err
	}
	w.info.SHA = head.oid
	if err := w.authorship(ctx); err != nil {
		return err
	}
	if w.info.Branch, err = w.symbolic(ctx, headRef, "refs/heads/"); err != nil {
		return err
	}
	if err := w.findRemote(ctx); err != nil {
		return err
	}
	return w.trunk(ctx)
}

// authorship reads who made HEAD's commit, when, and what they say about it.
func (w *worktree) authorship(ctx context.Context) error {
	if w.info.SHA == "" {
		return nil
	}
	out, err := w.git.output(ctx, w.command("log", "-1", "--no-show-signature", "--format=%an%x00%ae%x00%cI%x00%B", w.info.SHA))
	if err != nil {
		return err
	}
	fields := strings.SplitN(out, "\x00", 4)
	if len(fields) != 4 {
		return fmt.Errorf("read commit %s: %d fields instead of 4", w.info.SHA, len(fields))
	}
	w.info.AuthorName, w.info.AuthorEmail, w.info.Message = fields[0], fields[1], strings.TrimRight(fields[3], "\n")
	w.info.CommittedAt, err = time.Parse(time.RFC3339, fields[2])
	return err
}

// symbolic gives what a symbolic ref points at, less the prefix; "" if it is none.
func (w *worktree) symbolic(ctx context.Context, ref, prefix string) (string, error) {
	out, err := w.git.output(ctx, w.command("symbolic-ref", "--quiet", "--", ref))
	if exitCode(err) == 1 {
		return "", nil
	}
	if err != nil || !strings.HasPrefix(out, prefix) {
		return "", err
	}
	return strings.TrimPrefix(out, prefix), nil
}

// findRemote finds the remote that counts, and notes whose repository it is.
func (w *worktree) findRemote(ctx context.Context) error {
	out, err := w.git.output(ctx, w.command("remote"))
	if err != nil || out == "" {
		return err
	}
	names := strings.Split(out, "\n")
	for _, name := range names {
		if name == "origin" || len(names) == 1 {
			w.remote = name
		}
	}
	if w.remote == "" {
		return nil
	}
	address, err := w.git.output(ctx, w.command("remote", "get-url", "--", w.remote))
	if exitCode(err) > 0 {
		return nil // one without an address
	}
	w.info.Host, w.info.Owner, w.info.Name = parseAddress(address)
	return err
}

// trunk notes the default branch.
func (w *worktree) trunk(ctx context.Context) error {
	if w.remote != "" {
		prefix := "refs/remotes/" + w.remote + "/"
		branch, err := w.symbolic(ctx, prefix+"HEAD", prefix)
		if err != nil {
			return err
		}
		if branch != "" {
			w.info.DefaultBranch = branch
			return nil
		}
	}
	for _, branch := range []string{"main", "master"} {
		_, ok, err := w.tip(branch)
		if err != nil {
			return err
		}
		if ok {
			w.info.DefaultBranch = branch
			return nil
		}
	}
	return nil
}

// tip gives a branch's commit: the remote's, else the one here.
func (w *worktree) tip(branch string) (commit, bool, error) {
	refs := []string{"refs/heads/" + branch}
	if w.remote != "" {
		refs = []string{"refs/remotes/" + w.remote + "/" + branch, "refs/heads/" + branch}
	}
	for _, ref := range refs {
		c, err := w.objects.commit(ref)
		if err == nil {
			return c, true, nil
		}
		if unlessMissing(err) != nil {
			return commit{}, false, err
		}
	}
	return commit{}, false, nil
}

// changes compares the working tree with where its own changes begin.
func (w *worktree) changes(ctx context.Context, base, tree string) (changed, deleted []string, err error) {
	since, found, err := w.since(ctx, base)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return listTree(ctx, &w.git, w.command(), tree)
	}
	w.info.Base = since.oid
	return diffTrees(ctx, &w.git, w.command(), since.tree, tree)
}

// since gives the commit since which files count as changed.
func (w *worktree) since(ctx context.Context, base string) (commit, bool, error) {
	var from commit
	found := false
	if base != "" {
		var err error
		if from, err = w.objects.commit(base); err != nil {
			return commit{}, false, noBase(base, err)
		}
		found = true
	} else if w.info.DefaultBranch != "" {
		var err error
		if from, found, err = w.tip(w.info.DefaultBranch); err != nil {
			return commit{}, false, err
		}
	}
	if !found || w.info.SHA == "" {
		return from, found && base != "", nil
	}
	head, err := w.objects.commit(w.info.SHA)
	if err != nil {
		return commit{}, false, err
	}
	return mergeBase(ctx, &w.git, w.command(), w.objects, from, head)
}

func noBase(base string, err error) error {
	if !errors.Is(err, errMissing) {
		return err
	}
	return &event.Problem{
		Public: fmt.Sprintf("there is no commit %q in this repository", base),
		Hint:   "Name a branch, a tag or a sha that exists here; a remote's branch may have to be fetched first.",
		Err:    err,
	}
}

// parseAddress gives host, owner and name of a repository's address, in any form
// that git takes and that leads to a code host; else nothing. The owner may have
// several parts.
func parseAddress(address string) (host, owner, name string) {
	path := ""
	if u, err := url.Parse(address); err == nil && u.Host != "" && u.Scheme != "file" {
		host, path = u.Hostname(), u.Path
	} else if before, after, ok := strings.Cut(address, ":"); ok && !strings.Contains(address, "://") && !strings.Contains(before, "/") && len(before) > 1 {
		// user@host:owner/name; one letter is a drive.
		host, path = before[strings.LastIndex(before, "@")+1:], after
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	cut := strings.LastIndex(path, "/")
	if host == "" || cut <= 0 || cut == len(path)-1 {
		return "", "", ""
	}
	return host, path[:cut], path[cut+1:]
}
