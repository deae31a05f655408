package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// appCommands are the commands of scripts about a GitHub App.
func appCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"app":    cmdApp,
		"tokens": cmdTokens,
	}
}

// cmdApp makes a GitHub App that is installed in an owner's repositories, and has
// the agent be that instead of an account. HOOK_ID is its webhook: app owner [name…]
func cmdApp(ts *testscript.TestScript, _ bool, args []string) {
	gh := hubOf(ts)
	app, err := gh.AddApp("pocketci-app")
	ts.Check(err)
	gh.Install(app, args[0], args[1:]...)
	file := filepath.Join(ts.Getenv("WORK"), "app.pem")
	ts.Check(os.WriteFile(file, []byte(app.Key), 0o600))
	ts.Setenv("GITHUB_APP_ID", strconv.FormatInt(app.ID, 10))
	ts.Setenv("GITHUB_APP_PRIVATE_KEY_FILE", file)
	for _, name := range []string{"GITHUB_USERNAME", "GITHUB_TOKEN"} {
		ts.Setenv(name, "")
	}
	ts.Setenv("KEY", strings.Split(app.Key, "\n")[1])
	h := gh.AddHook(githubtest.Hook{AppID: app.ID, URL: ts.Getenv("HOOK") + "/", Secret: "s3cret"})
	ts.Setenv("HOOK_ID", strconv.FormatInt(h.ID, 10))
}

// cmdTokens checks that there is a token that reads the contents of one repository
// (REPO_ID) and nothing else, and that each token which is not for the API is such
// a one: tokens
func cmdTokens(ts *testscript.TestScript, _ bool, _ []string) {
	id, err := strconv.ParseInt(ts.Getenv("REPO_ID"), 10, 64)
	ts.Check(err)
	narrow := 0
	for _, t := range hubOf(ts).Issued() {
		if len(t.Permissions) == 0 {
			continue
		}
		narrow++
		if !slices.Equal(t.Repositories, []int64{id}) || fmt.Sprint(t.Permissions) != "map[contents:read]" {
			ts.Fatalf("a token reaches %v and may %v", t.Repositories, t.Permissions)
		}
	}
	if narrow == 0 {
		ts.Fatalf("no token is narrowed")
	}
}
