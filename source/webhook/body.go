package webhook

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/semaphore"
)

// firstRead is how much memory a body gets before any of it is there. What a
// client announces costs nothing; only what it sends does.
const firstRead = 64 << 10

// errFull: there is no memory for more bodies.
var errFull = errors.New("too many bytes in flight")

// body is a request's body in memory that counts against the bytes in flight.
type body struct {
	data []byte
	held int64
	sem  *semaphore.Weighted
}

// release gives the memory back. The data may still be used by whoever kept it,
// but is not counted any more.
func (b *body) release() {
	b.sem.Release(b.held)
	b.held = 0
}

// grow makes room for n bytes. While it copies, both buffers count.
func (b *body) grow(n int64) error {
	if !b.sem.TryAcquire(n) {
		return errFull
	}
	data := make([]byte, len(b.data), n)
	copy(data, b.data)
	b.sem.Release(b.held)
	b.data, b.held = data, n
	return nil
}

// fill reads until the buffer is full (nil) or the body ends or breaks (an
// error, [io.EOF] at its end).
func (b *body) fill(r io.Reader) error {
	for len(b.data) < cap(b.data) {
		n, err := r.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		if err != nil {
			return err
		}
	}
	return nil
}

// readBody reads the whole body, at most MaxBody bytes, into b: a buffer of its
// size if that is known. It grows as the body comes.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, b *body) *refusal {
	size := r.ContentLength
	limit := h.MaxBody + 1 // to see that a body of unknown size is too large
	if size >= 0 {
		limit = size
	}
	deadline := http.NewResponseController(w)
	// Not every ResponseWriter has a connection; the server's own time-outs hold anyhow.
	_ = deadline.SetReadDeadline(time.Now().Add(h.bodyTime(size)))
	defer func() { _ = deadline.SetReadDeadline(time.Time{}) }()
	for next := min(limit, firstRead); ; next = min(limit, 2*next) {
		if err := b.grow(next); err != nil {
			return busy(err)
		}
		err := b.fill(r.Body)
		have := int64(len(b.data))
		switch {
		case have > h.MaxBody:
			return h.tooLarge()
		case have == size, size < 0 && errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return broken(err)
		}
	}
}

// bodyTime is how long a body of that size may take; -1: it is not known.
func (h *Handler) bodyTime(size int64) time.Duration {
	if size < 0 {
		size = h.MaxBody
	}
	return h.BodyTime + time.Duration(float64(h.BodyTime)*float64(size)/float64(h.MaxBody))
}

func (h *Handler) tooLarge() *refusal {
	return &refusal{
		code:    http.StatusRequestEntityTooLarge,
		problem: problem{Error: fmt.Sprintf("the body has more than %d bytes", h.MaxBody), Hint: "code hosts send no delivery that large"},
		unread:  true,
	}
}

// broken is a body that did not arrive whole.
func broken(err error) *refusal {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &refusal{
			code:    http.StatusRequestTimeout,
			problem: problem{Error: "the body did not arrive in time", Hint: "deliver it again"},
			unread:  true,
			cause:   err,
		}
	}
	return &refusal{
		code:    http.StatusBadRequest,
		problem: problem{Error: "the body did not arrive whole", Hint: "deliver it again"},
		unread:  true,
		cause:   err,
	}
}

// busy is an answer for now.
func busy(cause error) *refusal {
	return &refusal{
		code:       http.StatusServiceUnavailable,
		problem:    problem{Error: "too many deliveries at once", Hint: "deliver it again in a moment"},
		retryAfter: 2 * time.Second,
		unread:     true,
		cause:      cause,
	}
}
