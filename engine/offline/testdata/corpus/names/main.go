package main

import "dagger/names-of-things-2/internal/dagger"

type NamesOfThings2 struct{}

func (m *NamesOfThings2) OnGithubPRReview()          {}
func (m *NamesOfThings2) OnGitHubPush()              {}
func (m *NamesOfThings2) HTTPServer()                {}
func (m *NamesOfThings2) ID2()                       {}
func (m *NamesOfThings2) Test_OnGithubPush()         {}
func (m *NamesOfThings2) PublishV1()                 {}
func (m *NamesOfThings2) A()                         {}
func (m *NamesOfThings2) OnGithubPushAB()            {}
func (m *NamesOfThings2) TestAPIOnGithubPush2Main()  {}
func (m *NamesOfThings2) Go_on()                     {}
func (m *NamesOfThings2) GoOn(a string)              {}
func (m *NamesOfThings2) JSON()                      {}
func (m *NamesOfThings2) LLM(JSON, LLM, json string) {}
func (m *NamesOfThings2) Zuletzt(ghURL string, src_dir *dagger.Directory, ID2 string, HTTPPort int, a1b2 string, _under string) {
}
