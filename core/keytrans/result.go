package keytrans

// A Result is what an accepted lookup says.
type Result struct {
	// Head is the newest checkpoint.
	Head *Head
	// Witnesses is how many witnesses of the policy confirm it.
	Witnesses int
	// Handle is the handle that was asked for, or empty. Bound says that somebody
	// has it: then User is who.
	Handle string
	Bound  bool
	User   [userSize]byte
	// Found says that the user has records. The following are zero if not.
	Found bool
	// Version is the greatest, and Records are those from First to Version, encoded,
	// each checked by identity.Record.Verify and identity.Follows.
	Version uint32
	First   uint32
	Records [][]byte
	// Reset says that the identity key is another than that of the pinned version, by
	// a valid reset: a person must look before anything is sent. It is false at first
	// contact.
	Reset bool
	// State is what to remember of the user; nil if there are no records.
	State *UserState
}

// A MonitorResult is what accepted monitoring says.
type MonitorResult struct {
	// Head is the newest checkpoint, and Witnesses how many confirm it.
	Head      *Head
	Witnesses int
	// Epochs is how many distinguished epochs were checked.
	Epochs int
	// Version is the greatest version in the last of them (owner), or the pinned
	// (contact, or none checked). If it is greater than the pinned, look the user up.
	Version uint32
	// More says that there are more distinguished epochs to check.
	More bool
	// State is what to remember of the user.
	State *UserState
}
