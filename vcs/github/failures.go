package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	gh "github.com/google/go-github/v62/github"

	"github.com/franela/pocketci/run"
)

// unnamedLimit is how long GitHub asks to wait after a limit without a time.
const unnamedLimit = time.Minute

// failed says what an error of the API means: a *run.RetryAfter, run.ErrRefused,
// or one that may be gone the next time.
func (c *Client) failed(ctx context.Context, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", what, cause)
	}
	resp, message := answered(err)
	if resp == nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	err = fmt.Errorf("%s: github answers %d: %s", what, resp.StatusCode, message)
	if until, ok := limit(resp, message, c.clock()); ok {
		return &run.RetryAfter{Until: until, Err: err}
	}
	switch resp.StatusCode {
	case http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity, http.StatusUnavailableForLegalReasons:
		return fmt.Errorf("%w: %w", err, run.ErrRefused)
	}
	return err
}

// answered finds the answer in one of go-github's errors.
func answered(err error) (*http.Response, string) {
	var primary *gh.RateLimitError
	var secondary *gh.AbuseRateLimitError
	var other *gh.ErrorResponse
	switch {
	case errors.As(err, &primary):
		return primary.Response, primary.Message
	case errors.As(err, &secondary):
		return secondary.Response, secondary.Message
	case errors.As(err, &other) && other.Response != nil:
		if other.Message == "" {
			return other.Response, http.StatusText(other.Response.StatusCode)
		}
		return other.Response, other.Message
	}
	return nil, ""
}

// limit tells whether an answer is a limit, and when it ends: what Retry-After
// says, else the reset if nothing remains, else a minute (GitHub's "Rate limits
// for the REST API").
func limit(resp *http.Response, message string, now time.Time) (time.Time, bool) {
	h, code := resp.Header, resp.StatusCode
	if code != http.StatusForbidden && code != http.StatusTooManyRequests && code != http.StatusServiceUnavailable {
		return time.Time{}, false
	}
	if until, ok := retryAfter(h.Get("Retry-After"), now); ok {
		return until, true
	}
	if code == http.StatusServiceUnavailable {
		return time.Time{}, false
	}
	if reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil && h.Get("X-RateLimit-Remaining") == "0" {
		return time.Unix(reset, 0).UTC(), true
	}
	text := strings.ToLower(message)
	if code == http.StatusTooManyRequests || strings.Contains(text, "rate limit") || strings.Contains(text, "abuse detection") {
		return now.Add(unnamedLimit), true
	}
	return time.Time{}, false
}

// retryAfter reads seconds or a date (RFC 9110).
func retryAfter(value string, now time.Time) (time.Time, bool) {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return now.Add(time.Duration(seconds) * time.Second), true
	}
	if at, err := http.ParseTime(value); err == nil {
		return at.UTC(), true
	}
	return time.Time{}, false
}
