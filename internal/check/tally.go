package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// record is one line of `go test -json`.
type record struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

// tally counts tests and keeps what has to be shown of them.
type tally struct {
	passed, failed, skipped int
	skips                   []string
	// tables are what tests measured or tried, each under the test's name.
	tables []string
}

// test runs go test in a module's folder and counts. It tells whether go test
// itself was content.
func (t *tally) test(ctx context.Context, dir string, opts, packages []string) bool {
	args := append(append([]string{"test", "-json"}, opts...), packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		return false
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		return false
	}
	t.read(out, os.Stdout)
	return cmd.Wait() == nil
}

// read takes the JSON lines in; it prints a line per package as it ends, and all
// that a failed test or package said.
func (t *tally) read(r io.Reader, w io.Writer) {
	output := map[string][]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<20), 64<<20)
	for lines.Scan() {
		var rec record
		if json.Unmarshal(lines.Bytes(), &rec) != nil {
			fmt.Fprintln(w, lines.Text())
			continue
		}
		key := rec.Package + " " + rec.Test
		switch rec.Action {
		case "output", "build-output":
			if rec.Action == "build-output" {
				fmt.Fprint(w, rec.Output)
			}
			output[key] = append(output[key], rec.Output)
		case "pass", "fail", "skip":
			t.end(w, rec, output[key])
			delete(output, key)
		}
	}
}

// end counts one test, or prints one package.
func (t *tally) end(w io.Writer, rec record, output []string) {
	if rec.Test == "" {
		if rec.Action == "fail" {
			fmt.Fprint(w, strings.Join(output, ""))
		}
		if rec.Action != "skip" {
			fmt.Fprintf(w, "%-4s %s %.1fs\n", rec.Action, rec.Package, rec.Elapsed)
		}
		return
	}
	if text := table(output); text != "" {
		t.tables = append(t.tables, rec.Test+"\n"+text)
	}
	switch rec.Action {
	case "pass":
		t.passed++
	case "fail":
		t.failed++
		fmt.Fprint(w, strings.Join(output, ""))
	case "skip":
		t.skipped++
		t.skips = append(t.skips, fmt.Sprintf("%s %s: %s", rec.Package, rec.Test, reason(output)))
	}
}

// reason is what a skipped test said, without go test's own lines.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}

// table is what a test logged after a line that ends with "TABLE:".
func table(output []string) string {
	var b strings.Builder
	in := false
	for line := range strings.Lines(strings.Join(output, "")) {
		text := strings.TrimRight(line, "\n")
		switch {
		case strings.HasSuffix(text, "TABLE:"):
			in = true
		case in && strings.HasPrefix(text, "        "): // go test indents what was logged
			b.WriteString(strings.TrimPrefix(line, "      "))
		default:
			in = false
		}
	}
	return b.String()
}

// print ends the report.
func (t *tally) print(w io.Writer) {
	if len(t.tables) > 0 {
		slices.Sort(t.tables)
		fmt.Fprintf(w, "\n%s\n", strings.Join(t.tables, "\n"))
	}
	if len(t.skips) > 0 {
		fmt.Fprintln(w, "\nSKIPPED, and why:")
		slices.Sort(t.skips)
		for _, s := range t.skips {
			fmt.Fprintln(w, " ", s)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
}
