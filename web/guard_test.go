package web_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/franela/pocketci/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWithoutTheTokenNothingIsAnswered(t *testing.T) {
	for name, headers := range map[string][]string{
		"none":            nil,
		"empty":           {""},
		"only the scheme": {"Bearer"},
		"an empty one":    {"Bearer "},
		"another":         {"Bearer " + strings.Repeat("0", len(token))},
		"its beginning":   {"Bearer " + token[:31]},
		"one too long":    {"Bearer " + token + "0"},
		"basic":           {"Basic " + token},
		"no scheme":       {token},
		"two headers":     {"Bearer " + token, "Bearer x"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/api/events", "/api/events/github:1", "/api/status", "/", "/api/events?token=" + token} {
				o := newOffice(t)
				r := get(path)
				r.Header["Authorization"] = headers
				w := o.ask(r)
				if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Bearer realm="pocketci"` || !strings.Contains(w.Body.String(), `"hint"`) {
					t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
				}
				if strings.Contains(o.log.String(), token) {
					t.Error("the log holds the token")
				}
			}
		})
	}
	r := get("/api/status")
	r.Header.Set("Authorization", "bearer "+token)
	if w := newOffice(t).ask(r); w.Code != 200 {
		t.Errorf("the scheme's case matters: %d", w.Code)
	}
}

func TestOnlyOurHostNamesAreAnswered(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1:8081": 200, "localhost:8081": 200, "LOCALHOST.:9000": 200, "[::1]:8081": 200, "[::1]": 200, "127.0.0.2": 200,
		"ci.internal": 200, "ci.internal:443": 200, "box.example:1": 200, "10.1.2.3:8081": 200, "[::ffff:10.1.2.3]:8081": 200,
		"": 421, "evil.example": 421, "evil.example:8081": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421,
		"10.9.9.9": 421, "0.0.0.0": 421, "[::]": 421, "ci.internal.evil.example": 421, "evil.example#ci.internal": 421, "@localhost": 421,
		"2130706433": 421, "127.1": 421,
	} {
		o := newOffice(t, func(c *web.Config) { c.Listen, c.Hosts = "box.example:8081", []string{"CI.internal"} })
		local := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 8081}
		r := get("/api/status")
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
		r.Host = host
		r.Header.Set("X-Forwarded-Host", "localhost")
		w := o.ask(r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
		if want == 421 && !strings.Contains(w.Body.String(), "not reached under that host name") {
			t.Errorf("host %q: %s", host, w.Body)
		}
	}
}

func TestListeningOnAllAddressesIsNoHostName(t *testing.T) {
	for _, listen := range []string{":8081", "0.0.0.0:8081", "[::]:8081"} {
		o := newOffice(t, func(c *web.Config) { c.Listen = listen })
		for _, host := range []string{"", "0.0.0.0:8081", "[::]:8081", "evil.example:8081"} {
			r := get("/api/status")
			r.Host = host
			if w := o.ask(r); w.Code != 421 {
				t.Errorf("listening on %s, host %q: %d, want 421", listen, host, w.Code)
			}
		}
	}
}

func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	denied, foreign := get("/api/status"), get("/api/status")
	denied.Header.Del("Authorization")
	foreign.Host = "evil.example"
	for name, r := range map[string]*http.Request{"ok": get("/api/status"), "404": get("/nothing"), "401": denied, "421": foreign} {
		r.Header.Set("Origin", "https://evil.example")
		w := newOffice(t).ask(r)
		for key, want := range map[string]string{
			"Content-Type":                 "application/json",
			"X-Content-Type-Options":       "nosniff",
			"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
			"X-Frame-Options":              "DENY",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control":                "no-store",
			"Access-Control-Allow-Origin":  "",
		} {
			if got := w.Header().Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
	}
}

func TestStrangersDoNotFillTheLog(t *testing.T) {
	o := newOffice(t)
	for range 1000 {
		r := get("/api/status")
		r.Host = "evil\x1b[2J" + strings.Repeat("x", 10_000)
		o.ask(r)
	}
	if n := o.log.Len(); n > 10_000 || strings.Contains(o.log.String(), "\x1b") {
		t.Errorf("%d bytes in the log: %.300q", n, o.log.String())
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, change := range map[string]func(*web.Config){
		"no token":              func(c *web.Config) { c.Token = "" },
		"a token to be guessed": func(c *web.Config) { c.Token = "secret" },
		"a token with a space":  func(c *web.Config) { c.Token = token + " x" },
		"no reader":             func(c *web.Config) { c.Reader = nil },
		"no status":             func(c *web.Config) { c.Status = nil },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			cfg := web.Config{Reader: o.reader, Status: nothing{}, Token: token}
			change(&cfg)
			if _, err := web.New(cfg); err == nil {
				t.Error("no error")
			} else if cfg.Token != "" && strings.Contains(err.Error(), cfg.Token) {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}
}

type nothing struct{}

func (nothing) Status(context.Context) web.Status { return web.Status{} }

func TestServer(t *testing.T) {
	o := newOffice(t)
	s := web.NewServer("127.0.0.1:0", o, zerolog.Nop())
	addr, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, host := range []string{addr.String(), "localhost", "evil.example"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr.String()+"/api/status", nil)
		r.Host = host
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if want := map[bool]int{true: 421, false: 200}[host == "evil.example"]; answer.StatusCode != want {
			t.Errorf("host %s: %s, want %d", host, answer.Status, want)
		}
	}
	other := web.NewServer(addr.String(), o, zerolog.Nop())
	if _, err := other.Start(t.Context()); err == nil || !strings.Contains(err.Error(), addr.String()) {
		t.Errorf("the address is taken: %v", err)
	}
	for range 2 { // twice is harmless
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := other.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr.String()); err == nil {
		t.Error("it still listens")
	}
}

func BenchmarkList(b *testing.B) {
	o := newOffice(b)
	r := pushed()
	for i := range int64(50) {
		r.Seq, r.Event.ID = 100+i, fmt.Sprint("github:", i)
		o.reader.All = append(o.reader.All, r)
	}
	for b.Loop() {
		w := httptest.NewRecorder()
		o.ServeHTTP(w, get("/api/events"))
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
