package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// orderCommands are the commands of scripts about order.
func orderCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"called": cmdCalled,
		"signal": cmdSignal,
		"within": cmdWithin,
	}
}

// cmdCalled waits until the engine was asked for exactly these calls, in
// alphabetical order: called [function…]
func cmdCalled(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, "called: "+strings.Join(args, " "), func() (bool, string) {
		got, err := called(ts.Getenv("FAKE_ENGINE"))
		return err == nil && strings.Join(got, " ") == strings.Join(args, " "), fmt.Sprint(got, err)
	})
}

// cmdSignal lets functions go on that wait for a name: signal name
func cmdSignal(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("FAKE_ENGINE"), "signal-"+args[0]), nil, 0o600))
}

// cmdWithin is await with a limit: within DURATION URL regexp
func cmdWithin(ts *testscript.TestScript, _ bool, args []string) {
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	re := regexp.MustCompile(args[2])
	begun := time.Now()
	cmdAwait(ts, false, args[1:])
	if took := time.Since(begun); took > limit {
		ts.Fatalf("%s matches %s after %s, not within %s", args[1], re, took, limit)
	}
}
