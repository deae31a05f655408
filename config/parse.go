package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultGitHub    = "https://github.com"
	defaultGitHubAPI = "https://api.github.com"
)

// apiURL is the API of the GitHub at base.
func apiURL(base string) string {
	if base == defaultGitHub {
		return defaultGitHubAPI
	}
	return base + "/api/v3"
}

func parseListen(s string) (string, error) {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%s is not host:port, such as :8080 or 127.0.0.1:8080", shown(s))
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", fmt.Errorf("%s is not a port from 0 to 65535", shown(port))
	}
	return s, nil
}

func parseAPIListen(s string) (string, error) {
	if s == Off {
		return Off, nil
	}
	return parseListen(s)
}

// parseURL reads the address of a code host. Credentials go there, so it is
// https, or a loopback address.
func parseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return "", fmt.Errorf("%s is not an address such as https://github.example.com", shown(s))
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch {
	case u.User != nil:
		return "", errors.New("an address must not hold credentials; they are taken from the environment")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", fmt.Errorf("%s is not https, and only a loopback address may be http: a token is sent there", shown(s))
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "", fmt.Errorf("%s has a query or a fragment", shown(s))
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func parseDir(s string) (string, error) {
	if s == "" || hasControl(s) {
		return "", fmt.Errorf("%s is not a folder", shown(s))
	}
	if s == "~" || strings.HasPrefix(s, "~/") {
		return "", fmt.Errorf("%s: the tilde is the shell's and not known here; write the whole path", shown(s))
	}
	return s, nil
}

// parseEngine wants an address with a scheme. Which schemes there are is the
// SDK's to know.
func parseEngine(s string) (string, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.ContainsRune("+.-", c)
	}
	if !ok || scheme == "" || rest == "" || strings.ContainsFunc(scheme, func(c rune) bool { return !plain(c) }) || hasControl(rest) {
		return "", fmt.Errorf("%s is not a runner host such as tcp://127.0.0.1:1234, unix:///run/dagger.sock or docker-container://name", shown(s))
	}
	return s, nil
}

// parseEngines wants several of them, each once.
func parseEngines(all []string) ([]string, error) {
	for i, s := range all {
		if _, err := parseEngine(s); err != nil {
			return nil, err
		}
		if slices.Contains(all[:i], s) {
			return nil, fmt.Errorf("%s is named twice", shown(s))
		}
	}
	return all, nil
}

func parseLogFormat(s string) (string, error) { return oneOf(s, LogAuto, LogConsole, LogJSON) }

func parseLogLevel(s string) (string, error) {
	return oneOf(s, "trace", "debug", "info", "warn", "error")
}

func oneOf(s string, known ...string) (string, error) {
	s = strings.ToLower(s)
	if slices.Contains(known, s) {
		return s, nil
	}
	return "", fmt.Errorf("%s is not one of %s", shown(s), strings.Join(known, ", "))
}
