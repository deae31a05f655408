// Package githubtest is a GitHub for tests: API, webhooks and git over smart
// HTTP on one loopback address, laid out as GitHub Enterprise Server lays it
// out. It needs nothing but git on the PATH.
//
//	gh := githubtest.Start(t, githubtest.Config{})
//	hello := gh.AddRepo(githubtest.Repo{Owner: "octo", Name: "hello", Private: true})
//	// clone from gh.URL + "/octo/hello.git", the API is gh.APIURL()
//	gh.Deliver(ctx, githubtest.Delivery{URL: agent, Secret: "s", Event: "push",
//		Payload: gh.PushPayload("octo/hello", "refs/heads/main", before, after)})
//	gh.WaitStatus(ctx, githubtest.Query{Repo: "octo/hello", Context: "pocketci (push)", State: "success"})
//
// # What it does as GitHub does
//
// Addresses. Git is at <URL>/<owner>/<name> with or without ".git", the API at
// <URL>/api/v3. Owner, name and login are compared without case.
//
// Credentials. The API takes a token as "Bearer", as "token" or as a Basic
// password; git takes it as a Basic password with any user name. A wrong one is
// 401 everywhere, also where none would have been needed. Without one, public
// repositories can be read, writing is 401. A private repository that the
// account can't see is 404 in the API and, for git, 401 without credentials
// (so that git asks for them) and 404 with them.
//
// Statuses. They are appended, never changed; listed newest first, paged with
// Link headers (30, at most 100). A sha without a commit is 422 if the
// repository has git data; so is a description over 140 characters, a state
// that does not exist, or the thousandth and first status of a sha and context.
// Reporting needs write permission: 403, or 404 if the repository is hidden.
//
// Permissions. /collaborators/{login}/permission answers for any account that
// exists, with the legacy permission (maintain is "write", triage is "read"),
// the role name and the user with its id; 404 for a login nobody has. A login
// can be renamed and taken by another account ([Server.RenameUser]).
//
// Repositories keep their id when renamed; the old address redirects (301) to
// /repositories/{id} in the API and to the new path for git. A repository made
// anew under an old name has a new id, and the redirect is gone.
//
// Limits. Every answer of the API carries the X-RateLimit headers, a matching
// If-None-Match is 304 and costs nothing. [Server.SetOutage] makes it answer
// like a GitHub that limits (primary: 403, remaining 0 and a reset time;
// secondary: 403 and Retry-After), fails (502, HTML), hides (404), refuses (401,
// 403, 422), hangs, hangs up, or redirects to another host.
//
// Git. `git http-backend` over bare repositories: protocol v2, partial clone,
// any sha may be asked for, refs/pull/N/head of forks too ([Server.AddPull]
// brings the fork's objects into the base's store, as GitHub's shared storage
// does). Pushing needs write permission and sends no webhook: tests deliver
// what they mean to.
//
// Webhooks. [Server.Deliver] signs and posts as hookshot does and keeps the
// delivery with its answer; [Server.Lose] keeps one that never arrived. Both are
// listed newest first under the hook (repository, organisation or App), by
// cursor, for 72 hours; the detail holds headers and the payload as a JSON object
// (so not byte for byte what was signed); an attempt can be asked for again: same
// GUID, new id.
//
// # What it does not
//
// GraphQL, search, checks, contents. An address it does not know is 404, as JSON.
//
// # For scripts
//
// What the Go methods do is at /_test/ too, without credentials: see control.go.
package githubtest
