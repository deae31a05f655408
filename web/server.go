package web

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Limits of a connection.
const (
	headerTime  = 5 * time.Second
	requestTime = 10 * time.Second
	writeTime   = 60 * time.Second
	idleTime    = 60 * time.Second
	maxHeader   = 16 << 10
)

// Server is the API's own listener.
type Server struct {
	addr   string
	http   *http.Server
	ended  chan struct{}
	failed chan error
	start  sync.Once
}

// NewServer makes a server for host:port; it does nothing before Start.
func NewServer(addr string, h http.Handler, log zerolog.Logger) *Server {
	quiet := log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Minute})
	return &Server{
		addr: addr,
		http: &http.Server{
			Handler:                      h,
			ReadHeaderTimeout:            headerTime,
			ReadTimeout:                  requestTime,
			WriteTimeout:                 writeTime,
			IdleTimeout:                  idleTime,
			MaxHeaderBytes:               maxHeader,
			DisableGeneralOptionsHandler: true,
			ErrorLog:                     stdlog.New(&quiet, "", 0),
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
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.addr); err != nil {
			close(s.ended)
			return
		}
		go func() {
			defer close(s.ended)
			if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("serve the API on %s: %w", s.addr, err)
			}
		}()
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", s.addr, err)
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
		err = fmt.Errorf("stop the API on %s: %w", s.addr, err)
		_ = s.http.Close()
	}
	<-s.ended
	return err
}
