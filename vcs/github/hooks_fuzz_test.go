package github

import (
	"testing"

	"github.com/franela/pocketci/event"
)

// FuzzRecord: whatever the API answers, nothing panics, and what comes out of it
// can be an event's.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`[{"id":1,"guid":"a-1","delivered_at":"2026-11-21T05:00:00Z","status_code":502,"event":"push"}]`))
	f.Add([]byte(`{"request":{"headers":{"X-GitHub-Event":"push"},"payload":{"ref":"refs/heads/main"}},"response":{"payload":"{\"id\":\"x\"}"}}`))
	f.Add([]byte(`[{"ref":"refs/heads/main","object":{"sha":"1111111111111111111111111111111111111111","type":"commit"}}]`))
	f.Add([]byte(`[{"number":7,"state":"open","created_at":"2026-11-21T05:00:00Z","head":{"sha":"1111111111111111111111111111111111111111"}}]`))
	f.Add([]byte(`{"object":{"sha":"1111111111111111111111111111111111111111","type":"tag"}}`))
	f.Add([]byte(`{"id":7,"name":"hello","full_name":"octo/hello","owner":{"login":"octo"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if list, err := decodeDeliveries(body); err == nil {
			for _, d := range list {
				if d.ID <= 0 || !deliveryShape.MatchString(d.GUID) || !eventShape.MatchString(d.Type) {
					t.Errorf("%+v", d)
				}
			}
		}
		_, _ = decodeAttempt(body)
		for name, decode := range map[string]func([]byte) ([]event.Head, error){"refs": decodeRefs, "pulls": decodePulls} {
			list, err := decode(body)
			for _, h := range list {
				if !ValidSHA(h.SHA) || name == "pulls" && pullNumber(h.Ref) != h.PullRequest {
					t.Errorf("%s: %+v, %v", name, h, err)
				}
			}
		}
		if o, err := decodeRefObject(body); err == nil && !ValidSHA(o.SHA) {
			t.Errorf("%+v", o)
		}
		if r, err := decodeRepo(body); err == nil && (r.ID <= 0 || !ValidName(r.Owner) || !ValidName(r.Name)) {
			t.Errorf("%+v", r)
		}
	})
}
