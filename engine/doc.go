// Package engine runs functions of Dagger modules on a Dagger engine (v0.21). It
// is the only package that knows the Dagger SDK.
//
//	Source ─► Plan ─► Table            what a module offers; from the disk if its content is known
//	       └────────► Session ─► Call  one event, one module, one lane: calls in parallel
//
// # What a module is made of
//
// A tree that changes makes a new module: its code is generated, compiled and
// started anew. [NewPlan] therefore finds out, from dagger.json and without an
// engine, what of the repository a module is made of: dagger.json, its source
// folder, its `include` patterns, and the same of every local module that it
// pulls in, which is what the engine itself takes of a module in a git
// repository. The engine gets a tree narrowed to that. What can't be narrowed
// safely is loaded whole, and the log says why: a module that is the whole
// repository, a dagger.json with a key that is not known, a local dependency
// with default paths of its own, a default path of a type other than Directory
// and File.
//
// Default paths of Directory and File parameters would then point into nothing.
// They are passed as arguments ([run.ArgDirectory], [run.ArgFile]) and resolved
// here as the engine does: absolute from the repository's root, relative from
// the module's folder, less what the parameter ignores.
//
// A remote dependency without a pin, a path that leads through a symlink or a
// submodule, and a submodule that [Config.Submodule] does not allow are refused.
// The pins of a remote dependency's own dependencies, and the submodules of a
// submodule, can't be seen from here. Of a fork's commit ([run.Source.Head]) none
// is followed: its files give a repository that holds the commit alone (a method
// Pack(ctx, depth), as those of package vcs/git have), from which the engine restores
// them. Files that can't give one are an error of the functions that take `src`.
//
// # Tables
//
// A table is kept on disk under a key of everything that it depends on: the
// content of what the module is made of (git object ids), its pins, the engine's
// version, the SDK's version. An event that no function handles costs no engine.
// A file that is not what was written is as good as none. Which version an
// engine has is known from the last session with it; after an upgrade the first
// session corrects it.
//
// # Sessions
//
// A session is a child process (the dagger CLI, about 60 MB) that holds the
// connection to the engine. It gets an allow-listed environment ([Config]), an
// empty home, an empty Docker configuration, no SSH agent, and a working
// directory that holds nothing but an empty .env, so that neither the operator's
// logins nor his defaults reach a function. Its token is read from a pipe and
// never written anywhere. It dies with the agent, also if that is killed.
// Engines behind ssh:// and kube-pod:// need a login of the operator and are
// thus not supported.
//
// A function runs in a container of the engine. What it asks for by env://,
// file:// or cmd:// is looked for in that container, not in the session.
//
// # Calls
//
// A function's own failure is a [run.Result]. An error means that there is no
// result: it wraps [run.ErrEngineLost] if the engine, or the session's process,
// went away or gave no sign of life (asked for every [Config.Heartbeat], counted
// as lost after [Config.Silence], whatever the call's own time-out), or tells
// why the engine could not get the repository. A ctx that ends gives a result:
// a deadline [run.TimedOut], anything else [run.Cancelled] with the cause. So
// cancel with a cause that people may read.
//
// A value is kept as text: a string as it is, other scalars as JSON, a list in
// lines, an object not at all. Objects are synced where they can be, so that
// their work is done and its failure is the function's.
//
// What a function and its containers print arrives as telemetry (OTLP), to a
// receiver of the session's own on loopback whose path is a secret. Each call is
// a trace, by which calls in parallel are told apart. Output is passed on in
// whole lines, kept from both ends up to [Config.OutputHead] and
// [Config.OutputTail], and waited for after the call's end for at most
// [Config.Drain]; in practice a tenth of a second. What several calls share (the
// constructor, a container) prints in one of them.
//
// Cached in a result means that the engine ran nothing: the module, the
// arguments and the secrets were the same before. Output is then empty.
//
// Secrets' values, the git token among them, are taken out of everything that a
// session returns or logs (package engine/scrub). They travel in variables of requests,
// under names that are an HMAC of repository, lane, parameter and value: stable,
// because the engine's cache knows calls again by them, and telling nothing.
package engine
