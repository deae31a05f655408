package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"
)

// Keep is how long something is kept; 0: for ever.
type Keep time.Duration

const day = 24 * time.Hour

// String is as it is written: 30d, 36h0m0s, 0.
func (k Keep) String() string {
	d := time.Duration(k)
	switch {
	case d == 0:
		return "0"
	case d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

// Size is a number of bytes; 0: any.
type Size int64

// String is as it is written: 20 GiB, 0.
func (s Size) String() string {
	if s == 0 {
		return "0"
	}
	return humanize.IBytes(uint64(s))
}

// Retention is how long, and how much, the operator keeps. By what an event is
// known again is kept 400 days in any case.
type Retention struct {
	// Payloads, Outputs and Runs are counted from a run's end.
	Payloads, Outputs, Runs Keep
	// Mirrors is what all mirrors together may weigh.
	Mirrors Size
}

// bind registers the flags.
func (r *Retention) bind(fs *pflag.FlagSet) {
	bind(fs, &r.Payloads, "keep-payloads", Keep(30*day), "days", "how long after a run's end its event's payload is kept, as in 30d or 36h; 0: for ever", parseKeep)
	bind(fs, &r.Outputs, "keep-output", Keep(90*day), "days", "how long what functions printed is kept; 0: for ever", parseKeep)
	bind(fs, &r.Runs, "keep-runs", Keep(400*day), "days", "how long events, decisions and results are kept; 0: for ever", parseKeep)
	bind(fs, &r.Mirrors, "mirror-limit", Size(20<<30), "size", "what the git mirrors together may weigh, as in 20GiB: those that were not used for longest are removed; 0: any", parseSize)
}

// parseKeep reads days (30d) or a duration of at least an hour.
func parseKeep(s string) (Keep, error) {
	if s == "0" {
		return 0, nil
	}
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseUint(n, 10, 16)
		if err == nil && days > 0 && days <= 36_500 {
			return Keep(time.Duration(days) * day), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Hour {
		return 0, fmt.Errorf("%s is neither days, such as 30d, nor a duration of at least an hour, such as 36h, nor 0", shown(s))
	}
	return Keep(d), nil
}

// parseSize reads a size of at least a mebibyte.
func parseSize(s string) (Size, error) {
	if s == "0" {
		return 0, nil
	}
	n, err := humanize.ParseBytes(s)
	switch {
	case err != nil || n > 1<<60:
		return 0, fmt.Errorf("%s is not a size, such as 20GiB", shown(s))
	case n < 1<<20:
		return 0, errors.New("it is less than 1 MiB; 0 sets no limit")
	}
	return Size(n), nil
}
