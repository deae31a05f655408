package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// maxBatch bounds in bytes one request of telemetry. The exporter sends at most
// 512 records, each a piece of output of up to 32 KiB.
const maxBatch = 64 << 20

// receiver takes a session's telemetry (OTLP over HTTP, protobuf) on loopback
// and hands it to the captures of the calls it belongs to.
type receiver struct {
	server  *http.Server
	address string
	secret  string
	served  sync.WaitGroup

	mu       sync.Mutex
	captures map[[16]byte]*capture
}

// startReceiver listens on a free port. Its paths begin with a secret.
func startReceiver(ctx context.Context) (*receiver, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for telemetry: %w", err)
	}
	r := &receiver{address: l.Addr().String(), secret: rand.Text(), captures: map[[16]byte]*capture{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /"+r.secret+"/v1/traces", r.takeTraces)
	mux.HandleFunc("POST /"+r.secret+"/v1/logs", r.takeLogs)
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	r.served.Go(func() {
		_ = r.server.Serve(l) // http.ErrServerClosed once stop is called
	})
	return r, nil
}

// environ tells a session's process where to send its telemetry.
func (r *receiver) environ() []string {
	url := "http://" + r.address + "/" + r.secret
	return []string{
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + url + "/v1/traces",
		"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=" + url + "/v1/logs",
		// Spans tell that a call is over, and are sent when they end: soon.
		"OTEL_BSP_SCHEDULE_DELAY=50",
	}
}

// stop ends the receiver.
func (r *receiver) stop() {
	_ = r.server.Close()
	r.served.Wait()
}

// add has the telemetry of a trace go to c.
func (r *receiver) add(t trace, c *capture) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.captures[t.id] = c
}

// remove ends that.
func (r *receiver) remove(t trace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.captures, t.id)
}

// find gives the capture of a trace id, or nil.
func (r *receiver) find(id []byte) *capture {
	if len(id) != 16 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.captures[[16]byte(id)]
}

func (r *receiver) takeLogs(w http.ResponseWriter, req *http.Request) {
	var data logspb.LogsData // on the wire the same as an export request
	if !take(w, req, &data) {
		return
	}
	for _, resource := range data.GetResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				if c := r.find(record.GetTraceId()); c != nil {
					c.log(record)
				}
			}
		}
	}
}

func (r *receiver) takeTraces(w http.ResponseWriter, req *http.Request) {
	var data tracepb.TracesData // on the wire the same as an export request
	if !take(w, req, &data) {
		return
	}
	// Spans that come together are one piece of news: they are in no order.
	news := map[*capture][]*tracepb.Span{}
	for _, resource := range data.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				if c := r.find(span.GetTraceId()); c != nil {
					news[c] = append(news[c], span)
				}
			}
		}
	}
	for c, spans := range news {
		c.spans(spans)
	}
}

// take reads one request and answers it; the answer's body, empty, says that
// everything was taken.
func take(w http.ResponseWriter, req *http.Request, into proto.Message) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBatch))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return false
	case err != nil:
		http.Error(w, "can't be read", http.StatusBadRequest)
		return false
	}
	if err := proto.Unmarshal(body, into); err != nil {
		http.Error(w, "not protobuf", http.StatusBadRequest)
		return false
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(http.StatusOK)
	return true
}
