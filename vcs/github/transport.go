package github

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rs/zerolog"
)

// transport sends requests with a credential, and refuses to send it anywhere else.
type transport struct {
	base *url.URL
	// via gives what adds the credential to a request and sends it.
	via   func(*http.Request) (http.RoundTripper, error)
	clock func() time.Time
	log   zerolog.Logger
}

// errLeaves: a request would have gone to another host.
var errLeaves = errors.New("the request leaves the API's host")

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !sameHost(t.base, req.URL) {
		return nil, errLeaves
	}
	via, err := t.via(req)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	begun := t.clock()
	resp, err := via.RoundTrip(req.Clone(req.Context()))
	if err != nil {
		return nil, err
	}
	t.log.Debug().Str("method", req.Method).Str("path", req.URL.Path).Int("status", resp.StatusCode).
		Dur("took", t.clock().Sub(begun)).Msg("github request")
	return resp, nil
}

// checkRedirect follows within the API's host, and only where the request stays
// what it was: net/http turns a POST into a GET on 301 and 302, which would pass
// for a status that was set.
func checkRedirect(base *url.URL) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		switch {
		case !sameHost(base, req.URL):
			return errLeaves
		case len(via) > 5:
			return errors.New("more than 5 redirects")
		case req.Method != via[0].Method:
			return http.ErrUseLastResponse
		}
		return nil
	}
}
