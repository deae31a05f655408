package dispatch_test

import (
	"fmt"
	"testing"

	"github.com/franela/pocketci/dispatch"
)

// changedFiles are n names as a large repository has them.
func changedFiles(n int) []string {
	kinds := []string{"go", "ts", "md", "py", "json"}
	files := make([]string, n)
	for i := range files {
		files[i] = fmt.Sprintf("services/team%02d/pkg%03d/some/where/file%05d.%s", i%40, i%400, i, kinds[i%len(kinds)])
	}
	return files
}

// BenchmarkMatch matches 10,000 changed files against 200 functions that all
// handle the event. The mark is 50 ms.
func BenchmarkMatch(b *testing.B) {
	gates := map[string]func(i int) string{
		// Every function has globs of its own, and no file is accepted by any: every
		// file is held against every glob.
		"each_its_own_none_accepts": func(i int) string {
			return fmt.Sprintf(`"**/*.x%d, apps/app%d/**, lib%d/{a,b}/*.go, !docs/**"`, i, i, i)
		},
		"few_lists_none_accepts": func(i int) string { return fmt.Sprintf(`"**/*.x%d, apps/app%d/**"`, i%5, i%5) },
		"each_its_own_last_accepts": func(i int) string {
			return fmt.Sprintf(`"services/team39/pkg399/**/*9999.json, x%d/**"`, i)
		},
		// A star at both ends leaves nothing to tell files apart by.
		"no_fixed_text": func(i int) string { return fmt.Sprintf(`"**/*x%d*"`, i) },
	}
	files := changedFiles(10_000)
	for name, gate := range gates {
		functions := make([]string, 200)
		for i := range functions {
			functions[i] = fmt.Sprintf(`F%dOnGithubPush(onChanges=%s)`, i, gate(i))
		}
		in := input(b, "push main", functions...)
		in.Changes = files
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := dispatch.MatchEvent(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
