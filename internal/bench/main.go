// Bench runs the benchmarks and prints them as one table.
//
//	go run ./internal/bench [-time 2s] [regexp]
//
// The marks to reach on two cores stand in docs/performance.md; nothing fails because of
// them: figures of a shared machine are for people.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	each := flag.String("time", "2s", "how long each one runs (go test -benchtime)")
	flag.Parse()
	pattern := "."
	if flag.NArg() > 0 {
		pattern = flag.Arg(0)
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench="+pattern, "-benchtime="+*each, "-timeout=60m", "./...")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, os.Stderr), os.Stderr
	err := cmd.Run()
	print(os.Stdout, read(&out))
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// result is one benchmark's line.
type result struct {
	pkg, name string
	metrics   []string // "123 ns/op"
}

// read takes the result lines out of go test's output.
func read(r io.Reader) []result {
	var results []result
	pkg := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 2 && fields[0] == "pkg:":
			pkg = strings.TrimPrefix(fields[1], "github.com/franela/pocketci/")
		case len(fields) >= 4 && strings.HasPrefix(fields[0], "Benchmark"):
			b := result{pkg: pkg, name: strings.TrimPrefix(fields[0], "Benchmark")}
			for i := 2; i+1 < len(fields); i += 2 {
				b.metrics = append(b.metrics, pretty(fields[i], fields[i+1]))
			}
			results = append(results, b)
		}
	}
	return results
}

// pretty turns nanoseconds into what people read.
func pretty(value, unit string) string {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || unit != "ns/op" {
		return value + " " + unit
	}
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f s/op", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.2f ms/op", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f µs/op", n/1e3)
	}
	return fmt.Sprintf("%.0f ns/op", n)
}

func print(w io.Writer, results []result) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "\npackage\tbenchmark\tresult")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%s\n", r.pkg, r.name, strings.Join(r.metrics, ", "))
	}
	_ = t.Flush()
}
