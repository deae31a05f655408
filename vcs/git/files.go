package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// Prefetcher is what the Files of a checked out tree offer beyond run.Files.
type Prefetcher interface {
	// Prefetch gets the contents of the named files, and of all files below named
	// folders, in one go; names that don't exist are passed over. It saves one talk
	// with the code host per file.
	Prefetch(ctx context.Context, names ...string) error
}

const (
	// maxLinks is how many symlinks may stand on the way to a file.
	maxLinks = 40
	// maxEntries bounds the names of folders that are kept in memory.
	maxEntries = 200_000
	// maxPrefetch bounds how many contents are got ahead.
	maxPrefetch = 10_000
)

var (
	errEscapes = errors.New("symlink leaves the repository")
	errLoop    = errors.New("too many symlinks")
	errNoDir   = errors.New("not a folder")
	errIsDir   = errors.New("is a folder")
	errIsSub   = errors.New("is a submodule")
)

// files reads one tree. It implements run.Files, [Prefetcher], [Packer] and
// [io.Closer], and is safe for concurrent use.
//
// Symlinks are followed like on disk, but never out of the tree. Names are bytes:
// unlike fs.ValidPath asks for, they need not be UTF-8. Asking for a file's kind costs
// nothing; its content, and its size, are fetched from the code host if they are not
// here.
type files struct {
	// ctx is that of the tree's user: io/fs has no place for one.
	ctx     context.Context
	objects *objects
	root    string
	// fetch gets contents that are not here; nil: nobody has them.
	fetch func(ctx context.Context, oids []string) error
	// lost is told that what must be here is missing or garbled; may be nil.
	lost func()
	// done is called by Close after reading has ended; may be nil.
	done func() error
	// packs are repositories of the tree's commit.
	packs packed

	mu    sync.Mutex
	trees map[string][]entry
	count int
}

// Close ends the processes that read. Reading fails afterwards.
func (f *files) Close() error {
	err := errors.Join(f.objects.Close(), f.packs.close())
	f.mu.Lock()
	done := f.done
	f.done = nil
	f.mu.Unlock()
	if done != nil {
		err = errors.Join(err, done())
	}
	return err
}

// Open opens a file or folder.
func (f *files) Open(name string) (fs.File, error) {
	e, err := f.find("open", name, true)
	if err != nil {
		return nil, err
	}
	in := f.info(name, e)
	if e.kind() == modeDir {
		return &openDir{info: in, name: name}, nil
	}
	return &openFile{info: in, name: name}, nil
}

// Stat describes what name leads to.
func (f *files) Stat(name string) (fs.FileInfo, error) {
	e, err := f.find("stat", name, true)
	if err != nil {
		return nil, err
	}
	return f.info(name, e), nil
}

