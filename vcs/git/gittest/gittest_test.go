package gittest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/franela/pocketci/vcs/git/gittest"
)

func TestServerServesOnlyWithItsToken(t *testing.T) {
	srv := gittest.NewServer(t, gittest.Options{Username: "octo", Token: "s3cret"})
	repo := srv.Repo("octo/hello")
	sha := repo.Commit(gittest.Commit{Write: map[string]string{"a b\n\"c\"": "1"}})
	for _, tc := range []struct{ name, auth, want string }{
		{"with it", "octo:s3cret@", sha + "\trefs/heads/main\n"},
		{"with another", "octo:wrong@", ""},
		{"with none", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "git", "ls-remote", "--heads", strings.Replace(srv.URL, "http://", "http://"+tc.auth, 1)+"/octo/hello")
			cmd.Env = append(gittest.Env(), "GIT_TERMINAL_PROMPT=0")
			out, err := cmd.Output()
			if (err == nil) != (tc.want != "") {
				t.Errorf("err = %v", err)
			}
			if diff := cmp.Diff(tc.want, string(out)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if len(srv.Requests()) == 0 {
		t.Error("no request was recorded")
	}
}

func TestCommit(t *testing.T) {
	repo := gittest.NewBare(t, t.TempDir()+"/r.git")
	root := repo.Commit(gittest.Commit{
		Write:   map[string]string{"plain": "1", "gone": "2", "odd\n\"\xff": "3"},
		Special: map[string]gittest.File{"run": gittest.Exec("#!"), "link": gittest.Link("plain")},
	})
	next := repo.Commit(gittest.Commit{Delete: []string{"gone"}, Special: map[string]gittest.File{"sub": gittest.Submodule(root)}})
	orphan := repo.Commit(gittest.Commit{Ref: "refs/heads/other", Parents: []string{}, Write: map[string]string{"x": "y"}})
	merge := repo.Commit(gittest.Commit{Parents: []string{next, orphan}})
	if got := strings.Fields(repo.Git("rev-list", "--parents", "-1", merge)); !cmp.Equal(got, []string{merge, next, orphan}) {
		t.Errorf("parents: %v", got)
	}
	if diff := cmp.Diff("link\x00odd\n\"\xff\x00plain\x00run\x00sub\x00", repo.Git("ls-tree", "-rz", "--name-only", next)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("120000\n100644\n100644\n100755\n160000\n", repo.Git("ls-tree", "-r", "--format=%(objectmode)", next)); diff != "" {
		t.Error(diff)
	}
	tag := repo.Tag("v1", root)
	if tag == root || repo.Lookup("refs/tags/v1") != tag {
		t.Errorf("tag = %s", tag)
	}
	repo.Set("refs/heads/other", "")
	if got := repo.Lookup("refs/heads/other"); got != "" {
		t.Errorf("deleted ref points at %s", got)
	}
}
