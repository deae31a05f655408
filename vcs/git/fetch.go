package git

import (
	"context"
	"slices"
	"strings"
)

// fetchArgs are those of every fetch: what is wanted comes by stdin, and nothing
// else is fetched, written or started.
func fetchArgs() []string {
	return []string{"fetch", "--quiet", "--no-progress", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
		"--no-recurse-submodules", "--no-show-forced-updates", "--update-shallow", "--stdin", "--end-of-options", "origin"}
}

// fetchCommits gets commits with their history and trees, and gives the objects
// that refs point at. What the code host does not have is left out.
func (r *mirror) fetchCommits(ctx context.Context, remote Remote, wants []want) (map[string]string, error) {
	names := make([]string, len(wants))
	for i, w := range wants {
		names[i] = w.src
		if w.via != "" {
			names[i] = w.via
		}
	}
	dst := slots(names)
	specs := make([]spec, len(wants))
	for i, w := range wants {
		specs[i] = spec{src: w.src, via: w.via, dst: dst[i], loose: w.loose}
	}
	err := r.fetch(ctx, remote, &specs)
	if err != nil {
		return nil, err
	}
	r.tend()
	return r.resolve(ctx, specs)
}

// fetchBlobs gets single objects, without a word about what is here already: the
// code host would leave out what our commits hold.
func (r *mirror) fetchBlobs(ctx context.Context, remote Remote, wants []want) (map[string]string, error) {
	specs := make([]spec, len(wants))
	for i, w := range wants {
		specs[i] = spec{src: w.src}
	}
	if err := r.fetch(ctx, remote, &specs, setting{"fetch.negotiationAlgorithm", "noop"}); err != nil {
		return nil, err
	}
	r.tend()
	return nil, nil
}

// spec is one line of what is asked of the code host.
type spec struct {
	src, via, dst string
	loose         bool
}

func (s spec) String() string {
	if s.dst == "" {
		return s.src
	}
	return "+" + s.src + ":" + s.dst
}

// fetch asks for specs. The code host's refusal of one refuses all: so it is taken
// out, or asked for by its ref, and the rest asked for again. What is left of specs
// was had.
func (r *mirror) fetch(ctx context.Context, remote Remote, specs *[]spec, extra ...setting) error {
	if err := r.use.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	defer r.use.Release(1)
	ctx, cancel := context.WithTimeoutCause(ctx, r.m.cfg.Timeout, r.m.tooLong())
	defer cancel()
	if err := r.cleanAgain(); err != nil {
		return err
	}
	for len(*specs) > 0 {
		err := r.fetchOnce(ctx, remote, *specs, extra)
		if err == nil {
			return nil
		}
		r.mayBeDirty(ctx)
		rest := without(*specs, refused(err), omitted(err))
		if slices.Equal(rest, *specs) {
			return err
		}
		*specs = rest
	}
	return nil
}

// without takes a refused src out, or puts the ref in its place that should hold it;
// and one that was left out, if that may be.
func without(specs []spec, refused, omitted string) []spec {
	var rest []spec
	for _, s := range specs {
		switch {
		case tidy(s.src) == refused && s.via != "" && isSHA(s.src):
			rest = append(rest, spec{src: s.via, dst: s.dst})
		case tidy(s.src) == refused, s.loose && s.src == omitted:
		default:
			rest = append(rest, s)
		}
	}
	return rest
}

func (r *mirror) fetchOnce(ctx context.Context, remote Remote, specs []spec, extra []setting) error {
	owned, err := r.hold(ctx, false)
	if err != nil {
		return err
	}
	defer func() { _ = owned.Close() }()
	var lines strings.Builder
	for _, s := range specs {
		lines.WriteString(s.String() + "\n")
	}
	c := r.git(fetchArgs()...)
	c.env = []string{"GIT_DIR=" + r.dir, remote.transport()}
	c.config = append(remote.settings(), extra...)
	c.stdin, c.owned, c.secrets = lines.String(), owned, remote.secrets()
	return r.m.git.run(ctx, c)
}

// resolve gives the objects that fetched refs point at.
func (r *mirror) resolve(ctx context.Context, specs []spec) (map[string]string, error) {
	src := map[string]string{}
	for _, s := range specs {
		if s.dst != "" && !isSHA(s.src) {
			src[s.dst] = s.src
		}
	}
	if len(src) == 0 {
		return nil, nil
	}
	found := make(map[string]string, len(src))
	c := r.git("for-each-ref", "--format=%(refname) %(objectname)", "--", slotPrefix)
	c.sep = '\n'
	c.record = func(line []byte) error {
		ref, oid, _ := strings.Cut(string(line), " ")
		if name := src[ref]; name != "" {
			found[name] = oid
		}
		return nil
	}
	return found, r.m.git.run(ctx, c)
}

// mayBeDirty notes that a process may have been killed with files half written.
func (r *mirror) mayBeDirty(ctx context.Context) {
	if ctx.Err() == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirty = true
}

// cleanAgain clears what a killed process of ours left behind.
func (r *mirror) cleanAgain() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.dirty {
		return nil
	}
	cleaned, err := r.clean()
	r.dirty = !cleaned
	return err
}

// contents gets the contents that are missing.
func (r *mirror) contents(ctx context.Context, remote Remote, oids []string) error {
	for part := range slices.Chunk(oids, maxBatch) {
		wants := make([]want, len(part))
		for i, oid := range part {
			wants[i] = want{src: oid}
		}
		if _, err := r.blobs.get(ctx, remote, wants); err != nil {
			return err
		}
	}
	return nil
}
