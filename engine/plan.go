package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
)

// maxModules bounds how many local modules one module may pull in.
const maxModules = 100

// Plan says what of a repository a module is made of.
type Plan struct {
	// Path is the module's folder, relative to the root.
	Path string
	// Include and Exclude are the patterns that narrow the tree; none with Whole.
	Include, Exclude []string
	// Whole says why the tree can't be narrowed; empty: it can.
	Whole string
	// KeepGit: what makes it whole may also look at .git.
	KeepGit bool
	// Key is equal for equal content of what the module is made of.
	Key string
}

// NewPlan reads a module's dagger.json and those of the local modules that it
// pulls in. It refuses, with an *event.Problem, a path that does not stay in
// the repository, that leads through a symlink or a submodule or that holds no
// module, and a remote dependency without a pin.
func NewPlan(ctx context.Context, src run.Source, allowUnpinned bool) (Plan, error) {
	root := path.Clean(src.ModulePath)
	if err := checkPath(src.Tree.Files, root); err != nil {
		return Plan{}, err
	}
	p := &planner{files: src.Tree.Files, allowUnpinned: allowUnpinned, seen: map[string]bool{}, plan: Plan{Path: root}}
	if err := p.add(root, ""); err != nil {
		return Plan{}, err
	}
	if p.plan.Whole != "" {
		p.plan.Include, p.plan.Exclude = nil, nil
		p.content = []string{"."}
	}
	key, err := p.key(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("hash module %s@%s: %w", root, src.Tree.SHA, err)
	}
	p.plan.Key = key
	return p.plan, nil
}

// planner collects what a module is made of.
type planner struct {
	files         run.Files
	allowUnpinned bool
	seen          map[string]bool
	// content are the paths whose hashes make the key.
	content []string
	plan    Plan
}

// add takes in the module at root; parent is the one that depends on it.
func (p *planner) add(root, parent string) error {
	if p.seen[root] {
		return nil
	}
	if len(p.seen) == maxModules {
		return &event.Problem{Public: fmt.Sprintf("module %s pulls in more than %d local modules", p.plan.Path, maxModules)}
	}
	p.seen[root] = true
	m, err := readManifest(p.files, root)
	if err != nil {
		return missing(root, parent, err)
	}
	if m.Unknown != "" {
		p.whole(fmt.Sprintf("%s has the unknown key %q", manifestPath(root), m.Unknown), true)
		return nil
	}
	if m.Blueprint != nil && parent == "" {
		return &event.Problem{
			Public: fmt.Sprintf("%s takes its functions from a blueprint, which can't be called from here", manifestPath(root)),
			Hint:   "write a module that depends on the blueprint and calls it",
		}
	}
	if err := p.own(root, m); err != nil {
		return err
	}
	if parent != "" && p.usesDefaultPath(root, m) {
		p.whole(fmt.Sprintf("the local dependency %s has parameters with a default path", root), true)
	}
	for _, ref := range m.references() {
		if err := p.follow(root, ref); err != nil {
			return err
		}
	}
	return nil
}

// own takes in a module's own files: what the engine takes of a module that it
// fetches from git, which is dagger.json, the source folder and `include`.
func (p *planner) own(root string, m manifest) error {
	if plain(root) != nil {
		p.whole(fmt.Sprintf("the folder's name %q is also a pattern", root), false)
		return nil
	}
	p.include(manifestPath(root))
	folder := root
	if m.hasSDK() && m.Source != "" {
		folder = path.Join(root, m.Source)
		if !fs.ValidPath(folder) || !within(root, folder) {
			return &event.Problem{Public: fmt.Sprintf("%s: source %q leaves the module's folder", manifestPath(root), m.Source)}
		}
	}
	if folder == "." {
		p.whole("the module's source is the whole repository", false)
		return nil
	}
	if err := plain(folder); err != nil {
		p.whole(fmt.Sprintf("the folder's name %q is also a pattern", folder), false)
		return nil
	}
	p.include(folder)
	return p.patterns(root, m)
}

// patterns takes in `include` and `exclude`.
func (p *planner) patterns(root string, m manifest) error {
	negated := false
	for _, pattern := range m.patterns() {
		rest, not := strings.CutPrefix(pattern, "!")
		joined := path.Join(root, rest)
		if strings.HasPrefix(rest, "/") || joined == ".." || strings.HasPrefix(joined, "../") {
			return &event.Problem{Public: fmt.Sprintf("%s: include %q leaves the repository", manifestPath(root), pattern)}
		}
		switch {
		case not:
			negated = true
			p.plan.Exclude = append(p.plan.Exclude, joined)
		case negated:
			p.whole(fmt.Sprintf("%s includes %q after an exclusion", manifestPath(root), pattern), false)
		case joined == ".":
			p.whole(fmt.Sprintf("%s includes the whole repository", manifestPath(root)), false)
		default:
			p.plan.Include = append(p.plan.Include, joined)
			p.content = append(p.content, literalPrefix(joined))
		}
	}
	return nil
}

// follow takes in what a module refers to, if it is in the repository, and
// checks that it is pinned, if it is not.
func (p *planner) follow(root string, ref reference) error {
	if !ref.local(p.files, root) {
		if !ref.pinned() && !p.allowUnpinned {
			return &event.Problem{
				Public: fmt.Sprintf("%s depends on %s without a pin", manifestPath(root), ref.Source),
				Hint:   "run `dagger update` in the module's folder and commit dagger.json, or have the operator allow modules without a pin",
			}
		}
		return nil
	}
	dep := path.Join(root, ref.Source)
	if path.IsAbs(ref.Source) || !fs.ValidPath(dep) {
		return &event.Problem{Public: fmt.Sprintf("%s: %q leaves the repository", manifestPath(root), ref.Source)}
	}
	if err := checkPath(p.files, dep); err != nil {
		return err
	}
	return p.add(dep, root)
}

// include takes in a path, literally.
func (p *planner) include(name string) {
	p.plan.Include = append(p.plan.Include, name)
	p.content = append(p.content, name)
}

// whole gives narrowing up; the first reason is kept.
func (p *planner) whole(why string, git bool) {
	if p.plan.Whole == "" {
		p.plan.Whole = why
	}
	p.plan.KeepGit = p.plan.KeepGit || git
}

// key hashes the content of everything that was taken in.
func (p *planner) key(ctx context.Context) (string, error) {
	slices.Sort(p.content)
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q\n", p.plan.Path, p.plan.Include, p.plan.Exclude)
	for _, name := range slices.Compact(p.content) {
		sum, err := p.files.Hash(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			sum, err = "missing", nil
		}
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %s\n", name, sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// literalPrefix is the folder (or file) up to the first part of a pattern that is
// not literal: everything that the pattern can match is in it.
func literalPrefix(pattern string) string {
	var parts []string
	for part := range strings.SplitSeq(pattern, "/") {
		if plain(part) != nil {
			break
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "."
	}
	return path.Join(parts...)
}

// plain refuses a name that would mean something else as a pattern.
func plain(name string) error {
	if strings.ContainsAny(name, `*?[]{}\#`) || strings.HasPrefix(name, "!") || strings.TrimSpace(name) != name {
		return errors.New("is also a pattern")
	}
	return nil
}

// within tells whether name is folder or below it.
func within(folder, name string) bool {
	return folder == "." || name == folder || strings.HasPrefix(name, folder+"/")
}
