// Package mls lets a group of devices agree on keys and send messages that only
// its members can read: the Messaging Layer Security protocol of [RFC 9420],
// complete, with a post-quantum cipher suite as the default.
//
// Make a [Client] from a [Config]. [Client.CreateGroup] begins a group;
// [Group.Commit] with the KeyPackages of others adds them, and they join with
// [KeyPackage.Join]. [Group.Protect] and [Group.Process] send and receive.
//
// # Epochs
//
// A group goes from epoch to epoch by Commits. An epoch never changes: Process
// validates a Commit completely and returns a [StagedCommit], which
// [Group.Merge] installs. A message that is refused changes nothing, and the
// genuine message is accepted afterwards. A Commit of one's own waits in the
// group until the delivery service has accepted it: then [Group.MergeCommit],
// otherwise [Group.DiscardCommit] or the Merge of somebody else's Commit.
//
// # State
//
// [Group.Snapshot] returns the whole state as one secret, which [Client.Restore]
// turns back into a group. Store a snapshot before you act on what a call
// returned: before a message leaves, and after a Merge. A group that was
// snapshotted once keeps itself to that: it sends only what its last snapshot
// allows for, and otherwise returns [ErrSaveFirst].
//
// # Promises
//
// The package does no I/O, reads no clock and starts no goroutine: messages go
// in and out as bytes, and time and trust come in through [Config]. Errors are
// sentinels that name the broken rule and never hold a secret. A Client may be
// used concurrently; a Group, and a KeyPackage, belong to one goroutine at a time.
//
// [RFC 9420]: https://www.rfc-editor.org/rfc/rfc9420.html
package mls
