package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReport: a table is shown though its test passed, a skip has its reason, and
// nothing else of what passed is told.
func TestReport(t *testing.T) {
	in := `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: a step\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:2: TABLE:\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"        killed 3 times\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"          lost   0\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- PASS: TestA (0.1s)\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: no engine\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p","Elapsed":1}
`
	want := `    c_test.go:1: wrong
fail p 1.0s

TestA
  killed 3 times
    lost   0


SKIPPED, and why:
  p TestB: b_test.go:1: no engine

1 passed, 1 failed, 1 skipped
`
	var sum tally
	var out bytes.Buffer
	sum.read(strings.NewReader(in), &out)
	sum.print(&out)
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
