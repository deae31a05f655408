package main

import (
	"context"
	"errors"
	"time"

	"github.com/franela/pocketci/event"
	"github.com/franela/pocketci/vcs/git"
	"github.com/franela/pocketci/vcs/github"
)

// tokenTime bounds how long a token for a checkout is waited for.
const tokenTime = 30 * time.Second

var errTokenTime = errors.New("the code host gave no token in time")

// appUser is the name that goes with an App's token in git.
const appUser = "x-access-token"

// makeGitHub makes the client of the code host's API, as the account that the
// token belongs to or as a GitHub App.
func (a *agent) makeGitHub(w world) (err error) {
	c := github.ClientConfig{URLs: a.urls, Clock: w.clock, Log: a.log}
	if a.creds.AppID == 0 {
		c.Token = github.StaticToken(a.creds.Token)
	} else {
		if a.app, err = github.NewApp(github.AppConfig{URLs: a.urls, ID: a.creds.AppID, Key: a.creds.AppKey, Clock: w.clock}); err != nil {
			return err
		}
		c.App = a.app
	}
	a.github, err = github.NewClient(c)
	return err
}

// recordConfig is how the code host's own record is read. A GitHub App reads that
// of its webhook too.
func (a *agent) recordConfig() github.RecordConfig {
	c := github.RecordConfig{Client: a.github, Permits: a.readingBudget()}
	if a.app != nil {
		c.App = a.github
	}
	return c
}

// remote is where a repository is cloned from, and with what: an App's token is
// good for this repository alone, and to read it.
func (a *agent) remote(r event.Repo) (git.Remote, error) {
	url, err := a.urls.Clone(r)
	if err != nil {
		return git.Remote{}, err
	}
	if a.app == nil {
		return git.Remote{URL: url, Username: a.creds.Username, Token: a.creds.Token}, nil
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), tokenTime, errTokenTime)
	defer cancel()
	token, err := a.app.CheckoutToken(ctx, r)
	if err != nil {
		return git.Remote{}, err
	}
	return git.Remote{URL: url, Username: appUser, Token: token}, nil
}
