// Package git is git plumbing over the git command line: it brings an event's
// commit to this machine, says exactly which files changed, and reads files of a
// commit without checking it out.
//
// # Mirrors
//
// A [Mirrors] keeps one bare repository per repository of the code host, named
// by its numeric id, so that a renamed repository keeps its mirror. A mirror holds
// all commits and trees of what was fetched and no file contents (a blobless
// partial clone); single contents are fetched when somebody reads them. It holds
// no address and no credentials, and it is never checked out.
//
//	m, err := git.New(git.Config{Dir: dir, Remote: remote, Log: log})
//	tree, err := m.Checkout(ctx, e)      // fetch what is missing, nothing else
//	defer tree.Files.(io.Closer).Close() // ends the process that reads
//	b, err := tree.Files.ReadFile("pocketci.yaml")
//
// Guarantees:
//
//   - Nothing is fetched if the event's commits are there already. Otherwise one
//     fetch names exactly those commits (and a branch's tip where its newest state
//     counts). An event takes two to five git processes.
//   - Fetches of one repository happen one after the other, and what asks in the
//     meantime is joined into the next one. Reading never waits for a fetch.
//   - Cancelling the context of one asker doesn't end a fetch that others wait for.
//   - Lock files and half-written packs of a killed process are removed when the
//     next one starts, and only once nobody owns them: git processes inherit a file
//     lock, so that one which outlived its agent still counts as an owner. A mirror
//     that turns out to be damaged is cloned again.
//   - Names are bytes. File names need not be UTF-8, may hold quotes, newlines and
//     leading dashes, and are never quoted, changed or taken for an option. Refs obey
//     the rules of git check-ref-format or are refused; shas are hexadecimal.
//
// # Packs
//
// What has submodules can be had without them: [Packer] fetches a commit, contents
// and all, into a repository of its own, without files, whose index is the commit's.
// Whoever restores the files gets submodules as empty folders. Packs are below
// Dir/packs, and are removed when the tree is closed or at the next start.
//
// # Credentials
//
// They reach git by its process's environment only: not by arguments, which every
// account of the machine can list, not on disk, not in addresses. They are sent to
// the remote's own scheme, host and port, never after a redirect, and over https
// only (http on loopback apart). git runs with an allow-listed environment (PATH,
// temporary folder, proxies, certificate authorities), an empty home, without the
// machine's or a user's settings, without hooks, credential helpers, prompts and any
// transport but the one at hand. What git prints is scrubbed before it becomes an
// error. Received objects are not held to git fsck's opinion of style: real
// repositories break it, and nothing is ever checked out; what reads trees checks
// names itself.
//
// # Errors
//
// What people can do something about is an [event.Problem]: a commit or ref that
// is gone ([ErrGone]), a repository that can't be read ([ErrDenied], [ErrMoved]).
// [ErrUnreachable] marks what may work a moment later. Everything else is a plain
// error.
//
// # The working tree
//
// [Worktree] gives a working tree, uncommitted changes included, as the same kind
// of value, without writing to its repository.
package git
