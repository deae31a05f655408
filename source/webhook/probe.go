package webhook

import (
	"net/http"
	"time"
)

// NewProbe makes what answers /healthz and /readyz as a [Handler] does, and
// nothing else, for an agent that takes no deliveries. clock is time.Now if nil.
func NewProbe(ready Prober, clock func() time.Time) http.Handler {
	if clock == nil {
		clock = time.Now
	}
	h := &Handler{Config: Config{Ready: ready, Clock: clock}}
	mux := http.NewServeMux()
	mux.Handle("/healthz", h)
	mux.Handle("/readyz", h)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, problem{
			Error: "there is nothing at this path",
			Hint:  "this agent takes no deliveries; it answers /healthz and /readyz",
		})
	})
	return mux
}
