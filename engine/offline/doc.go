// Package offline reads what a Go module offers from its source alone: the same
// [run.Table] that an engine gives, without an engine, a container or a build,
// in milliseconds. It is what makes a dry run work on a machine that has only
// the repository.
//
// The engine stays the authority. What this package knows of the Go SDK's rules
// (which methods are functions, how comments become defaults, how names are
// cased and types prefixed) was read off engine v0.21 and is held to it by a
// corpus of modules whose tables were recorded from a real engine.
//
// Guarantees:
//
//   - A table that is returned is the engine's: names, order, types, defaults,
//     optionality, descriptions and places.
//   - A module that the engine would refuse while it loads (a map as a parameter,
//     a default for a value that can't have one, a type of another package) is
//     refused here too, as an [event.Problem] that names file, line and column.
//   - No source makes it panic, and none is executed.
//
// Limits. Only modules of the Go SDK can be read. What a compiler would find
// inside function bodies and imported packages is not looked at. Blueprints,
// whose source may lie anywhere, and defaults that a user keeps in an .env file
// are the engine's business.
package offline
