// Package mlswire reads and writes what anyone may parse of MLS ([RFC 9420])
// without a secret: the framing of messages, KeyPackages, leaf nodes,
// proposals, commits, Welcomes, GroupInfos and the ratchet tree.
//
// A delivery service needs [Peek] and nothing else. Types carry the names of
// the RFC; each has an Encode method that appends it to a [tlsenc.Writer], and
// what arrives alone has a Parse function. Parse functions copy their input
// once, so that what they return is the caller's; every length is checked
// against the bytes present before anything is allocated, and an input that is
// made to cost many times its length is refused with [ErrCost]. They judge the
// form alone: what is well formed may still break the rules of package mls.
//
// [RFC 9420]: https://www.rfc-editor.org/rfc/rfc9420.html
package mlswire
