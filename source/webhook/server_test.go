package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/source/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server on a free port, and a client for it.
func serve(t testing.TB, h http.Handler, change ...func(*webhook.ServerConfig)) (addr string, s *webhook.Server, c *http.Client) {
	t.Helper()
	cfg := webhook.ServerConfig{Addr: "127.0.0.1:0", Handler: h, Log: zerolog.Nop()}
	for _, f := range change {
		f(&cfg)
	}
	s = webhook.NewServer(cfg)
	at, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	t.Cleanup(func() {
		c.CloseIdleConnections()
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return at.String(), s, c
}

// TestTheLargestBody sends 25 MB, and one byte more, of known and unknown length.
func TestTheLargestBody(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) { c.MaxBody = 0 })
	addr, _, client := serve(t, d)
	for name, tc := range map[string]struct {
		size    int
		chunked bool
		want    int
	}{
		"25 MB":                 {webhook.DefaultMaxBody, false, 202},
		"25 MB in chunks":       {webhook.DefaultMaxBody, true, 202},
		"25 MB and 1":           {webhook.DefaultMaxBody + 1, false, 413},
		"25 MB and 1 in chunks": {webhook.DefaultMaxBody + 1, true, 413},
	} {
		t.Run(name, func(t *testing.T) {
			frame := `{"repo":"hello","reason":""}`
			payload := []byte(strings.Replace(frame, `""`, `"`+strings.Repeat("x", tc.size-len(frame))+`"`, 1))
			var body io.Reader = bytes.NewReader(payload)
			if tc.chunked {
				body = io.MultiReader(body)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/", body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = vendor.Sign("push", strings.ReplaceAll(name, " ", "-"), payload)
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if text, _ := io.ReadAll(answer.Body); answer.StatusCode != tc.want {
				t.Errorf("got %d %.200s, want %d", answer.StatusCode, text, tc.want)
			}
		})
	}
	if n := len(d.store.Events()); n != 2 {
		t.Errorf("%d events stored, want 2", n)
	}
	for _, e := range d.store.Events() {
		if len(e.Payload) != webhook.DefaultMaxBody {
			t.Errorf("payload of %d bytes", len(e.Payload))
		}
	}
}

// talk opens a connection, sends text and gives the answer to it, if any.
func talk(t *testing.T, addr, text string) (*http.Response, error) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return http.ReadResponse(bufio.NewReader(conn), nil)
}

func TestSlowClients(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) { c.BodyTime, c.MaxInFlight = 20*time.Millisecond, 2*maxBody+1 })
	addr, _, _ := serve(t, d, func(c *webhook.ServerConfig) { c.HeaderTime = 20 * time.Millisecond })
	head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Test-Event: push\r\nX-Test-Delivery: 1\r\n"
	for name, tc := range map[string]struct{ text, want string }{
		"a body that does not come": {head + "Content-Length: 4000\r\n\r\n{", "408"},
		"chunks that do not come":   {head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "408"},
		"headers that do not come":  {head, "closed"},
		"nothing at all":            {"", "closed"},
		"headers without an end":    {head + "X-Long: " + strings.Repeat("x", 64<<10), "431"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := talk(t, addr, tc.text)
			got := "closed"
			if err == nil {
				defer answer.Body.Close()
				got = fmt.Sprint(answer.StatusCode)
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
	// None of them holds any of the memory that bodies share.
	for i := range 3 {
		if got := d.ask(delivery("push", fmt.Sprint(i))); !strings.HasPrefix(got, "202 ") {
			t.Errorf("afterwards: %s", got)
		}
	}
}

func TestABodyThatEndsEarlyIsNotStored(t *testing.T) {
	d := newDoor(t)
	addr, _, _ := serve(t, d)
	body := `{"repo":"hello"}`
	var head strings.Builder
	fmt.Fprint(&head, "POST / HTTP/1.1\r\nHost: x\r\n")
	_ = vendor.Sign("push", "1", []byte(body)).Write(&head)
	for name, text := range map[string]string{
		"known":   head.String() + "Content-Length: 20\r\n\r\n" + body,
		"chunked": head.String() + "Transfer-Encoding: chunked\r\n\r\n10\r\n" + body + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != 400 {
				t.Errorf("got %s, want 400", answer.Status)
			}
		})
	}
	if n := len(d.store.Events()); n != 0 {
		t.Errorf("%d events stored", n)
	}
}

func TestStopWaitsForWhatIsBeingStored(t *testing.T) {
	d := newDoor(t)
	inside, finish := make(chan struct{}), make(chan struct{})
	d.store.Before = func(context.Context, event.Event) error { close(inside); <-finish; return nil }
	addr, s, client := serve(t, d)
	answered := make(chan int, 1)
	body := `{"repo":"hello"}`
	go func() {
		r, _ := http.NewRequest(http.MethodPost, "http://"+addr+"/", strings.NewReader(body))
		r.Header = vendor.Sign("push", "1", []byte(body))
		answer, err := client.Do(r)
		if err != nil {
			answered <- 0
			return
		}
		answer.Body.Close()
		answered <- answer.StatusCode
	}()
	<-inside
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	for { // until nobody listens any more
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			break
		}
		conn.Close()
	}
	select {
	case err := <-stopped:
		t.Errorf("stopped (%v) while a delivery is being stored", err)
	default:
	}
	close(finish)
	if code := <-answered; code != 202 {
		t.Errorf("the delivery got %d, want 202", code)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Errorf("stopping twice: %v", err)
	}
	if _, err := s.Start(t.Context()); err == nil {
		t.Error("started after it was stopped")
	}
}

func TestStopCutsOffWhatDoesNotEnd(t *testing.T) {
	inside := make(chan struct{})
	_, _, client := serve(t, http.NotFoundHandler())
	s := webhook.NewServer(webhook.ServerConfig{Addr: "127.0.0.1:0", Log: zerolog.Nop(), Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
	})})
	addr, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cut := make(chan error, 1)
	go func() {
		answer, err := client.Get("http://" + addr.String())
		if err == nil {
			answer.Body.Close()
		}
		cut <- err
	}()
	<-inside
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Stop(now); !errors.Is(err, context.Canceled) {
		t.Errorf("stop: %v, want that it was cut short", err)
	}
	if err := <-cut; err == nil {
		t.Error("the request was answered")
	}
}

func TestStartSaysThatTheAddressIsTaken(t *testing.T) {
	addr, _, _ := serve(t, http.NotFoundHandler())
	s := webhook.NewServer(webhook.ServerConfig{Addr: addr, Log: zerolog.Nop()})
	if _, err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %v, want an error that names %s", err, addr)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAPanicIsOneRequestsEndAndInTheLog(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) { c.Admit = func(event.Event) event.Event { panic("a bug") } })
	var log bytes.Buffer
	addr, s, client := serve(t, d, func(c *webhook.ServerConfig) { c.Log = zerolog.New(&log) })
	body := `{"repo":"hello"}`
	for range 5 {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/", strings.NewReader(body))
		r.Header = vendor.Sign("push", "1", []byte(body))
		if answer, err := client.Do(r); err == nil {
			t.Errorf("got %s", answer.Status)
			answer.Body.Close()
		}
	}
	answer, err := client.Get("http://" + addr + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "a bug") {
		t.Errorf("log: %s", log.String())
	}
}
