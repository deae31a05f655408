package main

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// cmdNowhere checks that a text, as it is and in base64, stands in no file below the
// folders, in no row of a database there, packed or not, and in nothing that GitHub
// was told: nowhere text folder…
func cmdNowhere(ts *testscript.TestScript, _ bool, args []string) {
	for _, needle := range spellings(args[0]) {
		for _, folder := range args[1:] {
			ts.Check(lookForIn(ts.MkAbs(folder), needle))
		}
		for _, s := range hubOf(ts).Statuses(githubtest.Query{}) {
			if strings.Contains(s.Context+s.Description+s.TargetURL, needle) {
				ts.Fatalf("a status holds %s: %+v", needle, s)
			}
		}
	}
}

// spellings are a text and what of its base64 is the same wherever it begins and
// ends.
func spellings(text string) []string {
	all := []string{text}
	for lead := range 3 {
		code := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", lead) + text))
		from := (lead*8 + 5) / 6
		to := (lead + len(text)) * 8 / 6
		all = append(all, code[from:to])
	}
	return all
}

func lookForIn(folder, needle string) error {
	return filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(needle)) {
			err = fmt.Errorf("%s holds %s", path, needle)
		}
		if err == nil && filepath.Ext(path) == ".db" {
			err = lookForInRows(path, needle)
		}
		return err
	})
}

// lookForInRows looks through all columns of all tables of an SQLite file.
func lookForInRows(path, needle string) error {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer db.Close()
	tables, err := column(db, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return err
	}
	for _, table := range tables {
		fields, err := column(db, `SELECT name FROM pragma_table_info('`+table+`')`)
		if err != nil {
			return err
		}
		for _, field := range fields {
			values, err := column(db, fmt.Sprintf(`SELECT CAST(%q AS BLOB) FROM %q WHERE %q IS NOT NULL`, field, table, field))
			if err != nil {
				return err
			}
			for _, v := range values {
				if strings.Contains(unpacked(v), needle) {
					return fmt.Errorf("%s.%s holds %s: %s", table, field, needle, unpacked(v))
				}
			}
		}
	}
	return nil
}

func column(db *sql.DB, query string) ([]string, error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var v []byte
		if err := rows.Scan(&v); err != nil {
			return nil, fmt.Errorf("%s: %w", query, err)
		}
		all = append(all, string(v))
	}
	return all, rows.Err()
}

// unpacked is a value that may be compressed.
func unpacked(v string) string {
	zr, err := gzip.NewReader(strings.NewReader(v))
	if err != nil {
		return v
	}
	text, err := io.ReadAll(zr)
	if err != nil {
		return v
	}
	return string(text)
}

// TestNowhereFindsWhatIsThere: a search that finds nothing proves something only
// if it would.
func TestNowhereFindsWhatIsThere(t *testing.T) {
	const needle = "canary-5f1d"
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	if _, err := zw.Write([]byte("the token is " + needle)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{
		"text": "it is " + needle, "packed": packed.Bytes(),
		"base64": base64.StdEncoding.EncodeToString([]byte(needle)), "base64 within": base64.URLEncoding.EncodeToString([]byte("is " + needle + " it")),
		"nothing": "it is away",
	} {
		dir := t.TempDir()
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "x.db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`CREATE TABLE a (id INTEGER, b BLOB); INSERT INTO a VALUES (1, ?)`, value); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		found := false
		for _, s := range spellings(needle) {
			found = found || lookForIn(dir, s) != nil
		}
		if found != (name != "nothing") {
			t.Errorf("%s: found: %v", name, found)
		}
	}
}
