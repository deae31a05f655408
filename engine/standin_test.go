package engine_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/franela/pocketci/engine"
	"github.com/franela/pocketci/engine/enginetest"
	"github.com/franela/pocketci/run"
)

// The stand-in is this test binary in the dagger CLI's place: it answers a
// session's requests with what a real engine was seen to answer, so that what
// surrounds the engine can be tested without one.

func TestMain(m *testing.M) {
	if dir := os.Getenv("POCKETCI_STANDIN"); dir != "" {
		os.Exit(standin(dir, os.Getenv("POCKETCI_STANDIN_MODE")))
	}
	if dir := os.Getenv("POCKETCI_AGENT"); dir != "" {
		os.Exit(agent(dir))
	}
	code := m.Run()
	stopReal()
	os.Exit(code)
}

// agent is a process that opens a session, says so and stays.
func agent(dir string) int {
	e, err := engine.New(engine.Config{Dir: filepath.Join(dir, "data"), Key: make([]byte, 32), Environ: os.Environ()})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	files := enginetest.NewFiles(enginetest.Module("conformance"))
	s, err := e.Open(context.Background(), engine.Spec{Source: run.Source{ModulePath: "ci", Depth: 1, Tree: run.Tree{
		SHA: "3f2a", Files: files, Origin: run.Origin{URL: "https://git.example.org/o/n", SHA: "3f2a"},
	}}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
	s.Close()
	return 0
}

const standinToken = "the-session-token"

// newStandin makes an engine whose CLI is a stand-in in that mode. The folder
// holds what the stand-in has noted.
func newStandin(t *testing.T, mode string, cfg engine.Config) (*engine.Engine, string) {
	t.Helper()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no /bin/sh to start the stand-in")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	described, err := filepath.Abs("testdata/describe.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg.CLI = filepath.Join(dir, "dagger")
	script := fmt.Sprintf("#!/bin/sh\nPOCKETCI_STANDIN='%s' POCKETCI_STANDIN_MODE='%s' POCKETCI_STANDIN_DESCRIBED='%s' GOCOVERDIR='%s' exec '%s' \"$@\"\n", dir, mode, described, dir, self)
	if err := os.WriteFile(cfg.CLI, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if cfg.RunnerHost == "" {
		cfg.RunnerHost = listener(t)
	}
	return newEngine(t, cfg), dir
}

// listener is an address at which somebody takes connections.
func listener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "tcp://" + l.Addr().String()
}

// noted reads what the stand-in has noted.
func noted(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// standin is the process.
func standin(dir, mode string) int {
	os.WriteFile(filepath.Join(dir, "args"), []byte(strings.Join(os.Args[1:], "\n")), 0o600)
	os.WriteFile(filepath.Join(dir, "env"), []byte(strings.Join(os.Environ(), "\n")), 0o600)
	wd, _ := os.Getwd()
	os.WriteFile(filepath.Join(dir, "wd"), []byte(wd), 0o600)
	os.WriteFile(filepath.Join(dir, "pid"), []byte(fmt.Sprint(os.Getpid())), 0o600)
	switch mode {
	case "refuses":
		fmt.Fprintln(os.Stderr, "Error: start engine: incompatible engine version v0.1.0 [traceparent:aa01-bb02]")
		return 1
	case "silent":
		io.Copy(io.Discard, os.Stdin)
		return 0
	case "garbage":
		fmt.Println("hello")
		return 0
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	s := &standinServer{dir: dir, mode: mode, steady: make(chan struct{}), traces: os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), logs: os.Getenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")}
	go http.Serve(l, s)
	fmt.Printf(`{"port":%d,"session_token":%q}`+"\n", l.Addr().(*net.TCPAddr).Port, standinToken)
	io.Copy(io.Discard, os.Stdin)
	if mode == "stubborn" {
		select {}
	}
	return 0
}

// strayCommit is one with a submodule that has no address.
const strayCommit = "5757575757575757575757575757575757575757"

type standinServer struct {
	dir, mode, traces, logs string
	// stalled: one sign of life was not given. beats counts those after that;
	// steady is closed when there were some.
	stalled atomic.Bool
	beats   atomic.Int64
	steady  chan struct{}
}

func (s *standinServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, _, _ := r.BasicAuth(); user != standinToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var req struct {
		Query     string
		Variables map[string]any
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f, _ := os.OpenFile(filepath.Join(s.dir, "queries"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	json.NewEncoder(f).Encode(req)
	f.Close()
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(req.Query, "{object:") {
		s.call(w, r, req.Query)
		return
	}
	switch {
	case strings.Contains(req.Query, "query describe"):
		text, _ := os.ReadFile(os.Getenv("POCKETCI_STANDIN_DESCRIBED"))
		w.Write(text)
	case req.Query == `{version}` && (s.mode == "hangs" || s.mode == "stalls" && s.stalled.CompareAndSwap(false, true)):
		<-r.Context().Done()
	case req.Query == `{version}`:
		if s.stalled.Load() && s.beats.Add(1) == 3 {
			close(s.steady)
		}
		io.WriteString(w, `{"data":{"version":"v0.21.8"}}`)
	case strings.Contains(req.Query, "__type"):
		io.WriteString(w, `{"data":{"type":{"fields":[{"name":"id"},{"name":"sync"}]}}}`)
	case strings.Contains(req.Query, "{git(") && s.mode == "no git":
		io.WriteString(w, `{"errors":[{"message":"failed to fetch https://bot:git-token-zebra77@git.example.org/: Could not resolve host: git.example.org [traceparent:aa01-bb02]"}],"data":null}`)
	case strings.Contains(req.Query, "{git(") && strings.Contains(req.Query, strayCommit):
		io.WriteString(w, `{"errors":[{"message":"failed to checkout  in https://git.example.org/o/n: failed to update submodules: git error: exit status 128 [traceparent:aa01-bb02]"}],"data":null}`)
	case strings.Contains(req.Query, "asModule") && s.mode == "bad module":
		io.WriteString(w, `{"errors":[{"message":"exit code: 1","extensions":{"_type":"EXEC_ERROR","cmd":["codegen"],"exitCode":1,"stderr":"starting\nmain.go:3:1: syntax error near hunter22hunter22\n","stdout":""}}],"data":null}`)
	default:
		io.WriteString(w, `{"data":{"git":{"commit":{"tree":{"id":"TREE"}}},"setSecret":{"id":"SECRET"},"host":{"directory":{"id":"HOST","asGit":{"uncommitted":{"before":{"id":"UNFOLLOWED"}}}}},
			"directory":{"withNewFile":{"file":{"id":"TRIGGER"}}},
			"node":{"id":"NODE","serve":null,"asModule":{"id":"MODULE"},"filter":{"id":"FILTERED","asModule":{"id":"MODULE"}},
			"directory":{"id":"DIR","filter":{"id":"FILTERED"}},"file":{"id":"FILE"}}}}`)
	}
}

// call answers a function call, and sends the telemetry of one.
func (s *standinServer) call(w http.ResponseWriter, r *http.Request, query string) {
	parts := strings.Split(r.Header.Get("Traceparent"), "-")
	if len(parts) != 4 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	trace, _ := hex.DecodeString(parts[1])
	caller, _ := hex.DecodeString(parts[2])
	root, fn := []byte("rootspan"), []byte("function")
	name := "Conformance." + query[strings.Index(query, "value:")+6:]
	name = name[:strings.IndexAny(name, "({}")]
	switch s.mode {
	case "dies":
		os.Exit(3)
	case "bad gateway":
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, "http do: connection reset")
		return
	case "stalls":
		select {
		case <-s.steady:
		case <-r.Context().Done():
			return
		}
	case "hangs":
		s.send(s.logs, output(trace, fn, 1, "before it hung\n"))
		<-r.Context().Done()
		return
	case "execs":
		answers := map[string]string{
			"panics":      `"message":"call function \"Panics\": exit code: 2 [traceparent:aa01-bb02]","extensions":{"_type":"EXEC_ERROR","cmd":["/runtime"],"exitCode":2,"stderr":"panic: oh no\n\ngoroutine 1 [running]","stdout":""}`,
			"failingExec": `"message":"exit code: 3","extensions":{"_type":"EXEC_ERROR","cmd":["sh","-c","x"],"exitCode":3,"stderr":"bad thing","stdout":"so far"}`,
			"fails":       `"message":"build the image: exit code: 4","extensions":{"_type":"EXEC_ERROR","cmd":["make"],"exitCode":4,"stderr":"","stdout":""}`,
			"greet":       `"message":"call constructor: exit code: 1","extensions":{"_type":"EXEC_ERROR","cmd":["go","build"],"exitCode":1,"stderr":"# x\n./main.go:9:2: undefined: y","stdout":""}`,
		}
		fmt.Fprintf(w, `{"errors":[{%s}],"data":null}`, answers[strings.TrimPrefix(name, "Conformance.")])
		return
	case "unknown":
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"errors":[{"message":"Cannot query field \"x\" on type \"Hello\"."},{"message":"and more"}],"data":null}`)
		return
	case "given up":
		io.WriteString(w, `{"errors":[{"message":"failed to load runtime: error committing yd0t04ntniw1: failed to commit yd0t04ntniw1 to immutable detw2v5cd8hm: context canceled"}],"data":null}`)
		return
	case "own end":
		io.WriteString(w, `{"errors":[{"message":"run the linter: context canceled"}],"data":null}`)
		return
	case "no way back":
		io.WriteString(w, `{"errors":[{"message":"failed to load runtime: failed to query git config: rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: only one connection allowed\""}],"data":null}`)
		return
	case "errors":
		io.WriteString(w, `{"errors":[{"message":"tests failed: hunter22hunter22 [traceparent:aa01-bb02]"}],"data":null}`)
		return
	}
	// In pieces, with a secret cut in two, and late.
	io.WriteString(w, `{"data":{"object":{"value":"it was hunter22hunter22"}}}`)
	w.(http.Flusher).Flush()
	go func() {
		time.Sleep(20 * time.Millisecond)
		s.send(s.traces, &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{
			{TraceId: trace, SpanId: fn, ParentSpanId: root, Name: name, EndTimeUnixNano: 2},
			{TraceId: trace, SpanId: root, ParentSpanId: caller, Name: "POST /query", EndTimeUnixNano: 2},
		}}}}}})
		for _, text := range []string{"one\ntw", "o: hunter22", "hunter22\nthree"} {
			s.send(s.logs, output(trace, fn, 1, text))
		}
		s.send(s.logs, output(trace, []byte("verbose!"), 1, "it was hunter22hunter22", boolAttr("dagger.io/logs.verbose")))
		s.send(s.logs, output([]byte("another trace id"), fn, 1, "somebody else's\n"))
		s.send(s.logs, output(trace, fn, 1, "", boolAttr("stdio.eof")))
		time.Sleep(20 * time.Millisecond)
		s.send(s.logs, output(trace, fn, 2, "four\n"))
		s.send(s.logs, output(trace, fn, 2, "", boolAttr("stdio.eof")))
	}()
}

func boolAttr(key string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}}
}

func output(trace, span []byte, stream int64, text string, attrs ...*commonpb.KeyValue) proto.Message {
	attrs = append(attrs, &commonpb.KeyValue{Key: "stdio.stream", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: stream}}})
	return &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{{
		TraceId: trace, SpanId: span, Attributes: attrs,
		Body: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: text}},
	}}}}}}}
}

func (s *standinServer) send(url string, m proto.Message) {
	body, _ := proto.Marshal(m)
	resp, err := http.Post(url, "application/x-protobuf", bytes.NewReader(body))
	if err == nil {
		resp.Body.Close()
	}
}
