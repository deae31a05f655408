package engine

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"dagger.io/dagger"
	"dagger.io/dagger/engineconn"
)

// conn is the SDK's connection to a session's process. Each request carries the
// trace that its context names, so that telemetry can be told apart.
type conn struct {
	client *http.Client
	token  string
}

var _ engineconn.EngineConn = (*conn)(nil)

// connect makes a client of the session that p serves.
func connect(ctx context.Context, p *process) (*dagger.Client, error) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.params.Port))
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		},
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
	}
	c := &conn{client: &http.Client{Transport: transport}, token: p.params.SessionToken}
	client, err := dagger.Connect(ctx, dagger.WithConn(c))
	if err != nil {
		return nil, fmt.Errorf("connect to the session: %w", err)
	}
	return client, nil
}

// Do sends a request to the session.
func (c *conn) Do(r *http.Request) (*http.Response, error) {
	r.SetBasicAuth(c.token, "")
	if t, ok := r.Context().Value(traceKey{}).(trace); ok {
		r.Header.Set("Traceparent", t.parent())
	}
	return c.client.Do(r)
}

// Host is a name for the SDK's URLs only.
func (c *conn) Host() string { return "dagger" }

// Close drops idle connections; the session's process is ended by its owner.
func (c *conn) Close() error {
	c.client.CloseIdleConnections()
	return nil
}

type traceKey struct{}

// withTrace has the requests of a context belong to a trace.
func withTrace(ctx context.Context, t trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}
