package directory

import "sync/atomic"

// Stats are the numbers that a [Directory] exports.
type Stats struct {
	Epochs        atomic.Int64  // committed: the number of the next
	Published     atomic.Int64  // leaves under the newest checkpoint
	Entries       atomic.Int64  // in the map
	Waiting       atomic.Int64  // updates that wait for an epoch
	Updates       atomic.Uint64 // records accepted
	Refused       atomic.Uint64 // records refused
	Lookups       atomic.Uint64
	Monitors      atomic.Uint64
	StoreFailures atomic.Uint64 // epochs that could not be committed
	LogFailures   atomic.Uint64 // leaves that could not be appended, tried again
	Cosigned      atomic.Int64  // 1 if the newest checkpoint satisfies the policy
}
