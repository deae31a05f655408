package engine

import (
	"fmt"
	"strings"
)

// headTail keeps the beginning and the end of what is written to it.
type headTail struct {
	head, tail []byte
	most       int // of head
	last       int // of tail
	cut        int64
}

func newHeadTail(head, tail int) *headTail { return &headTail{most: head, last: tail} }

func (h *headTail) write(b []byte) {
	if room := h.most - len(h.head); room > 0 {
		n := min(room, len(b))
		h.head = append(h.head, b[:n]...)
		b = b[n:]
	}
	h.tail = append(h.tail, b...)
	// Shrink rarely, so that each byte is moved about once.
	if len(h.tail) > 2*h.last {
		h.drop(len(h.tail) - h.last)
	}
}

// drop forgets the first n bytes of the tail.
func (h *headTail) drop(n int) {
	h.cut += int64(n)
	h.tail = append(h.tail[:0], h.tail[n:]...)
}

// text gives what is kept and how many bytes are missing between head and tail.
// Both are valid UTF-8, the cut is at line ends where there are any, and a line
// stands in its place.
func (h *headTail) text() (string, int64) {
	if over := len(h.tail) - h.last; over > 0 {
		h.drop(over)
	}
	if h.cut == 0 {
		return strings.ToValidUTF8(string(h.head)+string(h.tail), "\uFFFD"), 0
	}
	head, tail := string(h.head), string(h.tail)
	if i := strings.LastIndexByte(head, '\n'); i >= 0 {
		h.cut += int64(len(head) - i - 1)
		head = head[:i+1]
	}
	if i := strings.IndexByte(tail, '\n'); i >= 0 && i < len(tail)-1 {
		h.cut += int64(i + 1)
		tail = tail[i+1:]
	}
	h.head, h.tail = []byte(head), []byte(tail)
	told := fmt.Sprintf("[%d bytes of output are not kept]\n", h.cut)
	return strings.ToValidUTF8(head, "\uFFFD") + told + strings.ToValidUTF8(tail, "\uFFFD"), h.cut
}
