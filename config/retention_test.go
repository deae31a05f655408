package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/franela/pocketci/config"
)

func retention(t *testing.T, args ...string) (config.Retention, *pflag.FlagSet, error) {
	t.Helper()
	var a config.Agent
	fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	a.Bind(fs, config.Machine{CPUs: 2, StateDir: t.TempDir()})
	err := fs.Parse(args)
	return a.Retention, fs, err
}

func TestRetention(t *testing.T) {
	const day = 24 * time.Hour
	def := config.Retention{Payloads: config.Keep(30 * day), Outputs: config.Keep(90 * day), Runs: config.Keep(400 * day), Mirrors: 20 << 30}
	with := func(change func(*config.Retention)) config.Retention { r := def; change(&r); return r }
	tests := map[string]struct {
		args []string
		want config.Retention
	}{
		"defaults":    {nil, def},
		"days":        {[]string{"--keep-payloads", "7d"}, with(func(r *config.Retention) { r.Payloads = config.Keep(7 * day) })},
		"hours":       {[]string{"--keep-output=36h"}, with(func(r *config.Retention) { r.Outputs = config.Keep(36 * time.Hour) })},
		"for ever":    {[]string{"--keep-runs", "0"}, with(func(r *config.Retention) { r.Runs = 0 })},
		"a size":      {[]string{"--mirror-limit", "1.5GiB"}, with(func(r *config.Retention) { r.Mirrors = 3 << 29 })},
		"any size":    {[]string{"--mirror-limit", "0"}, with(func(r *config.Retention) { r.Mirrors = 0 })},
		"with spaces": {[]string{"--mirror-limit", " 512 MiB "}, with(func(r *config.Retention) { r.Mirrors = 512 << 20 })},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, _, err := retention(t, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRetentionRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"no unit":       {"--keep-payloads", "30"},
		"negative":      {"--keep-payloads", "-1d"},
		"zero days":     {"--keep-output", "0d"},
		"too short":     {"--keep-runs", "59m"},
		"too long":      {"--keep-runs", "99999d"},
		"text":          {"--keep-runs", "forever"},
		"a tiny size":   {"--mirror-limit", "20"},
		"no size":       {"--mirror-limit", "much"},
		"negative size": {"--mirror-limit", "-1GiB"},
		"a huge size":   {"--mirror-limit", "9EiB"},
	} {
		if got, _, err := retention(t, args...); err == nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
}

func TestRetentionIsShownAsItIsWritten(t *testing.T) {
	_, fs, _ := retention(t)
	for flag, want := range map[string]string{"keep-payloads": "30d", "keep-output": "90d", "keep-runs": "400d", "mirror-limit": "20 GiB"} {
		if got := fs.Lookup(flag).DefValue; got != want {
			t.Errorf("--%s is shown as %q, want %q", flag, got, want)
		}
		if _, _, err := retention(t, "--"+flag, want); err != nil {
			t.Errorf("--%s %s: %v", flag, want, err)
		}
	}
	if got := config.Keep(36*time.Hour).String() + config.Keep(0).String() + config.Size(0).String(); got != "36h0m0s00" {
		t.Errorf("got %q", got)
	}
}
