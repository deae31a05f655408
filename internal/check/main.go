// Check runs every test of the repository: the README's test command.
//
//	go run ./internal/check [-short] [-run REGEXP] [packages]
//
// It runs the root module and the helper module with shuffled order and, where a
// C compiler is at hand (the race detector needs one), with the race detector. It
// prints the output of what fails, then the tables that tests logged (the fault
// test's: what was sent, accepted, called, lost), then each skipped test with its
// reason, then one closing line: "N passed, N failed, N skipped". It exits 1 if
// anything failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(check(ctx, os.Args[1:]))
}

func check(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("check", flag.ExitOnError)
	short := flags.Bool("short", false, "leave long suites out")
	run := flags.String("run", "", "only tests that match")
	_ = flags.Parse(args)

	opts := []string{"-shuffle=on", "-timeout=60m"}
	if *short {
		opts = append(opts, "-short")
	}
	if *run != "" {
		opts = append(opts, "-run", *run)
	}
	if race, why := raceDetector(); race {
		opts = append(opts, "-race")
	} else {
		fmt.Println("WITHOUT THE RACE DETECTOR:", why)
	}
	packages := flags.Args()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}

	var sum tally
	ok := sum.test(ctx, ".", opts, packages)
	if flags.NArg() == 0 {
		ok = sum.test(ctx, "module", opts, []string{"./trigger/..."}) && ok
	}
	sum.print(os.Stdout)
	if !ok || sum.failed > 0 {
		return 1
	}
	return 0
}

// raceDetector tells whether tests can be built with -race, and why not.
func raceDetector() (bool, string) {
	if os.Getenv("CGO_ENABLED") == "0" {
		return false, "CGO_ENABLED is 0"
	}
	for _, cc := range []string{os.Getenv("CC"), "gcc", "clang"} {
		if cc == "" {
			continue
		}
		if _, err := exec.LookPath(cc); err == nil {
			return true, ""
		}
	}
	return false, "it needs a C compiler, and there is neither gcc nor clang"
}
