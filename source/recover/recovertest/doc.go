// Package recovertest has a code host for tests of package recover: a record of
// deliveries in memory, which can be made to fail.
package recovertest
