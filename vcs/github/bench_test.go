package github_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/franela/pocketci/vcs/github"
)

// BenchmarkDelivery is what a delivery costs before it is stored.
func BenchmarkDelivery(b *testing.B) {
	push := func(message string) []byte {
		text, err := json.Marshal(map[string]any{
			"ref": "refs/heads/main", "before": shaB, "after": shaA, "head_commit": map[string]any{"id": shaA, "message": message},
			"repository": map[string]any{"id": 7, "name": "hello", "full_name": "octo/hello", "owner": map[string]any{"login": "octo"}},
			"sender":     map[string]any{"id": 3, "login": "alice"},
		})
		if err != nil {
			b.Fatal(err)
		}
		return text
	}
	for name, size := range map[string]int{"7KB": 7 << 10, "1MB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			r := receiver(b, github.Config{})
			body := push(strings.Repeat("x", size))
			h := headers("push", "s", body)
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if err := r.Verify(h, body); err != nil {
					b.Fatal(err)
				}
				if _, err := r.Parse(h, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
