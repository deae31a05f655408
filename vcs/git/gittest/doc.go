// Package gittest makes real git repositories and serves them over smart HTTP,
// for tests of whatever reads repositories. It needs git on PATH and loopback.
//
//	srv := gittest.NewServer(t, gittest.Options{Username: "octo", Token: "s3cret"})
//	repo := srv.Repo("octo/hello")
//	sha := repo.Commit(gittest.Commit{Write: map[string]string{"README.md": "hello"}})
//
// Commits are made by git fast-import: one process each, any file name, any
// mode, any parents. Times are counted from a fixed date, so that equal calls
// give equal shas. Whatever fails ends the test.
package gittest
