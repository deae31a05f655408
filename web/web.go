package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/franela/pocketci/run"
)

// Reader reads what the store knows.
type Reader interface {
	// Runs gives the runs that the query asks for, newest first.
	Runs(ctx context.Context, q Query) ([]run.Run, error)
	// Run gives one event's run, with what its calls printed, and its reports. The
	// error wraps [run.ErrNotFound] if no event has the id.
	Run(ctx context.Context, id string) (run.Run, []run.Report, error)
}

// Query says which runs are wanted; zero fields don't restrict.
type Query struct {
	// Limit is the largest number of runs.
	Limit int
	// Before gives only runs with a smaller number.
	Before int64
	// Repository is owner/name, in any case.
	Repository string
	// Event is the event's name, as in function names.
	Event string
	// State is a [run.State].
	State string
}

// Config is what the API works with.
type Config struct {
	Reader Reader
	Status StatusSource
	// Token is the one that every request needs; see [Token].
	Token string
	// Listen is the address that is listened on, host:port; Hosts are further
	// names under which the API is reached.
	Listen string
	Hosts  []string
	Log    zerolog.Logger
}

// readTime is how long the store may take for one request.
const readTime = 30 * time.Second

// errReadTime is the cause of a request that the store was too slow for.
var errReadTime = errors.New("the store did not answer in time")

// api answers requests that were let through.
type api struct {
	Config
	// noisy is a log for what strangers can cause.
	noisy zerolog.Logger
}

// New makes the API's handler. It refuses to be made without a token, or with
// one that could be guessed.
func New(c Config) (http.Handler, error) {
	if c.Reader == nil || c.Status == nil {
		return nil, errors.New("api: a reader and a status are required")
	}
	if err := checkToken(c.Token); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	a := &api{Config: c, noisy: c.Log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Minute})}
	return &guard{
		next:  a.routes(),
		token: sha256.Sum256([]byte(c.Token)),
		hosts: hostnames(c.Listen, c.Hosts),
		deny:  a.deny,
	}, nil
}

// routes is the table of what there is.
func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	for path, handle := range map[string]http.HandlerFunc{
		"/api/events":      a.listEvents,
		"/api/events/{id}": a.showEvent,
		"/api/status":      a.showStatus,
	} {
		mux.HandleFunc("GET "+path, handle)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", "GET, HEAD")
			a.refuse(w, http.StatusMethodNotAllowed, problem{Error: "this path does not take that method", Hint: "use GET"})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, http.StatusNotFound, problem{
			Error: "there is nothing at this path",
			Hint:  "there are /api/events, /api/events/{id} and /api/status",
		})
	})
	return mux
}

// list is a page of events, newest first.
type list struct {
	Events []Item `json:"events"`
	// Next is the `before` of the next page; absent on the last one.
	Next int64 `json:"next,omitempty"`
}

func (a *api) listEvents(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		a.refuse(w, http.StatusBadRequest, problem{Error: err.Error(), Hint: queryHint})
		return
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), readTime, errReadTime)
	defer cancel()
	page := q.Limit
	q.Limit++ // one more than asked for, to see whether there is a next page
	runs, err := a.Reader.Runs(ctx, q)
	if err != nil {
		a.unreadable(w, r, err)
		return
	}
	out := list{Events: []Item{}}
	for i, r := range runs {
		if i == page {
			out.Next = runs[i-1].Seq
			break
		}
		out.Events = append(out.Events, Summary(r))
	}
	a.answer(w, http.StatusOK, out)
}

func (a *api) showEvent(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), readTime, errReadTime)
	defer cancel()
	found, reports, err := a.Reader.Run(ctx, r.PathValue("id"))
	switch {
	case errors.Is(err, run.ErrNotFound):
		a.refuse(w, http.StatusNotFound, problem{Error: "no event has this id", Hint: "GET /api/events lists them"})
	case err != nil:
		a.unreadable(w, r, err)
	default:
		a.answer(w, http.StatusOK, Detail(found, reports))
	}
}

func (a *api) showStatus(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), readTime, errReadTime)
	defer cancel()
	s := a.Status.Status(ctx)
	s.StartedAt = utc(s.StartedAt)
	if s.Deliveries.Refused == nil {
		s.Deliveries.Refused = map[int]int64{}
	}
	a.answer(w, http.StatusOK, s)
}

// problem is what every refusal looks like.
type problem struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// deny refuses somebody who isn't let through.
func (a *api) deny(w http.ResponseWriter, r *http.Request, code int, p problem) {
	a.noisy.Warn().Int("status", code).Str("error", p.Error).Str("remote", r.RemoteAddr).Str("host", printable(r.Host)).Msg("API request refused")
	a.refuse(w, code, p)
}

// unreadable is an error of the store; the cause is for the log.
func (a *api) unreadable(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		a.Log.Error().Err(err).Str("path", printable(r.URL.Path)).Msg("API request failed")
	}
	w.Header().Set("Retry-After", "10")
	a.refuse(w, http.StatusServiceUnavailable, problem{Error: "the store can't be read", Hint: "the agent's log has the cause"})
}

func (a *api) refuse(w http.ResponseWriter, code int, p problem) { a.answer(w, code, p) }

// answer writes JSON. A client that is gone hears nothing, and nobody else does.
func (a *api) answer(w http.ResponseWriter, code int, v any) {
	var data bytes.Buffer
	if err := Encode(&data, v); err != nil {
		a.Log.Error().Err(err).Msg("an answer of the API can't be encoded")
		code = http.StatusInternalServerError
		data.Reset()
		data.WriteString(`{"error": "the answer can't be encoded"}` + "\n")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(data.Len()))
	w.WriteHeader(code)
	_, _ = w.Write(data.Bytes())
}
