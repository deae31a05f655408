package github

import (
	"net/http"
	"testing"
	"time"
)

func TestLimit(t *testing.T) {
	now := time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		code    int
		header  map[string]string
		message string
		after   time.Duration // -1: no limit
	}{
		"Retry-After in seconds":         {403, map[string]string{"Retry-After": "7"}, "", 7 * time.Second},
		"Retry-After of nothing":         {403, map[string]string{"Retry-After": "0"}, "", 0},
		"Retry-After as a date":          {429, map[string]string{"Retry-After": "Sat, 21 Nov 2026 05:00:09 GMT"}, "", 9 * time.Second},
		"Retry-After before the reset":   {403, map[string]string{"Retry-After": "7", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795240000"}, "", 7 * time.Second},
		"nothing remains":                {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795240800"}, "", time.Unix(1795240800, 0).Sub(now)},
		"nothing remains, no reset":      {429, map[string]string{"X-RateLimit-Remaining": "0"}, "", time.Minute},
		"a limit in words, much remains": {403, map[string]string{"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "1795240800"}, "You have exceeded a secondary rate limit.", time.Minute},
		"an old server's words":          {403, nil, "You have triggered an abuse detection mechanism.", time.Minute},
		"unreadable Retry-After":         {429, map[string]string{"Retry-After": "soon"}, "", time.Minute},
		"maintenance with a time":        {503, map[string]string{"Retry-After": "120"}, "", 2 * time.Minute},
		"maintenance":                    {503, nil, "rate limit", -1},
		"forbidden":                      {403, map[string]string{"X-RateLimit-Remaining": "4000"}, "Resource not accessible by integration", -1},
		"not found, with a Retry-After":  {404, map[string]string{"Retry-After": "7"}, "", -1},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range c.header {
				h.Set(k, v)
			}
			until, ok := limit(&http.Response{StatusCode: c.code, Header: h}, c.message, now)
			if ok != (c.after >= 0) || ok && !until.Equal(now.Add(c.after)) {
				t.Errorf("got %s, %t; want %s", until.Sub(now), ok, c.after)
			}
		})
	}
}

func TestAccessIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC)
	a := newAccess()
	for i := range int64(3 * accessMost) {
		a.put(accessKey{account: i}, true, now.Add(time.Duration(i)*time.Millisecond))
		if len(a.answers) > accessMost {
			t.Fatalf("%d answers are kept, %d are the most", len(a.answers), accessMost)
		}
	}
	if len(a.answers) < accessMost/2 {
		t.Errorf("%d answers are kept: too many were dropped", len(a.answers))
	}
	later := now.Add(time.Hour)
	for i := range int64(accessMost) {
		a.put(accessKey{repo: 1, account: i}, true, later)
	}
	for i := range int64(accessMost) {
		if _, ok := a.get(accessKey{repo: 1, account: i}, later); !ok {
			t.Fatalf("answer %d was dropped while old ones could be", i)
		}
	}
}
