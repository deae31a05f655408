package engine

import (
	"bytes"
	"io"
	"sync"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/franela/pocketci/engine/scrub"
)

// Attributes of the engine's telemetry (v0.21; measured).
const (
	attrStream = "stdio.stream"         // 1 or 2: a piece of output
	attrEOF    = "stdio.eof"            // true: a stream of a span has ended
	attrCached = "dagger.io/dag.cached" // true: the span did nothing
	// attrVerbose: true for what nobody printed, such as a function's value.
	attrVerbose = "dagger.io/logs.verbose"
)

// maxLine bounds in bytes how long a line grows before it is passed on in parts.
const maxLine = 32 << 10

// capture collects what is known about one call from telemetry: its output, in
// whole lines, and whether it was answered from the cache.
//
// The engine sends output per span (the function is one, each container that it
// runs is one) and stream, and marks the end of each stream. Spans are sent when
// they have ended, on a path of their own, so that they overtake output.
type capture struct {
	function string // the name of the function's span: Object.function
	root     trace
	live     io.Writer

	mu      sync.Mutex
	lines   map[stream]*lines
	open    map[stream]bool // streams that began and have not ended
	ended   map[[8]byte]int // streams that ended, per span
	output  *headTail
	scrub   *scrub.Scrubber
	changed chan struct{}

	// fnSpan is the function's span once it has ended; fnSeen tells that.
	fnSpan   [8]byte
	fnSeen   bool
	fnCached bool
	rootDone bool
	ran      bool
	// commands are the spans that have the output of commands that containers ran.
	commands [][8]byte
}

// spanCommand is the name of a span in which a container's command is run. Its
// output is not its own but that of the span that asked for it.
const spanCommand = "resume withExec"

// lines is what of a stream has come, scrubbed, since its last whole line. It is
// scrubbed before it is cut, so that a secret is found that comes in pieces.
type lines struct {
	text  bytes.Buffer
	clean *scrub.Writer
}

// stream is one of the two output streams of a span.
type stream struct {
	span [8]byte
	no   int64
}

func newCapture(function string, root trace, live io.Writer, s *scrub.Scrubber, head, tail int) *capture {
	return &capture{
		function: function, root: root, live: live, scrub: s,
		lines: map[stream]*lines{}, open: map[stream]bool{}, ended: map[[8]byte]int{},
		output: newHeadTail(head, tail), changed: make(chan struct{}),
	}
}

// log takes one piece of output, or the end of a stream.
func (c *capture) log(r *logspb.LogRecord) {
	no := attribute(r.GetAttributes(), attrStream).GetIntValue()
	if no != 1 && no != 2 || len(r.GetSpanId()) != 8 || attribute(r.GetAttributes(), attrVerbose).GetBoolValue() {
		return
	}
	s := stream{span: [8]byte(r.GetSpanId()), no: no}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.wake()
	c.ran = true
	if attribute(r.GetAttributes(), attrEOF).GetBoolValue() {
		c.flush(s)
		delete(c.open, s)
		c.ended[s.span]++
		return
	}
	c.open[s] = true
	c.take(s, r.GetBody().GetStringValue())
}

// take adds text to a stream and passes its whole lines on.
func (c *capture) take(s stream, text string) {
	l := c.lines[s]
	if l == nil {
		l = &lines{}
		l.clean = c.scrub.Writer(&l.text)
		c.lines[s] = l
	}
	_, _ = io.WriteString(l.clean, text) // a buffer takes everything
	whole := bytes.LastIndexByte(l.text.Bytes(), '\n') + 1
	if whole == 0 && l.text.Len() > maxLine {
		whole = l.text.Len()
	}
	if whole > 0 {
		c.emit(l.text.Next(whole))
	}
}

// flush passes on the last line of a stream, which has no end.
func (c *capture) flush(s stream) {
	l := c.lines[s]
	if l == nil {
		return
	}
	delete(c.lines, s)
	_ = l.clean.Flush()
	rest := l.text.Bytes()
	if len(rest) == 0 {
		return
	}
	if rest[len(rest)-1] != '\n' {
		rest = append(rest, '\n')
	}
	c.emit(rest)
}

// emit passes whole lines on. What the live writer says is not our concern.
func (c *capture) emit(text []byte) {
	c.output.write(text)
	if c.live != nil {
		_, _ = c.live.Write(text)
	}
}

// spans takes spans that came together.
func (c *capture) spans(all []*tracepb.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.wake()
	for _, s := range all {
		if len(s.GetSpanId()) == 8 && s.GetEndTimeUnixNano() != 0 {
			c.span(s)
		}
	}
}

// span takes one span that has ended.
func (c *capture) span(s *tracepb.Span) {
	if bytes.Equal(s.GetParentSpanId(), c.root.span[:]) {
		c.rootDone = true
	}
	if s.GetName() == c.function && !c.fnSeen {
		c.fnSpan, c.fnSeen = [8]byte(s.GetSpanId()), true
		c.fnCached = attribute(s.GetAttributes(), attrCached).GetBoolValue()
	}
	if s.GetName() == spanCommand {
		c.command(s.GetLinks())
	}
}

// command takes a container's command that was run, by the links of its span:
// the first is the span that asked for it and has its output.
func (c *capture) command(links []*tracepb.Span_Link) {
	if len(links) == 0 {
		return
	}
	// What another call asked for prints there.
	if asked := links[0]; len(asked.GetSpanId()) == 8 && bytes.Equal(asked.GetTraceId(), c.root.id[:]) {
		c.commands = append(c.commands, [8]byte(asked.GetSpanId()))
	}
}

// wake tells who waits that something has changed.
func (c *capture) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// progress is how far a call's telemetry has come.
type progress int

const (
	// running: the call is not over, or output is known to be under way.
	running progress = iota
	// settled: the call is over and all that ended is here; some streams are open.
	settled
	// complete: nothing more can come.
	complete
)

// progress tells how far it has come, and what to wait for.
func (c *capture) progress() (progress, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.rootDone || c.fnSeen && !c.fnCached && c.ended[c.fnSpan] < 2 {
		return running, c.changed
	}
	for _, asked := range c.commands {
		if c.ended[asked] < 2 {
			return running, c.changed
		}
	}
	if len(c.open) > 0 {
		return settled, c.changed
	}
	return complete, c.changed
}

// finish gives the output: what is kept of it and how many bytes are not.
func (c *capture) finish() (output string, cut int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.lines {
		c.flush(s)
	}
	return c.output.text()
}

// cached tells whether the engine answered without running anything. A call that
// the same session made before leaves no span of its own.
func (c *capture) cached() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rootDone && !c.ran && (c.fnCached || !c.fnSeen)
}

// attribute gives a value by its key; nil is an empty value.
func attribute(all []*commonpb.KeyValue, key string) *commonpb.AnyValue {
	for _, kv := range all {
		if kv.GetKey() == key {
			return kv.GetValue()
		}
	}
	return nil
}
