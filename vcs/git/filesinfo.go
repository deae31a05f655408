package git

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// info describes one entry of a tree. It is an fs.FileInfo and an fs.DirEntry.
type info struct {
	files *files
	name  string
	entry entry
}

func (f *files) info(name string, e entry) info {
	return info{files: f, name: path.Base(name), entry: e}
}

// Name is the last part of the path that was asked for.
func (i info) Name() string { return i.name }

// Size is that of the content in bytes, which is fetched for it if it is not here;
// -1 if that fails. A folder's and a submodule's is 0.
func (i info) Size() int64 {
	if k := i.entry.kind(); k == modeDir || k == modeSub {
		return 0
	}
	n, err := i.files.size(i.entry.oid)
	if err != nil {
		return -1
	}
	return n
}

// Mode tells the kind; git knows of permissions only whether a file can be executed.
func (i info) Mode() fs.FileMode {
	switch i.entry.kind() {
	case modeDir:
		return fs.ModeDir | 0o555
	case modeLink:
		return fs.ModeSymlink | 0o777
	case modeSub:
		return fs.ModeIrregular
	}
	if i.entry.mode&0o111 != 0 {
		return 0o555
	}
	return 0o444
}

// ModTime is zero: git keeps none.
func (i info) ModTime() time.Time { return time.Time{} }

// IsDir tells whether it is a folder.
func (i info) IsDir() bool { return i.entry.kind() == modeDir }

// Sys is nil.
func (i info) Sys() any { return nil }

// Type is the kind without the permissions.
func (i info) Type() fs.FileMode { return i.Mode().Type() }

// Info gives the same, as an fs.FileInfo.
func (i info) Info() (fs.FileInfo, error) { return i, nil }

// String is for people.
func (i info) String() string { return fs.FormatDirEntry(i) }

// entries gives what a folder holds, sorted by name.
func (f *files) entries(dir entry) ([]fs.DirEntry, error) {
	if dir.kind() != modeDir {
		return nil, errNoDir
	}
	tree, err := f.tree(dir.oid)
	if err != nil {
		return nil, err
	}
	all := make([]fs.DirEntry, len(tree))
	for i, e := range tree {
		all[i] = f.info(e.name, e)
	}
	// git sorts folders as if their names ended in a slash.
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

// openFile is an open file, read when it is first asked for.
type openFile struct {
	info   info
	name   string
	data   *bytes.Reader
	closed bool
}

// Stat describes the file.
func (o *openFile) Stat() (fs.FileInfo, error) {
	if o.closed {
		return nil, &fs.PathError{Op: "stat", Path: o.name, Err: fs.ErrClosed}
	}
	return o.info, nil
}

// Read reads on.
func (o *openFile) Read(b []byte) (int, error) {
	if o.closed {
		return 0, &fs.PathError{Op: "read", Path: o.name, Err: fs.ErrClosed}
	}
	if o.data == nil {
		data, err := o.info.files.content(o.info.entry)
		if err != nil {
			return 0, &fs.PathError{Op: "read", Path: o.name, Err: err}
		}
		o.data = bytes.NewReader(data)
	}
	return o.data.Read(b)
}

// Close ends reading.
func (o *openFile) Close() error {
	if o.closed {
		return &fs.PathError{Op: "close", Path: o.name, Err: fs.ErrClosed}
	}
	o.closed, o.data = true, nil
	return nil
}

// openDir is an open folder.
type openDir struct {
	info   info
	name   string
	rest   []fs.DirEntry
	listed bool
	closed bool
}

// Stat describes the folder.
func (o *openDir) Stat() (fs.FileInfo, error) {
	if o.closed {
		return nil, &fs.PathError{Op: "stat", Path: o.name, Err: fs.ErrClosed}
	}
	return o.info, nil
}

// Read fails: a folder has no content.
func (o *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: o.name, Err: errIsDir}
}

// ReadDir gives the next n entries, or all that are left.
func (o *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if o.closed {
		return nil, &fs.PathError{Op: "readdir", Path: o.name, Err: fs.ErrClosed}
	}
	if !o.listed {
		all, err := o.info.files.entries(o.info.entry)
		if err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: o.name, Err: err}
		}
		o.rest, o.listed = all, true
	}
	if n > 0 && len(o.rest) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(o.rest) {
		n = len(o.rest)
	}
	next := o.rest[:n]
	o.rest = o.rest[n:]
	return next, nil
}

// Close ends reading.
func (o *openDir) Close() error {
	if o.closed {
		return &fs.PathError{Op: "close", Path: o.name, Err: fs.ErrClosed}
	}
	o.closed = true
	return nil
}
