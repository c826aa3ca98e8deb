package delivery

// A Bus tells all servers of an installation that there is something new. Losing a
// notice costs nothing but time: a Service looks at heads itself every few seconds.
// Its methods may be called from several goroutines.
type Bus interface {
	// Publish tells every subscriber, of this process too, and waits for none. The
	// caller does not change what n points to any more.
	Publish(n Notice)
	// Subscribe calls f with each notice until cancel, from one goroutine. A slow f
	// gets only the newest head of a group.
	Subscribe(f func(n Notice)) (cancel func())
}

// A Notice says that there is something new. It comes from whoever may publish on
// the bus: a receiver reads the database and believes no head from here.
type Notice struct {
	// Group is whose log has grown, or whose devices Ephemeral is for; zero if
	// neither.
	Group [16]byte
	// Head is the sequence number of the newest row; 0 for an inbox.
	Head uint64
	// Device is whose inbox has grown, or who sent Ephemeral; zero if neither.
	Device [16]byte
	// Ephemeral is an MLSMessage of at most 4 KiB for the devices of Group that are
	// connected now; empty if the notice is about a log or an inbox.
	Ephemeral []byte
}
