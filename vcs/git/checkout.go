package git

import (
	"context"
	"errors"
	"fmt"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// Checkout brings an event's commit here and says which files changed. Nothing is
// fetched that is here already.
//
// ctx must live for as long as the tree is read: it also bounds contents that are
// fetched when they are first read, and ends the process that reads. Tree.Files is an
// [io.Closer]; close it when the tree is no longer needed. It is a [Prefetcher] and a [Packer] too.
//
// Errors: an [event.Problem] that wraps [ErrGone], [ErrDenied] or [ErrMoved]; what
// wraps [ErrUnreachable] may be tried again.
func (m *Mirrors) Checkout(ctx context.Context, e event.Event) (run.Tree, error) {
	p, err := newPlan(e)
	if err != nil {
		return run.Tree{}, err
	}
	remote, err := m.remote(e.Repo)
	if err != nil {
		return run.Tree{}, err
	}
	var tree run.Tree
	err = m.inMirror(ctx, e.Repo, remote, func(v *visit) error {
		tree, err = v.checkout(ctx, p)
		return err
	})
	return tree, err
}

// visit is one use of a mirror.
type visit struct {
	*mirror
	repo    event.Repo
	remote  Remote
	objects *objects
	gen     int
	// kept: the objects are still read after the visit.
	kept bool
}

// inMirror runs fn in the repository's mirror; if that turns out to be damaged, once
// more in a new one.
func (m *Mirrors) inMirror(ctx context.Context, repo event.Repo, remote Remote, fn func(*visit) error) error {
	for again := false; ; again = true {
		r, err := m.mirror(ctx, repo, remote)
		if err != nil {
			return err
		}
		v := &visit{mirror: r, repo: repo, remote: remote, gen: r.generation(), objects: newObjects(ctx, &m.git, r.git())}
		err = fn(v)
		if err != nil || !v.kept {
			_ = v.objects.Close()
		}
		if err = localError(err); !errors.Is(err, errBroken) {
			return err
		}
		r.suspect(v.gen)
		if again {
			return err
		}
	}
}

func (v *visit) checkout(ctx context.Context, p plan) (run.Tree, error) {
	refs, err := v.obtain(ctx, p.wants()...)
	if err != nil {
		return run.Tree{}, err
	}
	head, err := v.head(ctx, &p, refs)
	if err != nil {
		return run.Tree{}, err
	}
	tree := run.Tree{
		SHA: head.oid, Hash: head.tree,
		Origin: run.Origin{URL: v.remote.URL, Ref: p.ref, SHA: head.oid, Username: v.remote.Username, Token: v.remote.Token},
	}
	if p.diff != event.DiffNone {
		tree.HasDiff = true
		if tree.Changes, tree.Deleted, err = v.changes(ctx, p, head, refs); err != nil {
			return run.Tree{}, fmt.Errorf("compare %s: %w", head.oid, err)
		}
	}
	pack := func(ctx context.Context, depth int) (string, error) { return v.pack(ctx, head.oid, p.ref, depth) }
	tree.Files = &files{ctx: ctx, objects: v.objects, root: head.tree, fetch: v.fetchContents, lost: v.lost, packs: packed{make: pack}}
	v.kept = true
	return tree, nil
}

// obtain gets of the wanted what is not here, in one fetch. It gives the objects
// that wanted refs point at now; a ref that is gone is not among them.
func (v *visit) obtain(ctx context.Context, wants ...want) (map[string]string, error) {
	var missing []want
	for _, w := range wants {
		here, err := v.here(w)
		if err != nil {
			return nil, err
		}
		if !here {
			missing = append(missing, w)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	refs, err := v.commits.get(ctx, v.remote, missing)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", v.repo.FullName(), remoteError(v.repo, err))
	}
	return refs, nil
}

// here tells whether a wanted commit is here. What a ref points at has to be asked
// for every time.
func (v *visit) here(w want) (bool, error) {
	if !isSHA(w.src) {
		return false, nil
	}
	var err error
	if w.loose {
		_, err = v.objects.info(w.src)
	} else {
		_, err = v.objects.commit(w.src)
	}
	return err == nil, unlessMissing(err)
}

// commit gives a commit that was obtained, by its sha or ref; ok is false if the
// code host does not have it.
func (v *visit) commit(src string, refs map[string]string) (c commit, ok bool, err error) {
	oid := src
	if !isSHA(src) {
		oid = refs[src]
	}
	if oid == "" {
		return commit{}, false, nil
	}
	c, err = v.objects.commit(oid)
	if errors.Is(err, errMissing) {
		return commit{}, false, nil
	}
	return c, err == nil, err
}

// head gives the event's commit.
func (v *visit) head(ctx context.Context, p *plan, refs map[string]string) (commit, error) {
	c, ok, err := v.commit(p.head.src, refs)
	if err != nil || ok {
		return c, err
	}
	if oid := refs[p.head.src]; oid != "" || isSHA(p.head.src) {
		if oid == "" {
			oid = p.head.src
		}
		if got, err := v.objects.info(oid); err == nil {
			return commit{}, &event.Problem{Public: fmt.Sprintf("%s of %s is not a commit", p.head.src, v.repo.FullName()), Err: errors.New(got.kind)}
		}
		return commit{}, gone(v.repo, p.head.src)
	}
	if p.head.src != p.trunk || p.trunk == headRef {
		return commit{}, v.noRef(p.head.src)
	}
	// The default branch has another name by now.
	p.trunk, p.ref, p.head = headRef, headRef, want{src: headRef}
	if refs, err = v.obtain(ctx, p.head); err != nil {
		return commit{}, err
	}
	c, ok, err = v.commit(headRef, refs)
	if err == nil && !ok {
		err = v.noRef(headRef)
	}
	return c, err
}

func (v *visit) noRef(ref string) error {
	if ref == headRef {
		return &event.Problem{Public: v.repo.FullName() + " has no commits on its default branch", Err: ErrGone}
	}
	return gone(v.repo, ref)
}

// lost is told by a tree's reader that the mirror is damaged: the next event clones
// it again.
func (v *visit) lost() { v.suspect(v.gen) }

// fetchContents gets contents that are not here, with credentials as they are now.
func (v *visit) fetchContents(ctx context.Context, oids []string) error {
	remote, err := v.m.remote(v.repo)
	if err != nil {
		return err
	}
	if err := v.contents(ctx, remote, oids); err != nil {
		return fmt.Errorf("fetch %d files of %s: %w", len(oids), v.repo.FullName(), remoteError(v.repo, err))
	}
	return nil
}
