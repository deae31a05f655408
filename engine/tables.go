package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"dagger.io/dagger/engineconn"

	"github.com/franela/pocketci/run"
)

// tableFormat changes whenever what stands in a cached table, or how a module is
// read, does.
const tableFormat = "1"

// maxTable bounds a cached table in bytes.
const maxTable = 32 << 20

// tableCache keeps tables on disk, by content. A file that can't be read or that
// is not what was written counts as missing. It is safe for concurrent use, also
// of several processes.
type tableCache struct {
	dir   string
	most  int
	clock func() time.Time

	mu sync.Mutex
}

// cachedTable is what a file holds.
type cachedTable struct {
	Format string    `json:"format"`
	Engine string    `json:"engine"`
	Table  run.Table `json:"table"`
	// Sum is the SHA-256 of the table's JSON.
	Sum string `json:"sum"`
}

// get gives the table of a content as the engine at host would read it, as far
// as is known: its version is the one that was seen last.
func (c *tableCache) get(key, host string) (run.Table, bool) {
	version, ok := c.version(host)
	if !ok {
		return run.Table{}, false
	}
	name := c.file(key, version)
	text, err := readSmall(name, maxTable)
	if err != nil {
		return run.Table{}, false
	}
	var cached cachedTable
	if json.Unmarshal(text, &cached) != nil || cached.Format != tableFormat || cached.Sum != sum(cached.Table) {
		return run.Table{}, false
	}
	now := c.clock()
	_ = os.Chtimes(name, now, now) // used: the last to be pruned
	return cached.Table, true
}

// put keeps a table, and which version the engine at host has.
func (c *tableCache) put(key, host, version string, t run.Table) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if had, ok := c.version(host); !ok || had != version {
		if err := writeFile(c.versionFile(host), []byte(version)); err != nil {
			return fmt.Errorf("keep the engine's version: %w", err)
		}
	}
	text, err := exactJSON(cachedTable{Format: tableFormat, Engine: version, Table: t, Sum: sum(t)})
	if err != nil {
		return fmt.Errorf("keep table: %w", err)
	}
	name := c.file(key, version)
	if had, err := os.ReadFile(name); err == nil && bytes.Equal(had, text) {
		return nil
	}
	if err := writeFile(name, text); err != nil {
		return fmt.Errorf("keep table: %w", err)
	}
	return c.prune()
}

// file is named after everything that the table depends on.
func (c *tableCache) file(key, version string) string {
	h := sha256.Sum256([]byte(strings.Join([]string{tableFormat, engineconn.CLIVersion, version, key}, "\x00")))
	return filepath.Join(c.dir, hex.EncodeToString(h[:])+".json")
}

// versionFile holds the version of the engine at host that was seen last.
func (c *tableCache) versionFile(host string) string {
	h := sha256.Sum256([]byte(host))
	return filepath.Join(c.dir, hex.EncodeToString(h[:8])+".version")
}

func (c *tableCache) version(host string) (string, bool) {
	text, err := readSmall(c.versionFile(host), 1024)
	return string(text), err == nil && len(text) > 0
}

// prune removes the tables that were not used for longest.
func (c *tableCache) prune() error {
	names, err := filepath.Glob(filepath.Join(c.dir, "*.json"))
	if err != nil || len(names) <= c.most {
		return err
	}
	type used struct {
		name string
		at   time.Time
	}
	var all []used
	for _, name := range names {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("prune tables: %w", err)
		}
		all = append(all, used{name, info.ModTime()})
	}
	slices.SortFunc(all, func(a, b used) int { return a.at.Compare(b.at) })
	// A tenth more than needed, so that not every new table looks at all of them.
	for _, u := range all[:min(len(all), len(all)-c.most+c.most/10)] {
		if err := os.Remove(u.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("prune tables: %w", err)
		}
	}
	return nil
}

func sum(t run.Table) string {
	text, err := exactJSON(t)
	if err != nil {
		return ""
	}
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}

// exactJSON writes JSON that reads back to the same bytes where JSON is kept raw.
func exactJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// readSmall reads a file that is at most that large.
func readSmall(name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", filepath.Base(name), most)
	}
	return os.ReadFile(name)
}

// writeFile replaces a file as a whole: after a crash there is the old one or
// the new one.
func writeFile(name string, text []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	return err
}
