package engine

import (
	"bytes"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/franela/pocketci/engine/scrub"
)

// what the engine sends about a call, in the order in which it comes.
type telling struct {
	t *testing.T
	c *capture
}

func newTelling(t *testing.T) telling {
	t.Helper()
	return telling{t, newCapture("X.f", newTrace(), nil, scrub.New("hunter22"), 1000, 1000)}
}

func spanID(name string) []byte { return append([]byte(name), make([]byte, 8)...)[:8] }

func (s telling) says(span string, no int64, text string) {
	s.c.log(&logspb.LogRecord{SpanId: spanID(span), Attributes: attrs(attrStream, no),
		Body: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: text}}})
}

func (s telling) ends(span string) {
	for _, no := range []int64{1, 2} {
		s.c.log(&logspb.LogRecord{SpanId: spanID(span), Attributes: append(attrs(attrStream, no), attrs(attrEOF, true)...)})
	}
}

func (s telling) span(name, id, parent string, links ...string) {
	span := &tracepb.Span{Name: name, SpanId: spanID(id), ParentSpanId: spanID(parent), EndTimeUnixNano: 1}
	if parent == "us" {
		span.ParentSpanId = s.c.root.span[:]
	}
	for _, l := range links {
		link := &tracepb.Span_Link{SpanId: spanID(l), TraceId: s.c.root.id[:]}
		if l == "theirs" {
			link.TraceId = []byte("another trace id")
		}
		span.Links = append(span.Links, link)
	}
	s.c.spans([]*tracepb.Span{span})
}

func attrs(key string, v any) []*commonpb.KeyValue {
	value := &commonpb.AnyValue{}
	switch v := v.(type) {
	case int64:
		value.Value = &commonpb.AnyValue_IntValue{IntValue: v}
	case bool:
		value.Value = &commonpb.AnyValue_BoolValue{BoolValue: v}
	}
	return []*commonpb.KeyValue{{Key: key, Value: value}}
}

func (s telling) want(p progress) {
	s.t.Helper()
	if got, _ := s.c.progress(); got != p {
		s.t.Errorf("got %d, want %d", got, p)
	}
}

func TestCaptureKnowsWhenAllHasCome(t *testing.T) {
	t.Run("spans overtake a function's output", func(t *testing.T) {
		s := newTelling(t)
		s.span("X.f", "fn", "root")
		s.want(running)
		s.span("POST /query", "root", "us")
		s.want(running)
		s.says("fn", 1, "text")
		s.want(running)
		s.ends("fn")
		s.want(complete)
	})
	t.Run("and the output of what an object runs", func(t *testing.T) {
		s := newTelling(t)
		s.span("X.f", "fn", "root")
		s.ends("fn")
		s.span("resume withExec", "resume", "root", "exec", "fn")
		s.span("POST /query", "root", "us")
		s.want(running)
		s.ends("exec")
		s.want(complete)
	})
	t.Run("what another call asked for prints there", func(t *testing.T) {
		s := newTelling(t)
		s.span("resume withExec", "resume", "root", "theirs")
		s.span("POST /query", "root", "us")
		s.want(complete)
	})
	t.Run("a service that runs on has no end", func(t *testing.T) {
		s := newTelling(t)
		s.says("service", 1, "ready\n")
		s.span("X.f", "fn", "root")
		s.ends("fn")
		s.want(running)
		s.span("POST /query", "root", "us")
		s.want(settled)
	})
	t.Run("output overtakes spans", func(t *testing.T) {
		s := newTelling(t)
		s.says("fn", 2, "text")
		s.ends("fn")
		s.want(running)
		s.span("X.f", "fn", "root")
		s.span("POST /query", "root", "us")
		s.want(complete)
	})
	t.Run("a call that ran nothing", func(t *testing.T) {
		s := newTelling(t)
		s.span("POST /query", "root", "us")
		s.want(complete)
		if !s.c.cached() {
			t.Error("not cached")
		}
	})
	t.Run("a span that has not ended tells nothing", func(t *testing.T) {
		s := newTelling(t)
		s.c.spans([]*tracepb.Span{{Name: "POST /query", SpanId: spanID("root"), ParentSpanId: s.c.root.span[:]}})
		s.want(running)
	})
	t.Run("a call that ran something is not cached", func(t *testing.T) {
		s := newTelling(t)
		s.ends("exec")
		s.c.spans([]*tracepb.Span{{Name: "X.f", SpanId: spanID("fn"), Attributes: attrs(attrCached, true), EndTimeUnixNano: 1}})
		s.span("POST /query", "root", "us")
		s.want(complete)
		if s.c.cached() {
			t.Error("cached")
		}
	})
}

func TestCaptureGivesWholeLines(t *testing.T) {
	var live bytes.Buffer
	s := newTelling(t)
	s.c.live = &live
	s.says("a", 1, "one ")
	s.says("a", 2, "err\n")
	s.says("b", 1, "two\nthree ")
	if got := live.String(); got != "err\ntwo\n" {
		t.Errorf("live: %q", got)
	}
	s.says("a", 1, "and hunt")
	s.says("a", 1, "er22\n")
	s.ends("b")
	if got := live.String(); got != "err\ntwo\none and ***\nthree \n" {
		t.Errorf("live: %q", got)
	}
	s.says("c", 1, "never ended hunter22")
	got, cut := s.c.finish()
	if want := "err\ntwo\none and ***\nthree \nnever ended ***\n"; got != want || cut != 0 {
		t.Errorf("got %q, cut %d", got, cut)
	}
}

func TestCapturePassesOnALineWithoutEnd(t *testing.T) {
	s := newTelling(t)
	s.says("a", 1, string(bytes.Repeat([]byte("x"), maxLine+1)))
	if s.c.lines[stream{[8]byte(spanID("a")), 1}].text.Len() != 0 {
		t.Error("it is held back")
	}
}
