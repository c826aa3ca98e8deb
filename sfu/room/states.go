package room

import "time"

// A states is what a client was told of how its streams are sent.
type states struct{}

// tellStates queues StreamStates if they changed.
func (rc *receiver) tellStates(now time.Time) {}
