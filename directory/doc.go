// Package directory is the server side of the key directory: it takes identity
// records, puts them into a versioned map that only grows, commits to the map in
// an append-only log, and answers lookups with proofs that clients check with
// core/keytrans. It cannot lie without being seen: docs/protocol.md.
//
// One [Directory] owns the log. Records come in by [Directory.Update]; at most
// once a second all that are waiting become an epoch: the leaf of the log is
// written to the [Store] together with what it commits to, in one transaction,
// and only then appended to the log. The Store is the only source of truth: at
// the start the log is brought up to it, and a log that holds more than the
// Store (a restored backup) is refused.
package directory
