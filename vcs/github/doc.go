// Package github is all that differs for GitHub: which deliveries are genuine,
// what they say, where repositories are, credentials, commit statuses and
// permissions. It works the same for github.com and for GitHub Enterprise Server.
//
// # Deliveries
//
// A [Receiver] takes them in two steps, both without side effects:
//
//	err := r.Verify(headers, body)   // GitHub's headers, then HMAC-SHA256 over the raw bytes
//	e, err := r.Parse(headers, body) // an event.Event; e.Payload is body itself
//
// Verify looks at nothing inside the body. Every secret is tried, in constant
// time; without one, with an empty one, or with SHA-1 alone nothing is genuine. A
// secret may be for a glob of repositories (see [ParseSecrets]): Parse refuses a
// payload of any other. What is refused is an *event.Problem around
// event.ErrMalformed (400) or event.ErrUnsigned (401), with a hint.
//
// # What becomes of what GitHub sends
//
// The kind of event comes from X-GitHub-Event, which the signature does not cover:
// what a payload proves is proven by its body alone, and a body that can be told to
// be another kind's is malformed. Kinds that GitHub invents tomorrow are taken like
// "any other". Filter is the action where nothing else is said.
//
//	GitHub sends                  event      filter    commit                      status on it
//	push of a branch              push       branch    after                       yes
//	push of a tag                 tag        tag       head_commit (*)             yes
//	push that deletes             recorded only: GitHub sends delete too
//	pull_request, _review,        its name   action    the head; ref               yes
//	  _review_comment,                                 refs/pull/N/head
//	  _review_thread
//	release                       release    action    what refs/tags/<tag> is     yes
//	status                        status     state     sha                         yes
//	check_run, check_suite        its name   action    head_sha                    yes
//	workflow_run, workflow_job    its name   action    head_sha                    yes
//	deployment, _status,          its name   action    deployment.sha              yes
//	  _protection_rule
//	deployment_review             its name   action    workflow_run.head_sha       yes
//	merge_group                   its name   action    head_sha; ref head_ref      yes
//	commit_comment                its name   action    comment.commit_id           yes
//	package, registry_package     its name   action    package_version.target_oid  yes
//	create, delete                its name   ref_type  the default branch          no
//	alerts (**)                   its name   action    the default branch          no
//	any other (issues, star,      its name   action    the default branch          no
//	  issue_comment, gollum,
//	  page_build, …)
//	ping                          recorded only
//	anything without a repository recorded only
//	our own doing (***)           recorded only
//
// (*) after is the tag object's id if the tag is annotated. Where head_commit is
// missing, SHA is empty, and the checkout finds what the tag points at.
//
// (**) dependabot, code scanning, secret scanning, vulnerability, advisory: named
// by what their names hold, so that a new kind is not missed. NamedOnly is set.
//
// (***) statuses with a context of ours (pocketci, pocketci/…, pocketci (…)),
// check runs and suites of our App, comments that our account wrote or changed.
//
// An empty SHA means: what Ref points at when the event is worked on; an empty
// Ref then is the default branch. A SHA with an empty Ref is a commit whose branch
// the payload does not tell reliably: it may be a fork's, a tag's, or gone. Where a
// payload of the commit kinds names none (a deployment of nothing, a package that
// was published by hand), the event is about the default branch. The shas in gollum
// and page_build are the wiki's and the site's: not of this repository's code.
//
// Trust. A push and a tag prove both sha and sender: only who may write can
// push, and forks' pushes come as the fork's. Default branch and release tag are
// the repository's own refs. A pull request's head is trusted if its repository's
// id is the base's; a missing one is untrusted. Of every other sha, and of every
// other sender, the delivery proves nothing: both are left to be asked for.
//
// Names are data: branches, tags, actions, logins come as GitHub sends them. What
// becomes part of a path or an address is checked: owner and name consist of
// [A-Za-z0-9._-], shas are full hexadecimal ids; else the delivery is malformed.
//
// # The API
//
// A [Client] sets and lists statuses, asks who may write, and finds a renamed
// repository by its id. The token is sent to the configured host alone, also when
// that redirects. Its errors say what to do: a *run.RetryAfter when GitHub limits
// us, run.ErrRefused when it never will, anything else when it may the next time.
// It neither waits nor retries: that is the outbox's.
//
// # Addresses and credentials
//
// [URLs] come from the operator; a clone URL is made of them and of checked names,
// never of a payload. [Credentials] are given out for that one scheme, host and
// port only.
//
// Sources: "Webhook events and payloads", "Validating webhook deliveries", "Rate
// limits for the REST API", "Best practices for using the REST API" in GitHub's docs.
package github
