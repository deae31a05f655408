package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guard lets through only requests that were meant for this API and carry its
// token. See the package comment for what it is up against.
type guard struct {
	next  http.Handler
	token [sha256.Size]byte
	hosts map[string]bool
	deny  func(w http.ResponseWriter, r *http.Request, code int, p problem)
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if !g.ours(r) {
		g.deny(w, r, http.StatusMisdirectedRequest, problem{
			Error: "this API is not reached under that host name",
			Hint:  "use localhost, the address that the agent listens on, or a host that it is told of",
		})
		return
	}
	if !g.authorized(r) {
		h.Set("WWW-Authenticate", `Bearer realm="pocketci"`)
		g.deny(w, r, http.StatusUnauthorized, problem{
			Error: "the request has no valid token",
			Hint:  "send the header Authorization: Bearer <token>; the token is in the file " + TokenFile + " in the agent's data folder",
		})
		return
	}
	g.next.ServeHTTP(w, r)
}

// ours tells whether the Host header names this API: a page that resolves a name
// of its own to our address is sent away. The port doesn't matter, it may be
// forwarded.
func (g *guard) ours(r *http.Request) bool {
	name := hostname(r.Host)
	if g.hosts[name] {
		return true
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	// An address can't be resolved to another one. It is ours if it is the one
	// that the connection came to.
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return addr.IsLoopback()
	}
	at, err := netip.ParseAddrPort(local.String())
	return addr.IsLoopback() || err == nil && addr.Unmap() == at.Addr().Unmap().WithZone("")
}

// authorized compares digests, so that neither the token's text nor its length
// shows in the time that it takes.
func (g *guard) authorized(r *http.Request) bool {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}

// hostname is the host of host:port, as names are compared.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// hostnames are those under which the API is reached.
func hostnames(listen string, more []string) map[string]bool {
	hosts := map[string]bool{"localhost": true}
	for _, name := range append([]string{listen}, more...) {
		// Listening on all addresses is no name; which one was used is seen per connection.
		if name = hostname(name); name != "" && name != "0.0.0.0" && name != "::" {
			hosts[name] = true
		}
	}
	return hosts
}
