package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/franela/pocketci/config"
	"github.com/franela/pocketci/engine/scrub"
)

// TestTheLogTellsNoSecretsAndIsLegible: nothing that the agent must not tell gets
// through, whoever logs it; and whatever strangers choose (a branch, a file, a login),
// no terminal obeys it, and a program reads what it was.
func TestTheLogTellsNoSecretsAndIsLegible(t *testing.T) {
	const name = "ma\u202ein\u2066\x1b[2J\u009b2J\x7f\r\n\u200f é 日本"
	for _, format := range []string{config.LogJSON, config.LogConsole} {
		var out bytes.Buffer
		log, err := newLog(world{err: &out}, &config.Agent{LogLevel: "info", LogFormat: format}, scrub.New("canary-5f1d"))
		if err != nil {
			t.Fatal(err)
		}
		log.Info().Str("ref", name).Str("error", "the token is canary-5f1d, or Y2FuYXJ5LTVmMWQ=").Msg("moved")
		if strings.ContainsAny(out.String(), "\u202e\u2066\u009b\x7f\r\u200f") || strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "\x1b[2J") {
			t.Errorf("%s: %q", format, out.String())
		}
		if strings.Contains(out.String(), "canary-5f1d") || strings.Contains(out.String(), "Y2FuYXJ5LTVmMWQ") || !strings.Contains(out.String(), "the token is ***") {
			t.Errorf("%s: %q", format, out.String())
		}
		if format != config.LogJSON {
			continue
		}
		var line struct{ Ref string }
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Ref != name {
			t.Errorf("%q, %v", line.Ref, err)
		}
	}
}
