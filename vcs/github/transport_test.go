package github

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// lastRequest answers every request and remembers the last one.
type lastRequest struct{ *http.Request }

func (l *lastRequest) RoundTrip(r *http.Request) (*http.Response, error) {
	l.Request = r
	return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
}

// The client refuses such redirects itself; this is the second lock.
func TestTransportKeepsTheTokenAtHome(t *testing.T) {
	base, err := url.Parse("https://api.github.com")
	if err != nil {
		t.Fatal(err)
	}
	for address, home := range map[string]bool{
		"https://api.github.com/user":              true,
		"https://API.github.com/user":              true,
		"http://api.github.com/user":               false,
		"https://api.github.com:8443/user":         false,
		"https://api.github.com.evil.example/user": false,
		"https://evil.example/api.github.com":      false,
	} {
		next := &lastRequest{}
		via := ClientConfig{Token: StaticToken("t")}.via(next)
		rt := &transport{base: base, via: via, clock: time.Now, log: zerolog.Nop()}
		req, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = rt.RoundTrip(req)
		if home && (err != nil || next.Header.Get("Authorization") != "Bearer t") {
			t.Errorf("%s: %v, want the token sent", address, err)
		}
		if !home && (!errors.Is(err, errLeaves) || next.Request != nil) {
			t.Errorf("%s: %v, want nothing sent", address, err)
		}
		if req.Header.Get("Authorization") != "" {
			t.Errorf("%s: the asker's request was changed", address)
		}
	}
}
