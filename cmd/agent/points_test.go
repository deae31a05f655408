package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/franela/pocketci/dispatch"
	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/internal/fault"
	"github.com/franela/pocketci/report/status"
	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/source/webhook"
)

// crashes kills its own process at a named point, and traces the calls. It is
// what the fault test puts between the stages; what it does stands in variables
// of the environment, which only this test binary reads.
type crashes struct {
	point string
	left  atomic.Int64
	event string
	trace *os.File
}

// trialOf is how the environment wants this process to fail.
func trialOf(getenv func(string) string) (trial, error) {
	c := &crashes{event: getenv(fault.EventVariable)}
	t := trial{between: c.between}
	if p := getenv(fault.PointVariable); p != "" {
		name, n, _ := strings.Cut(p, ":")
		times, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			return t, err
		}
		c.point = name
		c.left.Store(times)
	}
	if l := getenv(fault.LeaseVariable); l != "" {
		d, err := time.ParseDuration(l)
		if err != nil {
			return t, err
		}
		// Loopback stands a little more than GitHub allows.
		t.leaseFor, t.claimFor, t.calm, t.budget = d, 2*d, d*3/4, status.Budget{PerMinute: 1e6, PerHour: 1e6}
	}
	if size := getenv(fault.SizeVariable); size != "" {
		most, err := strconv.ParseUint(size, 10, 64)
		if err != nil {
			return t, err
		}
		signal.Ignore(syscall.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return t, err
		}
	}
	if path := getenv(fault.TraceVariable); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return t, err
		}
		c.trace = f
	}
	return t, nil
}

// reached ends the process if this is where it is to die.
func (c *crashes) reached(point, event string) {
	if point != c.point || c.event != "" && event != c.event || c.left.Add(-1) != 0 {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// say adds a line to the trace, in one write.
func (c *crashes) say(l fault.Line) {
	if c.trace == nil {
		return
	}
	b, err := json.Marshal(l)
	if err == nil {
		_, err = c.trace.Write(append(b, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "trace:", err)
	}
}

// between puts the points between the stages.
func (c *crashes) between(j joints) joints {
	j.keeper = keeperPoints{c, j.keeper}
	j.queue = queuePoints{j.queue, c}
	j.order = orderPoints{j.order, c}
	j.recorder = recorderPoints{c, j.recorder}
	j.engine = enginePoints{j.engine, c}
	j.runs = runsPoints{j.runs, c}
	j.outbox = outboxPoints{c, j.outbox}
	j.statuses = statusPoints{j.statuses, c}
	return j
}

type keeperPoints struct {
	c    *crashes
	next webhook.Appender
}

func (p keeperPoints) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	p.c.reached(fault.Verified, e.ID)
	r, err := p.next.Append(ctx, e)
	if err == nil {
		p.c.reached(fault.Stored, e.ID)
	}
	return r, err
}

type queuePoints struct {
	dispatch.Queue
	c *crashes
}

func (p queuePoints) Lease(ctx context.Context) (run.Work, error) {
	w, err := p.Queue.Lease(ctx)
	if err == nil {
		p.c.reached(fault.Leased, w.Lease.EventID)
	}
	return w, err
}

// orderPoints: the tree is written with the run's place in the order.
type orderPoints struct {
	dispatch.Order
	c *crashes
}

func (p orderPoints) Enter(ctx context.Context, l run.Lease, o run.Order, found run.Progress) (run.Standing, error) {
	st, err := p.Order.Enter(ctx, l, o, found)
	if err == nil && found.SHA != "" {
		p.c.reached(fault.TreeKnown, l.EventID)
	}
	return st, err
}

type recorderPoints struct {
	c    *crashes
	next dispatch.Recorder
}

func (p recorderPoints) Advance(ctx context.Context, l run.Lease, s run.Progress) error {
	if len(s.Results) > 0 {
		p.c.reached(fault.Called, l.EventID)
	}
	if err := p.next.Advance(ctx, l, s); err != nil {
		return err
	}
	for _, r := range s.Results {
		p.c.say(fault.Line{Op: fault.OpResult, Event: l.EventID, Function: r.Function, Attempt: r.Attempt})
	}
	switch {
	case len(s.Results) > 0 && s.State == "":
		p.c.reached(fault.ResultKept, l.EventID)
	case s.State == run.Done:
		p.c.reached(fault.Done, l.EventID)
	case s.State != "":
	case s.Begun != nil:
		p.c.reached(fault.Attempt, l.EventID)
	case s.Decisions != nil:
		p.c.reached(fault.Decided, l.EventID)
	case s.SHA != "":
		p.c.reached(fault.TreeKnown, l.EventID)
	}
	return nil
}

type enginePoints struct {
	dispatch.Engine
	c *crashes
}

func (p enginePoints) Open(ctx context.Context, s dispatch.Spec) (dispatch.Session, error) {
	session, err := p.Engine.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	return sessionPoints{session, p.c, s.EventID}, nil
}

type sessionPoints struct {
	dispatch.Session
	c     *crashes
	event string
}

func (p sessionPoints) Call(ctx context.Context, c run.Call) (run.Result, error) {
	p.c.say(fault.Line{Op: fault.OpCall, Event: p.event, Function: c.Function, Attempt: c.Attempt})
	return p.Session.Call(ctx, c)
}

type runsPoints struct {
	status.RunSource
	c *crashes
}

func (p runsPoints) PlanReports(ctx context.Context, eventID string, version int64, reports []run.Report, again time.Time) error {
	err := p.RunSource.PlanReports(ctx, eventID, version, reports, again)
	if err == nil && len(reports) > 0 {
		p.c.reached(fault.Planned, eventID)
	}
	return err
}

type outboxPoints struct {
	c    *crashes
	next status.Outbox
}

func (p outboxPoints) ClaimReports(ctx context.Context, now time.Time, limit int, except []int64) ([]run.Report, error) {
	rows, err := p.next.ClaimReports(ctx, now, limit, except)
	if len(rows) > 0 {
		p.c.reached(fault.Claimed, "")
	}
	return rows, err
}

func (p outboxPoints) SettleReport(ctx context.Context, r run.Report) error {
	err := p.next.SettleReport(ctx, r)
	if err == nil {
		p.c.reached(fault.Settled, "")
	}
	return err
}

type statusPoints struct {
	status.StatusAPI
	c *crashes
}

func (p statusPoints) SetStatus(ctx context.Context, repo event.Repo, sha string, s run.Status) error {
	p.c.reached(fault.Sending, "")
	err := p.StatusAPI.SetStatus(ctx, repo, sha, s)
	if err == nil {
		p.c.reached(fault.Sent, "")
	}
	return err
}
