package git

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxPacks is how many packs, one or two of each event, a mirror may have before
	// they are put together.
	maxPacks = 50
	// graphFrom is the size in bytes from which a mirror gets a commit graph, which
	// makes questions of ancestry fast.
	graphFrom = 8 << 20
)

// tend keeps a mirror fast: in the background it puts packs together and writes
// the commit graph, when there is reason to.
func (r *mirror) tend() {
	packs, graph := r.needs()
	if !packs && !graph || !r.tending.CompareAndSwap(false, true) {
		return
	}
	r.m.spawn(func() {
		defer r.tending.Store(false)
		if err := r.tidyUp(r.m.life, packs); err != nil && r.m.life.Err() == nil {
			r.m.cfg.Log.Warn().Err(err).Str("mirror", filepath.Base(r.dir)).Msg("can't tidy the mirror up")
		}
	})
}

// needs tells whether there are too many packs, and whether a commit graph is due.
func (r *mirror) needs() (packs, graph bool) {
	entries, err := os.ReadDir(filepath.Join(r.dir, "objects", "pack"))
	if err != nil {
		return false, false
	}
	count, size := 0, int64(0)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".pack") {
			continue
		}
		count++
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	_, err = os.Stat(filepath.Join(r.dir, "objects", "info", "commit-graphs"))
	return count > maxPacks, size > graphFrom && os.IsNotExist(err)
}

func (r *mirror) tidyUp(ctx context.Context, packs bool) error {
	if err := r.use.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	defer r.use.Release(1)
	owned, err := r.hold(ctx, false)
	if err != nil {
		return err
	}
	defer func() { _ = owned.Close() }()
	steps := [][]string{{"commit-graph", "write", "--reachable", "--split", "--no-progress"}}
	if packs {
		// What the code host promised is kept whether a ref holds it or not.
		steps = append([][]string{{"repack", "-a", "-d", "-n", "--quiet"}}, steps...)
	}
	for _, args := range steps {
		c := r.git(args...)
		c.config = []setting{{"remote.origin.promisor", "true"}, {"pack.threads", "1"}, {"pack.windowMemory", "64m"}, {"repack.writeBitmaps", "false"}}
		c.owned = owned
		if err := r.m.git.run(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
