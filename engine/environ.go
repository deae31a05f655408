package engine

import (
	"strings"
)

// Variables of the Dagger CLI.
const (
	runnerHostEnv = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
	cliEnv        = "_EXPERIMENTAL_DAGGER_CLI_BIN"
)

// passEnv are the variables of the agent that a session's process gets: what it
// needs to reach an engine, and nothing that holds a login.
func passEnv(provisions bool) []string {
	pass := []string{
		"PATH", "TMPDIR", "TZ", "SYSTEMROOT",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
		"http_proxy", "https_proxy", "no_proxy", "all_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR",
	}
	if provisions {
		// The CLI runs docker or one of its like, which must find its daemon.
		pass = append(pass,
			"DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION",
			"CONTAINER_HOST", "CONTAINERD_ADDRESS", "XDG_RUNTIME_DIR",
		)
	}
	return pass
}

// sessionEnv is the whole environment of a session's process.
func (c Config) sessionEnv(f folders, telemetry []string) []string {
	var env []string
	for _, name := range passEnv(c.provisions()) {
		if v, ok := find(c.Environ, name); ok {
			env = append(env, name+"="+v)
		}
	}
	env = append(env,
		"HOME="+f.home,
		"XDG_CONFIG_HOME="+f.home,
		"XDG_CACHE_HOME="+f.state,
		"XDG_DATA_HOME="+f.state,
		// The CLI keeps an id there by which the engine knows this machine's files again.
		"XDG_STATE_HOME="+f.state,
		"DOCKER_CONFIG="+f.docker,
		"DAGGER_NO_NAG=1",
		"DAGGER_NO_UPDATE_CHECK=1",
		"DO_NOT_TRACK=1",
		"NO_COLOR=1",
	)
	if c.RunnerHost != "" {
		env = append(env, runnerHostEnv+"="+c.RunnerHost)
	}
	if c.CloudToken != "" {
		env = append(env, "DAGGER_CLOUD_TOKEN="+c.CloudToken)
	}
	return append(env, telemetry...)
}

// find gives a variable of an environment; the last one counts.
func find(environ []string, name string) (string, bool) {
	for i := len(environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(environ[i], name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// lookup is find for a variable that may as well be empty.
func lookup(environ []string, name string) string {
	v, _ := find(environ, name)
	return v
}
