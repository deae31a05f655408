package main

import "context"

/*
LintOnGithubPush has its comment in a block.

	indented text stays
*/
func (*MyCi) LintOnGithubPush(ctx context.Context, filter string) (string, error) {
	return filter, nil
}
