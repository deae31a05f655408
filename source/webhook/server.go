package webhook

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// ServerConfig is what a server works with.
type ServerConfig struct {
	// Addr is host:port; port 0 takes a free one.
	Addr    string
	Handler http.Handler
	// HeaderTime is how long a request's headers may take; default 5 s.
	HeaderTime time.Duration
	Log        zerolog.Logger
}

// Limits of a connection. The handler sets a body's own time, which is shorter.
const (
	defaultHeaderTime = 5 * time.Second
	readTime          = 15 * time.Second
	writeTime         = 30 * time.Second
	idleTime          = 60 * time.Second
	// maxHeader is far above what code hosts send (about 1 KB).
	maxHeader = 16 << 10
)

// Server is a listener with time-outs against slow clients.
type Server struct {
	cfg    ServerConfig
	http   *http.Server
	ended  chan struct{}
	failed chan error
	start  sync.Once
}

// NewServer makes a server; it does nothing before Start.
func NewServer(c ServerConfig) *Server {
	if c.HeaderTime <= 0 {
		c.HeaderTime = defaultHeaderTime
	}
	return &Server{
		cfg: c,
		http: &http.Server{
			Handler:                      c.Handler,
			ReadHeaderTimeout:            c.HeaderTime,
			ReadTimeout:                  readTime,
			WriteTimeout:                 writeTime,
			IdleTimeout:                  idleTime,
			MaxHeaderBytes:               maxHeader,
			DisableGeneralOptionsHandler: true,
			ErrorLog:                     stdlog.New(&complaints{log: c.Log, quiet: newQuietly()}, "", 0),
		},
		ended:  make(chan struct{}),
		failed: make(chan error, 1),
	}
}

// Start listens, and returns the address once connections are taken. What it
// starts is ended by Stop, not by ctx. A server is started once.
func (s *Server) Start(ctx context.Context) (net.Addr, error) {
	err := errors.New("the server was started or stopped before")
	var listener net.Listener
	s.start.Do(func() {
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Addr); err != nil {
			close(s.ended)
			return
		}
		go func() {
			defer close(s.ended)
			if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("serve %s: %w", s.cfg.Addr, err)
			}
		}()
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", s.cfg.Addr, err)
	}
	return listener.Addr(), nil
}

// Failed receives the error that ended the server, if anything but Stop did.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop takes no more connections and waits for the requests that are being
// answered, until ctx ends; then it cuts them off and says so. Stopping twice, or
// before Start, is harmless.
func (s *Server) Stop(ctx context.Context) error {
	s.start.Do(func() { close(s.ended) })
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("stop serving %s: %w", s.cfg.Addr, err)
		_ = s.http.Close()
	}
	<-s.ended
	return err
}

// complaints takes what net/http has to say about clients and handlers. Most of
// it is caused by strangers.
type complaints struct {
	log   zerolog.Logger
	quiet quietly
}

func (c *complaints) Write(p []byte) (int, error) {
	if more, ok := c.quiet.may(time.Now()); ok {
		text := strings.TrimSpace(string(p))
		ev := c.log.Debug()
		if strings.Contains(text, "panic") {
			ev = c.log.Error()
			if len(text) > 8<<10 {
				text = text[:8<<10]
			}
		} else {
			text = printable(text)
		}
		ev.Str("error", text).Int64("more_like_it", more).Msg("http server")
	}
	return len(p), nil
}
