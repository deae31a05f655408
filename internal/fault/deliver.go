package fault

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// deliver makes so many deliveries at full speed. What gets no 2xx is delivered
// again later.
func (t *trial) deliver(ctx context.Context, n int) {
	t.mu.Lock()
	n = min(n, len(t.pending))
	now := append([]delivery(nil), t.pending[:n]...)
	t.pending = t.pending[n:]
	t.mu.Unlock()
	line := make(chan delivery)
	var clients sync.WaitGroup
	for range t.Clients {
		clients.Go(func() {
			for d := range line {
				t.post(ctx, d)
			}
		})
	}
	for _, d := range now {
		line <- d
	}
	close(line)
	clients.Wait()
}

// post makes one delivery.
func (t *trial) post(ctx context.Context, d delivery) {
	id, code, err := t.agent.post(ctx, d)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Sent++
	if err != nil || code/100 != 2 {
		t.report.Refused++
		t.pending = append(t.pending, d)
		return
	}
	if code == http.StatusOK {
		t.report.Repeated++
	}
	t.taken[d.guid] = id
}

func (a *agent) post(ctx context.Context, d delivery) (id string, code int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.hook+"/", bytes.NewReader(d.of.payload))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", d.of.event)
	req.Header.Set("X-GitHub-Delivery", d.guid)
	req.Header.Set("X-Hub-Signature-256", githubtest.Sign(secret, d.of.payload))
	resp, err := a.client.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", 0, err
	}
	return receipt(body), resp.StatusCode, nil
}
