package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/franela/pocketci/event"
)

// flag is a setting with its own reader: what is wrong with a value is said when
// it is given.
type flag[T any] struct {
	dst   *T
	kind  string
	parse func(string) (T, error)
}

func (f *flag[T]) Set(s string) error {
	v, err := f.parse(strings.TrimSpace(s))
	if err == nil {
		*f.dst = v
	}
	return err
}

func (f *flag[T]) Type() string { return f.kind }

func (f *flag[T]) String() string {
	if f.dst == nil {
		return ""
	}
	return fmt.Sprint(*f.dst)
}

// bind registers a flag with its default. A boolean needs no reader.
func bind[T any](fs *pflag.FlagSet, dst *T, name string, value T, kind, usage string, parse func(string) (T, error)) {
	*dst = value
	if b, ok := any(dst).(*bool); ok {
		fs.BoolVar(b, name, *b, usage)
		return
	}
	fs.Var(&flag[T]{dst: dst, kind: kind, parse: parse}, name, usage)
}

// listFlag is a setting that may be repeated; each value may be a list itself.
// The whole list is read anew with each value.
type listFlag struct {
	values []string
	kind   string
	set    func(all []string) error
}

func (f *listFlag) Set(s string) error {
	more := split(s)
	if len(more) == 0 {
		return errors.New("it is empty")
	}
	if len(f.values)+len(more) > maxGlobs {
		return fmt.Errorf("more than %d entries", maxGlobs)
	}
	all := append(f.values, more...)
	if err := f.set(all); err != nil {
		return err
	}
	f.values = all
	return nil
}

func (f *listFlag) Type() string   { return f.kind }
func (f *listFlag) String() string { return strings.Join(f.values, ",") }

func bindList(fs *pflag.FlagSet, name, kind, usage string, set func(all []string) error) {
	fs.Var(&listFlag{kind: kind, set: set}, name, usage)
}

// Variable is the environment variable of a flag.
func Variable(flag string) string {
	return settingPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// FromEnvironment gives the flags that were not given on the command line the
// values of their variables; an empty variable counts as none. lookup is
// [Environment.Setting]. What is wrong is an [*event.Problem] that names the
// variable.
func FromEnvironment(fs *pflag.FlagSet, lookup func(variable string) (string, bool)) error {
	var problem *event.Problem
	fs.VisitAll(func(f *pflag.Flag) {
		value, ok := lookup(Variable(f.Name))
		if problem != nil || f.Changed || !ok || strings.TrimSpace(value) == "" {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			problem = &event.Problem{
				Public: fmt.Sprintf("%s (as --%s): %s", Variable(f.Name), f.Name, reason(err)),
				Hint:   f.Usage,
			}
		}
	})
	if problem != nil {
		return problem
	}
	return nil
}

// reason is what a flag's reader said, without what the flag library puts before it.
func reason(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return invalid.Unwrap()
	}
	return err
}

func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 10_000 {
		return 0, fmt.Errorf("%s is not a whole number from 1 to 10000", shown(s))
	}
	return n, nil
}

func parseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second {
		return 0, fmt.Errorf("%s is not a duration of at least a second, such as 90s or 1h30m", shown(s))
	}
	return d, nil
}

func parseGrace(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s is not a duration, such as 30s; 0s does not wait", shown(s))
	}
	return d, nil
}
