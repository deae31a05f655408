package enginetest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/franela/pocketci/run"
)

// Record is one thing that the fake was asked or answered.
type Record struct {
	// Op is table, open, call, result, lost or close.
	Op string `json:"op"`
	// Session numbers sessions from 1.
	Session int    `json:"session,omitempty"`
	SHA     string `json:"sha,omitempty"`
	Path    string `json:"path,omitempty"`
	// Function is the call's, for a script that looks for it.
	Function string      `json:"function,omitempty"`
	Call     *run.Call   `json:"call,omitempty"`
	Result   *run.Result `json:"result,omitempty"`
	Cached   bool        `json:"cached,omitempty"`
}

// Records gives what the fake was asked and answered, in order.
func (f *Fake) Records() []Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Record(nil), f.records...)
}

// Calls gives the calls, in the order in which they were begun.
func (f *Fake) Calls() []run.Call {
	var calls []run.Call
	for _, r := range f.Records() {
		if r.Op == "call" {
			calls = append(calls, *r.Call)
		}
	}
	return calls
}

// record keeps r, and appends it to the control folder's log in one write.
func (f *Fake) record(r Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records = append(f.records, r)
	if f.cfg.Control == "" {
		return
	}
	line, err := json.Marshal(r)
	if err != nil {
		line = []byte(`{"op":"unwritable"}`)
	}
	file, err := os.OpenFile(filepath.Join(f.cfg.Control, "log.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return // the folder was taken away: the test is over
	}
	defer file.Close()
	_, _ = file.Write(append(line, '\n'))
}

func trim(text []byte) string { return string(bytes.TrimSpace(text)) }
