package github

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
)

const (
	// conditionalMost is how many bytes of answers are kept, conditionalBody how
	// large one may be.
	conditionalMost = 8 << 20
	conditionalBody = 256 << 10
)

// conditional asks whether an answer that was had before has changed: if not, it
// costs nothing of the credential's budget ("Use conditional requests" in "Best
// practices for using the REST API"). Nothing is given out that GitHub does not
// confirm at that moment.
//
// It belongs below what adds the credential: an answer is kept for the credential
// that got it, and for nobody else.
type conditional struct {
	next http.RoundTripper
	kept *kept
}

func newConditional(next http.RoundTripper) *conditional {
	return &conditional{next, newKept(conditionalMost)}
}

// saved is an answer that is kept.
type saved struct {
	header http.Header
	body   []byte
}

func (c *conditional) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.Header.Get("If-None-Match") != "" {
		return c.next.RoundTrip(req)
	}
	key := keyOf(req)
	had, ok := c.kept.get(key)
	if ok {
		req = req.Clone(req.Context())
		req.Header.Set("If-None-Match", had.tag)
	}
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if old, is := had.value.(saved); ok && is && resp.StatusCode == http.StatusNotModified {
		return again(resp, old)
	}
	if resp.StatusCode == http.StatusOK && resp.Header.Get("ETag") != "" {
		return c.keep(key, resp)
	}
	return resp, nil
}

// keyOf tells requests apart, credentials included; those are not kept.
func keyOf(req *http.Request) string {
	h := sha256.New()
	for _, part := range []string{req.Header.Get("Authorization"), req.Header.Get("Accept"), req.URL.String()} {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// again is an old answer with what the new one says of limits.
func again(resp *http.Response, old saved) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, resp.Body)
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	header := old.header.Clone()
	for name, values := range resp.Header {
		header[name] = values
	}
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Encoding"} {
		delete(header, name)
		if values, ok := old.header[name]; ok {
			header[name] = values
		}
	}
	resp.Status, resp.StatusCode, resp.Header = "200 OK", http.StatusOK, header
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(old.body)), int64(len(old.body))
	return resp, nil
}

// keep keeps an answer that is not too large.
func (c *conditional) keep(key string, resp *http.Response) (*http.Response, error) {
	if resp.ContentLength > conditionalBody {
		return resp, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, conditionalBody+1))
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	if len(body) > conditionalBody {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
		return resp, nil
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	c.kept.put(key, answer{tag: resp.Header.Get("ETag"), value: saved{resp.Header.Clone(), body}, size: len(body) + 1024})
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
