// Package statustest has the two sides of a status sender in memory: a [Store]
// with runs and an outbox that keeps the rules of reports, and a [Host] that
// takes statuses and fails as it is told.
package statustest
