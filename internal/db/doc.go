// Package db opens the database and runs transactions on it, the same way on
// SQLite and on PostgreSQL.
//
// It is the only package that imports database/sql. Domains own tables and take
// a *Tx; journeys and endpoints own transactions and choose one of three:
// DB.Read is a read-only snapshot, DB.Write is serializable and retried,
// DB.WriteStatement is for single conditional statements that no SELECT decides
// (counters, consumption of single-use things, leases).
//
// Rules that hold on both engines and are refused when broken:
//
//   - A closure may run more than once and beside others in one commit. It
//     assigns only to its result; nothing else happens inside. What must happen
//     after the commit is given to Tx.AfterCommit.
//   - An error returned by the closure rolls everything back, so a denial that
//     must leave a trace is returned as a value.
//   - A failed statement dooms its transaction: nothing more can be executed in
//     it, and it cannot commit. Use ON CONFLICT instead of trying.
//   - Rows are closed before the next statement.
//   - Arguments are strings, integers, byte slices, or nil. Times are Unix
//     milliseconds made by Millis; there are no booleans.
//
// SQLite has one writer, which gathers up to 64 waiting closures into one
// commit (writer.go). PostgreSQL runs each closure in its own transaction and
// repeats it after a serialization failure (postgres.go).
package db
