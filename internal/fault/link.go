package fault

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// engine is something that can be taken away for a while.
type engine interface {
	// take takes it away, in one of the ways of faults; give gives it back.
	take(fault string) error
	give(fault string) error
}

// The ways in which an engine is taken away.
const (
	// engineLost ends what it was doing; it is there again at once.
	engineLost = "lost"
	// engineHangs says nothing for a while, then goes on.
	engineHangs = "hang"
	// engineDown is not there.
	engineDown = "down"
)

// files control a fake engine by its folder.
type files struct{ dir string }

func (f files) take(fault string) error {
	return os.WriteFile(filepath.Join(f.dir, fault), nil, 0o600)
}

func (f files) give(fault string) error { return os.Remove(filepath.Join(f.dir, fault)) }

// link stands between an agent and a real engine that others use too: cutting it
// is to the agent what the engine's death is.
type link struct {
	to       string // of the engine: unix:///path or tcp://host:port
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	down  bool
	open  map[net.Conn]bool
	going chan struct{} // closed: bytes go through
}

// newLink listens at a socket in dir.
func newLink(dir, to string) (*link, error) {
	listener, err := net.Listen("unix", filepath.Join(dir, "engine.sock"))
	if err != nil {
		return nil, err
	}
	l := &link{to: to, listener: listener, open: map[net.Conn]bool{}, going: make(chan struct{})}
	close(l.going)
	l.work.Go(l.accept)
	return l, nil
}

// host is the address that the agent gets.
func (l *link) host() string { return "unix://" + l.listener.Addr().String() }

func (l *link) close() {
	_ = l.listener.Close()
	_ = l.give(engineHangs)
	l.cut()
	l.work.Wait()
}

func (l *link) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.work.Go(func() { l.serve(conn) })
	}
}

// serve carries bytes both ways until one end, or the link, is cut.
func (l *link) serve(agent net.Conn) {
	defer func() { _ = agent.Close() }()
	network, address, _ := strings.Cut(l.to, "://")
	engine, err := new(net.Dialer).DialContext(context.Background(), network, address)
	if err != nil {
		return
	}
	defer func() { _ = engine.Close() }()
	if !l.keep(agent, engine) {
		return
	}
	defer l.forget(agent, engine)
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{agent, engine}, {engine, agent}} {
		both.Go(func() {
			l.carry(way[0], way[1])
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	both.Wait()
}

func (l *link) carry(from, to net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		going := l.going
		l.mu.Unlock()
		<-going
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// keep takes connections in, unless the link is down.
func (l *link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return false
	}
	for _, c := range conns {
		l.open[c] = true
	}
	return true
}

func (l *link) forget(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.open, c)
	}
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Close()
	}
}

func (l *link) take(fault string) error {
	switch fault {
	case engineLost:
		l.cut()
	case engineDown:
		l.mu.Lock()
		l.down = true
		l.mu.Unlock()
		l.cut()
	case engineHangs:
		l.mu.Lock()
		l.going = make(chan struct{})
		l.mu.Unlock()
	default:
		return fmt.Errorf("what is %q?", fault)
	}
	return nil
}

func (l *link) give(fault string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch fault {
	case engineDown:
		l.down = false
	case engineHangs:
		select {
		case <-l.going:
		default:
			close(l.going)
		}
	}
	return nil
}
