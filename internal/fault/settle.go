package fault

import (
	"context"
	"fmt"
	"math"
	"syscall"
	"time"
)

// settle lets the agent work off what is left, ends it, and holds what came of
// it against what must have.
func (t *trial) settle(ctx context.Context) error {
	if err := t.agent.start(); err != nil {
		return err
	}
	defer t.agent.kill()
	if err := t.rest(ctx); err != nil {
		return err
	}
	if err := t.idle(ctx); err != nil {
		return err
	}
	if err := t.judge(ctx); err != nil {
		return err
	}
	t.agent.signal(syscall.SIGTERM)
	<-t.agent.ended
	return t.agent.exit
}

// rest delivers what is left.
func (t *trial) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	if err := t.agent.up(ctx); err != nil {
		return err
	}
	for len(t.pending) > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("%d deliveries are not taken: %w", len(t.pending), context.Cause(ctx))
		}
		t.deliver(ctx, len(t.pending))
	}
	return nil
}

// idle waits until there is nothing left to do, for as long as it gets less.
func (t *trial) idle(ctx context.Context) error {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	timer := time.AfterFunc(patience, func() { giveUp(errPatience) })
	defer timer.Stop()
	var r ready
	least := math.MaxInt
	err := t.agent.until(ctx, func() (bool, error) {
		var err error
		if r, _, err = t.agent.ready(ctx); err == nil && r.busy() == 0 {
			return true, nil
		}
		if err == nil && r.busy() < least {
			least = r.busy()
			timer.Reset(patience)
		}
		pause(ctx, 200*time.Millisecond)
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %+v", err, r)
	}
	return nil
}
