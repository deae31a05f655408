package githubtest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // GitHub still sends it
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Delivery is one request that a webhook sends.
type Delivery struct {
	URL    string
	Secret string
	// Event is X-GitHub-Event.
	Event   string
	Payload []byte
	// GUID is X-GitHub-Delivery; empty: a new one.
	GUID string
	// HookID is a hook made by AddHook, whose URL and Secret are used if empty; 0: none is named.
	HookID int64
	// Header is set last: an empty value takes a header away.
	Header     map[string]string
	Redelivery bool
}

// Answer is what the receiver said.
type Answer struct {
	GUID string
	Code int
	Body string
}

// deliveryTimeout is how long GitHub waits.
const deliveryTimeout = 10 * time.Second

// Deliver signs a payload, posts it and keeps it with the answer. The error is
// that of a receiver who does not answer.
func (s *Server) Deliver(ctx context.Context, d Delivery) (Answer, error) {
	d, header := s.prepare(d)
	ctx, cancel := context.WithTimeoutCause(ctx, deliveryTimeout, fmt.Errorf("no answer within %s", deliveryTimeout))
	defer cancel()
	rec := SentDelivery{Redelivery: d.Redelivery, GUID: d.GUID, HookID: d.HookID, Event: d.Event, Headers: header, Payload: d.Payload}
	code, body, err := post(ctx, d.URL, header, d.Payload)
	rec.Code, rec.Answer = code, body
	if err != nil {
		rec.Code, rec.Failure = http.StatusBadGateway, "failed to connect to host"
	}
	s.keep(rec)
	return Answer{GUID: d.GUID, Code: code, Body: string(body)}, err
}

// Lose keeps a delivery that never reached anybody and gives its GUID.
func (s *Server) Lose(d Delivery) string {
	d, header := s.prepare(d)
	s.keep(SentDelivery{
		GUID: d.GUID, HookID: d.HookID, Event: d.Event, Headers: header, Payload: d.Payload,
		Code: http.StatusBadGateway, Failure: "failed to connect to host",
	})
	return d.GUID
}

func (s *Server) keep(d SentDelivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.ID, d.At = s.id(), s.cfg.Clock()
	s.sent = append(s.sent, d)
	s.wake()
}

// prepare fills in what the hook knows and makes the headers.
func (s *Server) prepare(d Delivery) (Delivery, http.Header) {
	h := http.Header{}
	s.mu.Lock()
	if hook := s.hooks[d.HookID]; hook != nil {
		kind, id := s.target(hook)
		h.Set("X-GitHub-Hook-ID", strconv.FormatInt(hook.ID, 10))
		h.Set("X-GitHub-Hook-Installation-Target-Type", kind)
		h.Set("X-GitHub-Hook-Installation-Target-ID", strconv.FormatInt(id, 10))
		if d.URL == "" {
			d.URL = hook.URL
		}
		if d.Secret == "" {
			d.Secret = hook.Secret
		}
	}
	s.mu.Unlock()
	if d.GUID == "" {
		d.GUID = NewGUID()
	}
	h.Set("Accept", "*/*")
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "GitHub-Hookshot/0000000")
	h.Set("X-GitHub-Delivery", d.GUID)
	h.Set("X-GitHub-Event", d.Event)
	if d.Secret != "" {
		h.Set("X-Hub-Signature", "sha1="+sign(sha1.New, d.Secret, d.Payload))
		h.Set("X-Hub-Signature-256", Sign(d.Secret, d.Payload))
	}
	for k, v := range d.Header {
		if h.Set(k, v); v == "" {
			h.Del(k)
		}
	}
	return d, h
}

// Sign is the value of X-Hub-Signature-256.
func Sign(secret string, payload []byte) string { return "sha256=" + sign(sha256.New, secret, payload) }

func sign(h func() hash.Hash, secret string, payload []byte) string {
	mac := hmac.New(h, []byte(secret))
	mac.Write(payload)
	return hex.EncodeToString(mac.Sum(nil))
}

// NewGUID is a random UUID, as X-GitHub-Delivery holds.
func NewGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func post(ctx context.Context, url string, header http.Header, payload []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(payload))
	if err != nil {
		return 0, nil, err
	}
	req.Header = header.Clone()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, body, err
}
