package run

import "time"

// Apply gives the run as it stands after p at time now. The run itself is not
// edited. It is the meaning of [Progress]: a store that keeps runs in tables
// must come to the same.
func (r Run) Apply(p Progress, now time.Time) Run {
	if p.State != "" {
		r.State, r.Waits = p.State, p.Waits
	}
	if p.Attempt != nil {
		r.Attempt = *p.Attempt
	}
	if p.Lost != nil {
		r.Lost = *p.Lost
	}
	if p.Trust != "" {
		r.Trust = p.Trust
	}
	if p.SHA != "" {
		r.SHA = p.SHA
	}
	if p.Changed != nil {
		r.Changed = *p.Changed
	}
	if r.Decisions == nil {
		r.Decisions = p.Decisions
	}
	r.Calls = applyCalls(r.Calls, p)
	if p.Problem != nil {
		r.Problem = p.Problem
	}
	if p.Outcome != "" {
		r.Outcome = p.Outcome
	}
	if p.Note != "" {
		r.Note = p.Note
	}
	if p.Approval != nil {
		r.Approval = p.Approval
	}
	if p.Command != nil {
		r.Command = p.Command
	}
	if p.State == Done || p.State == Recorded {
		r.Ended = now
	}
	r.Version++
	return r
}

// applyCalls adds the calls that were begun and gives the ended ones their
// results. A call that was begun before is begun anew; a result is final.
func applyCalls(had []CallState, p Progress) []CallState {
	calls := append([]CallState(nil), had...)
	find := func(module, function string) *CallState {
		for i := range calls {
			if calls[i].Call.Module == module && calls[i].Call.Function == function {
				return &calls[i]
			}
		}
		return nil
	}
	for _, b := range p.Begun {
		switch c := find(b.Call.Module, b.Call.Function); {
		case c == nil:
			calls = append(calls, b)
		case c.Result == nil:
			*c = b
		}
	}
	for _, result := range p.Results {
		if c := find(result.Module, result.Function); c != nil && c.Result == nil {
			c.Result = &result
		}
	}
	return calls
}

// Finished tells whether the call has its result already.
func (r Run) Finished(module, function string) bool {
	for _, c := range r.Calls {
		if c.Call.Module == module && c.Call.Function == function {
			return c.Result != nil
		}
	}
	return false
}

// Final tells whether nothing more will happen to the run.
func (s State) Final() bool { return s == Done || s == Recorded }
