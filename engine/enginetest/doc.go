// Package enginetest has a fake engine and the conformance suite that it and
// the real one pass.
//
// A [Fake] takes what a module offers from an injected [Reader] and what its
// functions do from comments in their bodies, so that one Go module serves both
// engines: the real one runs its code, the fake its comments.
//
//	func (m *Hello) OnGithubPush() error {
//		//fake: print hello
//		//fake: fail tests failed: 3 of 10
//		fmt.Println("hello")
//		return errors.New("tests failed: 3 of 10")
//	}
//
// The comments are carried out in order. What they can say:
//
//	print TEXT          a line of output
//	return TEXT         the function's value; the function goes on
//	returns A;B         the function's value: a list, in lines
//	fail TEXT           the function's error
//	fail-if PARAM TEXT  the same if PARAM was given true
//	fail-with-secret PARAM  an error that holds the secret that PARAM was given
//	panic TEXT          a panic
//	exec CODE TEXT      a container's command fails with the code, TEXT on its standard error
//	sleep DURATION      takes that long
//	wait NAME           waits until NAME is signalled
//	lost                the engine goes away: this session's calls are lost
//	flood N             prints N lines, of which not all are kept
//	echo-secret PARAM   prints the secret that PARAM was given
//	return-secret PARAM returns it
//	print-arg PARAM     prints what PARAM was given
//	arg PARAM           returns what PARAM was given, a string as it is, else JSON
//	contents PARAM      returns the content of the file that PARAM was given
//	entries PARAM       returns the names in the directory that PARAM was given, in lines
//	trigger             returns the eventTrigger file
//
// Those of the constructor (New) are carried out before those of each function.
// A call whose inputs were seen before is answered from the cache, as the real
// engine does: nothing is carried out, and the result says so.
//
// # Control by files
//
// With [Config.Control] the fake obeys files in that folder, so that a script
// can drive it inside another process:
//
//	down            no engine is there: Ping, Open and Table of an unknown module say run.ErrNoEngine
//	hang            calls do not end until the file is gone, or the silence is over: then they are lost
//	lost            calls in flight, and those begun while it is there, are lost
//	latency         a duration that every Table and Call takes
//	signal-NAME     NAME is signalled
//
// and it appends what it was asked to log.jsonl, one [Record] a line.
package enginetest
