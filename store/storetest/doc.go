// Package storetest holds what every dialect of the store must do: [Run] is the
// conformance suite, [SQLite] and [StartPostgres] give it databases. Other
// packages' tests may use them to get a store.
//
// Time in a [Database] stands still until [Database.Pass] moves it, in the
// configuration's clock as in the database's own: nothing here waits for time.
package storetest
