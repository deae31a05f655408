package scrub

import (
	"fmt"
	"io"
)

// Writer scrubs what is written through it. It is not safe for concurrent use.
type Writer struct {
	to   io.Writer
	s    *Scrubber
	held []byte
}

// Writer gives a writer that passes on to w what is written to it, without the
// values. Close it to have the last bytes passed on.
func (s *Scrubber) Writer(w io.Writer) *Writer { return &Writer{to: w, s: s} }

// Write passes on all of p that can't be the beginning of a value. It reports
// len(p) unless the underlying writer fails.
func (w *Writer) Write(p []byte) (int, error) {
	if w.s.idle() {
		return w.to.Write(p)
	}
	out, rest := w.s.scrub(nil, append(w.held, p...), false)
	w.held = append([]byte(nil), rest...)
	if len(out) == 0 {
		return len(p), nil
	}
	if _, err := w.to.Write(out); err != nil {
		return 0, fmt.Errorf("write scrubbed text: %w", err)
	}
	return len(p), nil
}

// Flush passes on what was held back. A value that begins in it and goes on in
// a later write is then not found: flush at the end of something only.
func (w *Writer) Flush() error {
	if len(w.held) == 0 {
		return nil
	}
	out, _ := w.s.scrub(nil, w.held, true)
	w.held = nil
	if _, err := w.to.Write(out); err != nil {
		return fmt.Errorf("write scrubbed text: %w", err)
	}
	return nil
}

// Close flushes. The underlying writer stays open.
func (w *Writer) Close() error { return w.Flush() }
