package store_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/store"
	"github.com/franela/pocketci/store/storetest"
)

func TestNewerSchemaIsRefused(t *testing.T) {
	places := map[string]func(*testing.T) (driver, source string, c store.Config){
		"sqlite": func(t *testing.T) (string, string, store.Config) {
			dir := t.TempDir()
			return "sqlite", filepath.Join(dir, "pocketci.db"), store.Config{Dir: dir}
		},
		"postgres": func(t *testing.T) (string, string, store.Config) {
			url := storetest.StartPostgres(t, false).URL(t)
			return "pgx", url, store.Config{URL: url}
		},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			driver, source, config := place(t)
			if err := open(t, config).Close(); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open(driver, source)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), "INSERT INTO schema_versions (version_id, is_applied) VALUES (999, true)"); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = store.Open(t.Context(), config)
			var problem *event.Problem
			if !errors.As(err, &problem) || !strings.Contains(problem.Public, "version 999, newer") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFilesAreThisUsersOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, store.Config{Dir: dir})
	if _, err := s.Append(t.Context(), sample("one")); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append([]string{"."}, names(files)...) {
		info, err := os.Stat(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", f, info.Mode())
		}
	}
}

func names(files []os.DirEntry) (list []string) {
	for _, f := range files {
		list = append(list, f.Name())
	}
	return list
}

func TestPlacesOfSQLite(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "a b?c#d%20é&mode=memory", "store.db")
	tests := map[string]struct {
		config store.Config
		want   string
	}{
		"the data folder":    {store.Config{Dir: filepath.Join(dir, "new", "data")}, filepath.Join(dir, "new", "data", "pocketci.db")},
		"a path":             {store.Config{URL: filepath.Join(dir, "plain.db")}, filepath.Join(dir, "plain.db")},
		"a URL":              {store.Config{URL: "sqlite://" + filepath.Join(dir, "url.db")}, filepath.Join(dir, "url.db")},
		"an odd path":        {store.Config{URL: odd}, odd},
		"a URL and a folder": {store.Config{URL: filepath.Join(dir, "apart.db"), Dir: filepath.Join(dir, "folder")}, filepath.Join(dir, "apart.db")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			open(t, tt.config)
			if info, err := os.Stat(tt.want); err != nil || info.Size() == 0 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
}

func TestPlacesThatAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no database, but long enough to be taken for one at first sight"), 0o600); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(t.TempDir(), "tmp")
	if err := errors.Join(os.Mkdir(shared, 0o700), os.Chmod(shared, 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		config store.Config
		want   string
	}{
		"everybody's":       {store.Config{Dir: shared}, "every user"},
		"nothing":           {store.Config{}, "neither a URL nor a data folder"},
		"an unknown kind":   {store.Config{URL: "mysql://root@localhost/ci"}, `kind "mysql"`},
		"no database":       {store.Config{URL: file}, "not a database"},
		"a file for folder": {store.Config{Dir: file}, "data folder"},
		"no such server":    {store.Config{URL: "postgres://secretuser:hunter2@127.0.0.1:1/db?connect_timeout=1"}, "connect"},
		"a broken URL":      {store.Config{URL: "postgres://a:hunter2@b:port/"}, "parse"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := store.Open(t.Context(), tt.config)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}

// TestFullDisk: new events are refused, work in progress goes on.
func TestFullDisk(t *testing.T) {
	config := store.Config{Dir: t.TempDir()}
	s := open(t, config)
	if _, err := s.Append(t.Context(), sample("one")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	config.Floor = math.MaxInt64
	s = open(t, config)
	if _, err := s.Append(t.Context(), sample("two")); !errors.Is(err, event.ErrFull) {
		t.Errorf("append: %v", err)
	}
	w := leaseSoon(t, s)
	if err := s.Advance(t.Context(), w.Lease, run.Progress{State: run.Done}); err != nil {
		t.Errorf("advance: %v", err)
	}
	if h, err := s.Health(t.Context()); err != nil || h.Writable || !strings.Contains(h.Problem, "full") {
		t.Errorf("%+v, %v", h, err)
	}
}

// TestPruneGivesSpaceBack: what is deleted leaves the file, not only the tables.
func TestPruneGivesSpaceBack(t *testing.T) {
	clock := storetest.NewClock()
	config := store.Config{Dir: t.TempDir(), Clock: clock.Now}
	s := open(t, config)
	for n := range 50 {
		e := sample(fmt.Sprint(n))
		e.Reason = "recorded"
		e.Payload = make([]byte, 50<<10)
		_, _ = rand.Read(e.Payload)
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	full := size(t, s, config)
	later := clock.Now().Add(time.Hour)
	config.Clock = func() time.Time { return later }
	s = open(t, config)
	if got, err := s.Prune(t.Context(), store.Policy{Payloads: time.Minute}); err != nil || got.Payloads != 50 {
		t.Fatalf("%+v, %v", got, err)
	}
	if left := size(t, s, config); left > full/5 {
		t.Errorf("%d bytes are left of %d", left, full)
	}
}

// size closes the store and gives its file's size.
func size(t *testing.T, s *store.Store, c store.Config) int64 {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(c.Dir, "pocketci.db"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
