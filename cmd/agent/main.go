// Agent turns events into calls of typed functions in a Dagger module.
//
//	agent            takes webhooks and works them off (see serve.go)
//	agent receive    only takes them, agent work only works them off (see roles.go)
//	agent move       moves the store to PostgreSQL (see move.go)
//	agent run        does the same once, on the working tree (see local.go)
//
// This package is the only one that knows all the others: serve.go draws the
// line that an event travels, top to bottom.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], system(daggerEngine)))
}
