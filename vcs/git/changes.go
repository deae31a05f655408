package git

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/franela/pocketci/event"
)

// maxNames bounds the names of changed files of one event, in bytes.
const maxNames = 256 << 20

// changes gives the names of the files that differ from where the event's own
// changes begin, and those of them that are gone.
func (v *visit) changes(ctx context.Context, p plan, head commit, refs map[string]string) (changed, deleted []string, err error) {
	from := v.sincePush
	if p.diff == event.DiffPull {
		from = v.sincePull
	}
	base, found, err := from(ctx, p, head, refs)
	if err != nil {
		return nil, nil, err
	}
	c := v.git()
	if !found {
		return listTree(ctx, &v.m.git, c, head.tree)
	}
	return diffTrees(ctx, &v.m.git, c, base.tree, head.tree)
}

// sincePush gives the commit that a push replaced; if nobody has it any more, the
// merge base with the default branch. Not found: every file counts.
func (v *visit) sincePush(ctx context.Context, p plan, head commit, refs map[string]string) (commit, bool, error) {
	if p.base != "" {
		if base, ok, err := v.commit(p.base, refs); ok || err != nil {
			return base, ok, err
		}
	}
	if p.onTrunk {
		return commit{}, false, nil
	}
	return v.sinceRef(ctx, p.trunk, head, refs)
}

// sincePull gives the merge base of a pull request's base and head. If the base
// holds the head already, it gives that of the base before the merge and the head.
// Not found: every file counts.
func (v *visit) sincePull(ctx context.Context, p plan, head commit, refs map[string]string) (commit, bool, error) {
	var base commit
	var ok bool
	var err error
	if p.base != "" {
		if base, ok, err = v.commit(p.base, refs); err != nil {
			return commit{}, false, err
		}
	}
	if !ok {
		ref := p.baseRef
		if ref == "" {
			ref = p.trunk
		}
		return v.sinceRef(ctx, ref, head, refs)
	}
	since, ok, err := v.mergeBase(ctx, base, head)
	if err != nil || !ok || since.oid != head.oid || p.merge == "" {
		return since, ok, err
	}
	return v.beforeMerge(ctx, p.merge, head)
}

// beforeMerge gives the merge base of head and what a merge commit was made upon.
func (v *visit) beforeMerge(ctx context.Context, merge string, head commit) (commit, bool, error) {
	refs, err := v.obtain(ctx, want{src: merge})
	if err != nil {
		return commit{}, false, err
	}
	m, ok, err := v.commit(merge, refs)
	if err != nil {
		return commit{}, false, err
	}
	if !ok || len(m.parents) == 0 {
		return head, true, nil // nothing is known to differ
	}
	first, err := v.objects.commit(m.parents[0])
	if err != nil {
		return commit{}, false, missingIsBroken(err)
	}
	return v.mergeBase(ctx, first, head)
}

// sinceRef gives the merge base with the newest state of a branch.
func (v *visit) sinceRef(ctx context.Context, ref string, head commit, refs map[string]string) (commit, bool, error) {
	if refs[ref] == "" {
		more, err := v.obtain(ctx, want{src: ref})
		if err != nil {
			return commit{}, false, err
		}
		refs = more
	}
	tip, ok, err := v.commit(ref, refs)
	if err != nil || !ok {
		return commit{}, false, err
	}
	return v.mergeBase(ctx, tip, head)
}

// mergeBase gives the best common ancestor of two commits.
func (v *visit) mergeBase(ctx context.Context, a, b commit) (commit, bool, error) {
	return mergeBase(ctx, &v.m.git, v.git(), v.objects, a, b)
}

func mergeBase(ctx context.Context, p *program, c command, o *objects, a, b commit) (commit, bool, error) {
	if a.oid == b.oid {
		return a, true, nil
	}
	c.args = []string{"merge-base", "--end-of-options", a.oid, b.oid}
	oid, err := p.output(ctx, c)
	if exitCode(err) == 1 && oid == "" {
		return commit{}, false, nil // nothing in common
	}
	if err != nil {
		return commit{}, false, err
	}
	base, err := o.commit(oid)
	return base, err == nil, missingIsBroken(err)
}

// missingIsBroken: what history and trees name must be here.
func missingIsBroken(err error) error {
	if errors.Is(err, errMissing) {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return err
}

// diffTrees gives the names of the files that differ between two trees, sorted,
// and those of them that the second has not.
func diffTrees(ctx context.Context, p *program, c command, from, to string) (changed, deleted []string, err error) {
	changed = []string{}
	if from == to {
		return changed, nil, nil
	}
	// Renames stay a deletion and an addition: both names count, and finding
	// renames would need contents.
	c.args = []string{"diff-tree", "-r", "-z", "--name-status", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", "--end-of-options", from, to}
	status := ""
	c.record = bounded(func(record []byte) {
		if status == "" {
			status = string(record)
			return
		}
		name := string(record)
		changed = append(changed, name)
		if status == "D" {
			deleted = append(deleted, name)
		}
		status = ""
	})
	if err := p.run(ctx, c); err != nil {
		return nil, nil, err
	}
	slices.Sort(changed)
	slices.Sort(deleted)
	return changed, deleted, nil
}

// listTree gives the names of all files of a tree, sorted.
func listTree(ctx context.Context, p *program, c command, tree string) (all, deleted []string, err error) {
	all = []string{}
	c.args = []string{"ls-tree", "-r", "-z", "--name-only", "--full-tree", tree}
	c.record = bounded(func(name []byte) { all = append(all, string(name)) })
	if err := p.run(ctx, c); err != nil {
		return nil, nil, err
	}
	slices.Sort(all)
	return all, nil, nil
}

// bounded ends what gives more names than any repository has.
func bounded(fn func([]byte)) func([]byte) error {
	size := 0
	return func(record []byte) error {
		if size += len(record); size > maxNames {
			return &event.Problem{Public: "the event changes too many files", Hint: fmt.Sprintf("Their names take more than %d MiB.", maxNames>>20)}
		}
		fn(record)
		return nil
	}
}
