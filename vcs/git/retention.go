package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// trimIdle is how long a mirror must not have been used before it is removed:
// nothing tells whether a tree of it is still read, and trees are read for as long
// as a run gets ready.
const trimIdle = 3 * time.Hour

// Trimmed is what [Mirrors.Trim] did.
type Trimmed struct {
	// Mirrors were removed, and Bytes with them.
	Mirrors int
	Bytes   int64
	// Left is what all mirrors weigh now, in bytes. It is above the limit if what
	// is left was used of late.
	Left int64
}

// stored is a mirror on disk.
type stored struct {
	id   int64
	size int64
	used time.Time
}

// Trim removes mirrors until all of them together weigh no more than limit bytes,
// the one that was used least recently first. One that was used within the last
// three hours, or that somebody works in, is kept. What is removed is cloned again
// when it is needed. ctx ends the work between two mirrors.
func (m *Mirrors) Trim(ctx context.Context, limit int64) (Trimmed, error) {
	var t Trimmed
	all, err := m.stored()
	if err != nil {
		return t, fmt.Errorf("weigh mirrors: %w", err)
	}
	for _, s := range all {
		t.Left += s.size
	}
	for _, s := range all {
		if t.Left <= limit || ctx.Err() != nil {
			break
		}
		gone, err := m.remove(s.id)
		if err != nil {
			return t, fmt.Errorf("remove mirror %d: %w", s.id, err)
		}
		if gone {
			t.Mirrors++
			t.Bytes += s.size
			t.Left -= s.size
			m.cfg.Log.Info().Int64("repository", s.id).Int64("bytes", s.size).Time("used", s.used).Msg("removed a mirror that was not used for long")
		}
	}
	return t, nil
}

// stored lists the mirrors on disk, the one that was used least recently first.
func (m *Mirrors) stored() ([]stored, error) {
	entries, err := os.ReadDir(m.cfg.Dir)
	if err != nil {
		return nil, err
	}
	var all []stored
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".git")
		id, err := strconv.ParseInt(name, 10, 64)
		if !ok || err != nil || !e.IsDir() {
			continue
		}
		s := stored{id: id}
		dir := filepath.Join(m.cfg.Dir, e.Name())
		if s.used, err = used(dir); err != nil {
			return nil, err
		}
		if s.size, err = weigh(dir); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b stored) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.id, b.id)) })
	return all, nil
}

// used is when a mirror was last used; zero: it is not there.
func used(dir string) (time.Time, error) {
	for _, path := range []string{filepath.Join(dir, "description"), dir} {
		info, err := os.Stat(path)
		if err == nil {
			return info.ModTime(), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

// weigh adds up the files in a folder, from which others may be removed meanwhile.
func weigh(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				size += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return size, err
}

// remove removes a mirror, unless it was used of late or somebody works in it.
func (m *Mirrors) remove(id int64) (bool, error) {
	m.mu.Lock()
	closed, r := m.closed, m.open[id]
	if r == nil && !closed {
		r = newMirror(m, id)
		m.open[id] = r
	}
	m.mu.Unlock()
	if closed || !r.use.TryAcquire(users) {
		return false, nil
	}
	defer r.use.Release(users)
	f, err := os.OpenFile(r.lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	if alone, err := tryLock(f, true); err != nil || !alone {
		return false, err
	}
	away, err := r.takeAway()
	if err != nil || away == "" {
		return false, err
	}
	return true, os.RemoveAll(away)
}

// takeAway moves an idle mirror aside and says where to. Who asks for it from then
// on gets a new one.
func (r *mirror) takeAway() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, err := used(r.dir)
	now := r.m.cfg.Clock()
	if err != nil || last.IsZero() || now.Sub(last) < trimIdle {
		return "", err
	}
	away := fmt.Sprintf("%s.old-%d-%d", r.dir, os.Getpid(), now.UnixNano())
	if err := os.Rename(r.dir, away); err != nil {
		return "", err
	}
	r.gen++
	return away, nil
}
