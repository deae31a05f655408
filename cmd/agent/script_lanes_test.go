package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/franela/pocketci/vcs/github/githubtest"
)

// laneCommands are the commands of scripts about forks and comments.
func laneCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"forkpush": cmdForkPush,
		"pull":     cmdPull,
		"comment":  cmdComment,
		"edit":     cmdEdit,
		"role":     cmdRole,
		"rename":   cmdRename,
		"replies":  cmdReplies,
		"unheard":  cmdUnheard,
	}
}

// cmdForkPush commits a folder's content to a fork's branch and moves the pull
// request there, as a push does; SHA is the new head: forkpush owner/name number login folder
func cmdForkPush(ts *testscript.TestScript, _ bool, args []string) {
	gh := hubOf(ts)
	number, err := strconv.Atoi(args[1])
	ts.Check(err)
	_, name, _ := strings.Cut(args[0], "/")
	fork := args[2] + "/" + name
	commit(ts, gh.GitDir(fork), ts.MkAbs(args[3]), "topic")
	gh.AddPull(args[0], githubtest.Pull{Number: number, Head: fork, HeadRef: "topic", HeadSHA: ts.Getenv("SHA"), BaseSHA: ts.Getenv("BASE")})
}

// cmdPull changes a pull request whose head is SHA: pull owner/name number head/repo base [state]
// A head of - is a fork that was deleted.
func cmdPull(ts *testscript.TestScript, _ bool, args []string) {
	number, err := strconv.Atoi(args[1])
	ts.Check(err)
	p := githubtest.Pull{Number: number, Head: args[2], HeadRef: "topic", HeadSHA: ts.Getenv("SHA"), BaseRef: args[3], BaseSHA: ts.Getenv("BASE")}
	if p.Head == "-" {
		p.Head = ""
	}
	if len(args) > 4 {
		p.State = args[4]
	}
	hubOf(ts).AddPull(args[0], p)
}

// cmdComment writes a comment and delivers its event; with -quiet it writes it
// alone. COMMENT is its id, ID the event's:
//
//	comment [-quiet] owner/name number login text [guid]
func cmdComment(ts *testscript.TestScript, _ bool, args []string) {
	gh := hubOf(ts)
	quiet := args[0] == "-quiet"
	if quiet {
		args = args[1:]
	}
	number, err := strconv.Atoi(args[1])
	ts.Check(err)
	c := gh.AddComment(args[0], number, args[2], strings.ReplaceAll(args[3], `\n`, "\n"))
	ts.Setenv("COMMENT", strconv.FormatInt(c.ID, 10))
	if quiet {
		return
	}
	d := githubtest.Delivery{URL: ts.Getenv("HOOK") + "/", Secret: "s3cret", Event: "issue_comment", Payload: gh.CommentPayload(c)}
	if len(args) > 4 {
		d.GUID = args[4]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := gh.Deliver(ctx, d)
	ts.Check(err)
	if got.Code != http.StatusAccepted {
		ts.Fatalf("the agent answered %d: %s", got.Code, got.Body)
	}
	ts.Setenv("ID", "github:"+got.GUID)
}

// cmdEdit changes a comment's text without a delivery: edit id text
func cmdEdit(ts *testscript.TestScript, _ bool, args []string) {
	id, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	hubOf(ts).EditComment(id, args[1])
}

// cmdRole says what an account may do: role owner/name login role
func cmdRole(ts *testscript.TestScript, _ bool, args []string) {
	hubOf(ts).SetRole(args[0], args[1], githubtest.Role(args[2]))
}

// cmdRename gives an account another login: rename login to
func cmdRename(ts *testscript.TestScript, _ bool, args []string) {
	hubOf(ts).RenameUser(args[0], args[1])
}

// cmdReplies waits until there are so many comments of ours that match, and no
// more: replies owner/name N regexp
func cmdReplies(ts *testscript.TestScript, _ bool, args []string) {
	gh := hubOf(ts)
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	re := regexp.MustCompile(args[2])
	count := func() (n int, all []string) {
		for _, c := range gh.Comments(args[0]) {
			if c.Login != gh.Login() && c.Login != "pocketci-app[bot]" {
				continue
			}
			all = append(all, c.Body)
			if re.MatchString(c.Body) {
				n++
			}
		}
		return n, all
	}
	until(ts, strings.Join(args, " "), func() (bool, string) { n, all := count(); return n >= want, fmt.Sprintf("%q", all) })
	if n, all := count(); n != want || len(all) != want {
		ts.Fatalf("%d replies match, %d are there: %q", n, len(all), all)
	}
}

// cmdUnheard has GitHub take the next comment and hang up before it says so: unheard
func cmdUnheard(ts *testscript.TestScript, _ bool, _ []string) {
	hubOf(ts).SetOutage(githubtest.Outage{Kind: githubtest.Down, Method: http.MethodPost, Path: "/comments", Times: 1, AfterWork: true})
}