// Lstat describes the name itself: a symlink is not followed.
func (f *files) Lstat(name string) (fs.FileInfo, error) {
	e, err := f.find("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return f.info(name, e), nil
}

// ReadFile gives a file's content, up to 64 MiB.
func (f *files) ReadFile(name string) ([]byte, error) {
	e, err := f.find("read", name, true)
	if err != nil {
		return nil, err
	}
	data, err := f.content(e)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// ReadLink gives a symlink's target as it is written.
func (f *files) ReadLink(name string) (string, error) {
	e, err := f.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	if e.kind() != modeLink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	data, err := f.blob(e.oid)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(data), nil
}

// ReadDir gives a folder's entries, sorted by name.
func (f *files) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	entries, err := f.entries(e)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return entries, nil
}

// Hash gives the git object id of what stands at name: a blob's, a tree's, a
// submodule's commit. A symlink is not followed.
func (f *files) Hash(ctx context.Context, name string) (string, error) {
	if ctx.Err() != nil {
		return "", &fs.PathError{Op: "hash", Path: name, Err: context.Cause(ctx)}
	}
	e, err := f.find("hash", name, false)
	return e.oid, err
}

// find gives the entry at a path.
func (f *files) find(op, name string, follow bool) (entry, error) {
	if !validPath(name) {
		return entry{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	e, err := f.walk(name, follow)
	if err != nil {
		return entry{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return e, nil
}

// validPath is fs.ValidPath for names of any bytes.
func validPath(name string) bool {
	if name == "." {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if !validName(part) {
			return false
		}
	}
	return true
}

func (f *files) walk(name string, follow bool) (entry, error) {
	at := []entry{{name: ".", mode: modeDir, oid: f.root}} // the folders on the way
	rest := steps(name)
	for links := 0; len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		if step == ".." { // out of a symlink's target
			if len(at) == 1 {
				return entry{}, errEscapes
			}
			at = at[:len(at)-1]
			continue
		}
		child, err := f.child(at[len(at)-1], step)
		if err != nil {
			return entry{}, err
		}
		switch {
		case child.kind() == modeLink && (follow || len(rest) > 0):
			if links++; links > maxLinks {
				return entry{}, errLoop
			}
			target, err := f.blob(child.oid)
			if err != nil {
				return entry{}, err
			}
			if path.IsAbs(string(target)) {
				return entry{}, errEscapes
			}
			rest = append(steps(string(target)), rest...)
		case child.kind() == modeDir:
			at = append(at, child)
		case len(rest) > 0:
			return entry{}, fs.ErrNotExist
		default:
			return child, nil
		}
	}
	return at[len(at)-1], nil
}

// steps cuts a path into what is gone through.
func steps(name string) []string {
	var all []string
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." {
			all = append(all, part)
		}
	}
	return all
}

func (f *files) child(dir entry, name string) (entry, error) {
	entries, err := f.tree(dir.oid)
	if err != nil {
		return entry{}, err
	}
	for _, e := range entries {
		if e.name == name {
			return e, nil
		}
	}
	return entry{}, fs.ErrNotExist
}

// tree gives a folder's entries in git's order.
func (f *files) tree(oid string) ([]entry, error) {
	f.mu.Lock()
	entries, known := f.trees[oid]
	f.mu.Unlock()
	if known {
		return entries, nil
	}
	got, err := f.objects.get(oid, maxTree)
	if err != nil {
		return nil, f.report(missingIsBroken(err))
	}
	if got.kind != "tree" {
		return nil, errNoDir
	}
	if entries, err = parseTree(got.data, len(oid)/2); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.trees == nil || f.count > maxEntries {
		f.trees, f.count = map[string][]entry{}, 0
	}
	f.trees[oid] = entries
	f.count += len(entries)
	return entries, nil
}

// content gives what a file holds.
func (f *files) content(e entry) ([]byte, error) {
	switch e.kind() {
	case modeDir:
		return nil, errIsDir
	case modeSub:
		return nil, errIsSub
	}
	return f.blob(e.oid)
}

// blob gives a content, fetched if it is not here.
func (f *files) blob(oid string) ([]byte, error) {
	got, err := f.objects.get(oid, maxBlob)
	if errors.Is(err, errMissing) && f.fetch != nil {
		if err := f.fetch(f.ctx, []string{oid}); err != nil {
			return nil, err
		}
		got, err = f.objects.get(oid, maxBlob)
	}
	if errors.Is(err, errMissing) {
		return nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	return got.data, f.report(err)
}

// report tells of an error that means that the repository is damaged.
func (f *files) report(err error) error {
	if err = localError(err); errors.Is(err, errBroken) && f.lost != nil {
		f.lost()
	}
	return err
}

// size gives a content's size, fetched if it is not here.
func (f *files) size(oid string) (int64, error) {
	got, err := f.objects.info(oid)
	if errors.Is(err, errMissing) && f.fetch != nil {
		if err := f.fetch(f.ctx, []string{oid}); err != nil {
			return 0, err
		}
		got, err = f.objects.info(oid)
	}
	return got.size, err
}

// Prefetch implements [Prefetcher].
func (f *files) Prefetch(ctx context.Context, names ...string) error {
	missing := map[string]bool{}
	for _, name := range names {
		e, err := f.find("prefetch", name, true)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = f.absent(e, missing)
		}
		if err != nil {
			return err
		}
	}
	if len(missing) == 0 || f.fetch == nil {
		return nil
	}
	oids := make([]string, 0, len(missing))
	for oid := range missing {
		oids = append(oids, oid)
	}
	return f.fetch(ctx, oids)
}

// absent adds the contents at and below e that are not here.
func (f *files) absent(e entry, missing map[string]bool) error {
	switch {
	case e.kind() == modeSub || missing[e.oid]:
		return nil
	case len(missing) >= maxPrefetch:
		return nil // the rest comes when it is read
	case e.kind() != modeDir:
		_, err := f.objects.info(e.oid)
		if errors.Is(err, errMissing) {
			missing[e.oid] = true
			return nil
		}
		return err
	}
	entries, err := f.tree(e.oid)
	if err != nil {
		return err
	}
	for _, child := range entries {
		if err := f.absent(child, missing); err != nil {
			return err
		}
	}
	return nil
}
