// Package webtest has a reader and a status source in memory for tests of package web.
package webtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/franela/pocketci/run"
	"github.com/franela/pocketci/web"
)

// Reader knows Runs and, by event id, Reports. Err, if set, is its only answer.
type Reader struct {
	All     []run.Run
	Reports map[string][]run.Report
	Err     error
	// Asked are the queries so far.
	Asked []web.Query
}

// Runs gives what the query asks for, newest first.
func (r *Reader) Runs(_ context.Context, q web.Query) ([]run.Run, error) {
	r.Asked = append(r.Asked, q)
	if r.Err != nil {
		return nil, r.Err
	}
	found := slices.DeleteFunc(slices.Clone(r.All), func(x run.Run) bool {
		return q.Before > 0 && x.Seq >= q.Before ||
			q.Repository != "" && !strings.EqualFold(q.Repository, x.Event.Repo.FullName()) ||
			q.Event != "" && q.Event != x.Event.Name ||
			q.State != "" && q.State != string(x.State)
	})
	slices.SortFunc(found, func(a, b run.Run) int { return int(b.Seq - a.Seq) })
	return found[:min(len(found), q.Limit)], nil
}

// Run gives one event's run and reports.
func (r *Reader) Run(_ context.Context, id string) (run.Run, []run.Report, error) {
	if r.Err != nil {
		return run.Run{}, nil, r.Err
	}
	for _, x := range r.All {
		if x.Event.ID == id {
			return x, r.Reports[id], nil
		}
	}
	return run.Run{}, nil, fmt.Errorf("read run of %q: %w", id, run.ErrNotFound)
}

// Status is always the same.
type Status web.Status

// Status gives it.
func (s Status) Status(context.Context) web.Status { return web.Status(s) }
