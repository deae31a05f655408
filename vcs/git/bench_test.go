package git

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/git/gittest"
)

// bigRepo makes a repository of 100 MB: 20 commits, 4,000 files of contents that can't
// be compressed.
func bigRepo(b *testing.B, h *host) string {
	b.Helper()
	random := rand.NewChaCha8([32]byte{1})
	tip := ""
	for c := range 20 {
		write := map[string]string{}
		for f := range 200 {
			data := make([]byte, 25_000)
			_, _ = random.Read(data)
			write[fmt.Sprintf("dir%02d/sub%d/file%d.bin", c, f%10, f)] = string(data)
		}
		write["pocketci.yaml"] = "module-path: ./ci\n"
		tip = h.repo.Commit(gittest.Commit{Write: write})
	}
	return tip
}

// BenchmarkSecondEvent: a push to a repository of 100 MB that was seen before, from
// the event to its changed files and the settings read (mark: 0.2 s).
func BenchmarkSecondEvent(b *testing.B) {
	h := newHost(b)
	before := bigRepo(b, h)
	visit := func(e event.Event, want int) {
		tree, err := h.m.Checkout(b.Context(), e)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tree.Files.ReadFile("pocketci.yaml"); err != nil {
			b.Fatal(err)
		}
		if len(tree.Changes) != want {
			b.Fatalf("%d changes", len(tree.Changes))
		}
		if err := tree.Files.(io.Closer).Close(); err != nil {
			b.Fatal(err)
		}
	}
	visit(h.push("main", zeroSHA, before), 4001)
	b.Run("push", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			after := h.repo.Commit(commitOf(map[string]string{"README.md": fmt.Sprint(before, i)}))
			b.StartTimer()
			visit(h.push("main", before, after), 1)
			before = after
		}
	})
	b.Run("new branch", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			branch := fmt.Sprintf("b%d", i)
			sha := h.repo.Commit(gittest.Commit{Ref: "refs/heads/" + branch, Parents: []string{before}, Write: map[string]string{"README.md": branch}})
			b.StartTimer()
			visit(h.push(branch, zeroSHA, sha), 1)
		}
	})
	b.Run("pull request", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			sha := h.repo.Commit(gittest.Commit{Ref: "refs/pull/5/head", Parents: []string{before}, Write: map[string]string{"README.md": fmt.Sprint("pull", i)}})
			b.StartTimer()
			visit(h.pull(before, sha), 1)
		}
	})
	b.Run("nothing to fetch", func(b *testing.B) {
		e := h.push("main", before, before)
		for b.Loop() {
			visit(e, 0)
		}
	})
	b.Run("reachable", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.m.Reachable(b.Context(), h.as, noSHA); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFirstEvent: the same repository, never seen before.
func BenchmarkFirstEvent(b *testing.B) {
	h := newHost(b)
	tip := bigRepo(b, h)
	for i := 0; b.Loop(); i++ {
		h.as.ID = int64(i + 1)
		tree, err := h.m.Checkout(b.Context(), h.push("main", zeroSHA, tip))
		if err != nil {
			b.Fatal(err)
		}
		if err := tree.Files.(io.Closer).Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWorktree: a working tree of 4,000 files.
func BenchmarkWorktree(b *testing.B) {
	b.Setenv("HOME", b.TempDir())
	repo := gittest.NewWorktree(b, b.TempDir())
	for i := range 4000 {
		repo.Write(fmt.Sprintf("dir%02d/file%d", i/100, i), fmt.Sprint(i))
	}
	repo.Save("one")
	repo.Write("README.md", "changed")
	for b.Loop() {
		tree, _, err := Worktree(b.Context(), repo.Dir, "", WorktreeConfig{})
		if err != nil {
			b.Fatal(err)
		}
		if err := tree.Files.(io.Closer).Close(); err != nil {
			b.Fatal(err)
		}
	}
}
