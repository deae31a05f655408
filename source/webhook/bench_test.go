package webhook_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/source/webhook"
)

// nowhere is a store that keeps nothing: what is measured is the way to it.
type nowhere struct{}

func (nowhere) Append(_ context.Context, e event.Event) (event.Receipt, error) {
	return event.Receipt{ID: e.ID}, nil
}

// BenchmarkDeliveries sends signed deliveries over loopback. "bare" is the mark:
// a server that reads the body, checks the signature, and stores nothing.
func BenchmarkDeliveries(b *testing.B) {
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || vendor.Verify(r.Header, body) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	for _, size := range []int{7 << 10, 1 << 20} {
		for _, clients := range []int{1, 16, 64} {
			whole := newDoor(b, func(c *webhook.Config) {
				c.MaxBody, c.MaxInFlight, c.Store, c.Log = 0, 0, nowhere{}, zerolog.Nop()
			})
			name := fmt.Sprintf("%dKB/%dclients/", size>>10, clients)
			b.Run(name+"bare", func(b *testing.B) { deliver(b, bare, size, clients) })
			b.Run(name+"webhook", func(b *testing.B) { deliver(b, whole, size, clients) })
		}
	}
}

func deliver(b *testing.B, h http.Handler, size, clients int) {
	addr, _, client := serve(b, h)
	frame := `{"repo":"hello","pad":""}`
	body := []byte(frame[:len(frame)-2] + string(bytes.Repeat([]byte("x"), size-len(frame))) + frame[len(frame)-2:])
	header := vendor.Sign("push", "1", body)
	var n atomic.Int64
	var all sync.WaitGroup
	b.SetBytes(int64(size))
	b.ResetTimer()
	for range clients {
		all.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				r, _ := http.NewRequest(http.MethodPost, "http://"+addr+"/", bytes.NewReader(body))
				r.Header = header.Clone()
				r.Header.Set("X-Test-Delivery", strconv.FormatInt(i, 10))
				answer, err := client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode != http.StatusAccepted {
					b.Errorf("answered %s", answer.Status)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}
