package keytrans

// ServerKeys is who a server is. A client pins them; they never come from the
// answers that they judge.
type ServerKeys struct {
	// Origin is the name of the log.
	Origin string
	// LogKey is the log's key as a note verifier key (C2SP signed-note).
	LogKey string
	// VRFKey is the key of the random function that makes labels.
	VRFKey [32]byte
}

// A Checkpoint is a state of the log.
type Checkpoint struct {
	// Size is the number of epochs.
	Size uint64
	// Root is the root of the log's Merkle tree.
	Root Hash
}

// A Verifier judges the answers of one directory. It is for concurrent use.
type Verifier struct {
	keys   ServerKeys
	policy *Policy
}

// NewVerifier returns a Verifier. A nil policy asks for no witness. Errors wrap
// ErrFormat: the pinned keys or the policy cannot be used.
func NewVerifier(keys ServerKeys, policy *Policy) (*Verifier, error) {
	return &Verifier{keys: keys, policy: policy}, nil
}

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
	User   [16]byte
	// Found says that the user has records. The following are zero if not.
	Found bool
	// Version is the greatest, and Records are those from First to Version, encoded,
	// each checked by identity.Record.Verify and identity.Follows.
	Version uint32
	First   uint32
	Records [][]byte
	// Reset says that one of Records after First replaces the identity key: a
	// person must look before anything is sent.
	Reset bool
	// State is what to remember of the user.
	State *UserState
}

// Lookup judges an answer to q, which must be what st.Request returned. now is
// in milliseconds since 1970. It does not change st. Errors are *Error.
func (v *Verifier) Lookup(st *State, q *LookupRequest, answer []byte, now uint64) (*Result, error) {
	return nil, ErrProof
}

// A MonitorResult is what accepted monitoring says.
type MonitorResult struct {
	Head      *Head
	Witnesses int
	// Epochs is how many distinguished epochs were checked.
	Epochs int
	// Version is the greatest version in the last of them (owner), or the pinned
	// (contact). If it is greater than the pinned, look the user up.
	Version uint32
	// More says that there are more distinguished epochs to check.
	More bool
	// State is what to remember of the user.
	State *UserState
}

// Monitor judges an answer to q, which must be what st.MonitorRequest returned.
// It does not change st. Errors are *Error.
func (v *Verifier) Monitor(st *State, q *MonitorRequest, answer []byte, now uint64) (*MonitorResult, error) {
	return nil, ErrProof
}

// OpenCheckpoint checks the log's signature on a note, and nothing else: a head
// that another client shows counts for gossip even if it is old.
func (v *Verifier) OpenCheckpoint(note []byte) (*Checkpoint, error) {
	return nil, ErrProof
}

// VerifyConsistency checks that the log at to holds all that it held at from.
// Errors are *Error with the id split.
func VerifyConsistency(from, to Checkpoint, proof []Hash) error { return ErrSplit }
