package engine_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
)

var update = flag.Bool("update", false, "record the real engine's answers in testdata")

const recordedTable = "testdata/table.json"

// TestRealTableIsAsRecorded holds the table of the suite's module that the
// tests without an engine compare with to the real engine's word.
func TestRealTableIsAsRecorded(t *testing.T) {
	host := realHost(t)
	e := newEngine(t, engine.Config{RunnerHost: host})
	table, err := e.Table(patient(t), newRepos(t).put(t, enginetest.Module("conformance")))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(recordedTable, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(recordedTable)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(bytes.TrimSpace(want)), string(got)); diff != "" {
		t.Error(diff)
	}
}
