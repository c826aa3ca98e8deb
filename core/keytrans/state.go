package keytrans

import "slices"

// A Head is the newest checkpoint that a client accepted of a server.
type Head struct {
	Checkpoint
	// Note is the signed note.
	Note []byte
	// Time is the time of its last epoch.
	Time uint64
}

// A Label is the label of a version of a user, which never changes, and what the
// map holds there.
type Label struct {
	Version uint32
	Label   Hash
	// Exists says that the version was in the map; Commitment is then what was.
	Exists     bool
	Commitment Hash
	// VRF is the proof of the label, 80 bytes; evidence needs it.
	VRF [vrfSize]byte
}

// A UserState is what a client remembers of a user.
type UserState struct {
	User [userSize]byte
	// Version is the greatest that was accepted, and Record the SHA-256 of its
	// record. It is pinned: the directory must show it for ever.
	Version uint32
	Record  Hash
	// IdentityKey is that of the record.
	IdentityKey [32]byte
	// Labels are those of the ladder of Version and others known to exist, by
	// version; at most 64.
	Labels []Label
	// Accepted is the epoch in which Version was accepted, and AcceptedTime its time.
	Accepted, AcceptedTime uint64
	// Checked is the last epoch that monitoring looked at, or the one of first
	// contact, CheckedTime its time and CheckedVersion the greatest version there. The owner's
	// monitoring goes on from there; a contact's from the later of this and Accepted.
	Checked, CheckedTime uint64
	CheckedVersion       uint32
	// Confirmed says that Version was seen unchanged in a distinguished epoch after
	// the one in which it was accepted.
	Confirmed bool
	// Proof is what the directory said last, with its proofs: it becomes evidence if
	// the directory says something else later.
	Proof []byte
}

// A State is what a client remembers of a server. A Verifier reads it; only Apply
// and ApplyMonitor change it. Not for concurrent use.
type State struct {
	// Head is nil before the first answer.
	Head *Head
	// Users are by user.
	Users map[[userSize]byte]*UserState
	// Handles says who has a handle. A handle never moves.
	Handles map[string][userSize]byte
}

// Request returns the request for what the client does not know yet: the records
// from the pinned version on, and no label proofs that it has.
func (s *State) Request(kind Kind, name []byte) *LookupRequest {
	q := &LookupRequest{Kind: kind, Name: slices.Clone(name)}
	if s.Head != nil {
		q.Known = s.Head.Size
	}
	if u := s.user(kind, name); u != nil {
		q.SincePlusOne = u.Version + 1
		q.Cached = u.versions()
	}
	return q
}

// MonitorRequest returns the request for the next distinguished epochs, at most
// most, of a pinned user; nil if the user is not pinned.
func (s *State) MonitorRequest(user [userSize]byte, owner bool, most uint8) *MonitorRequest {
	u := s.Users[user]
	if u == nil || s.Head == nil {
		return nil
	}
	after, _ := u.checked(owner)
	return &MonitorRequest{
		User: user, Known: s.Head.Size, After: after, Version: u.Version,
		Owner: owner, Most: most, Cached: u.versions(),
	}
}

// checked returns the epoch from which monitoring goes on, and its time. A
// contact's version need not be in epochs before it was accepted.
func (u *UserState) checked(owner bool) (index, time uint64) {
	if !owner && u.Accepted > u.Checked {
		return u.Accepted, u.AcceptedTime
	}
	return u.Checked, u.CheckedTime
}

// label returns what is known of a version, or nil.
func (u *UserState) label(version uint32) *Label {
	if u == nil {
		return nil
	}
	return find(u.Labels, version)
}

// user returns what is known of the user that a lookup asks for.
func (s *State) user(kind Kind, name []byte) *UserState {
	var id [userSize]byte
	if kind == ByUser {
		if copy(id[:], name) != userSize {
			return nil
		}
		return s.Users[id]
	}
	id, ok := s.Handles[string(name)]
	if !ok {
		return nil
	}
	return s.Users[id]
}

func (u *UserState) versions() []uint32 {
	out := make([]uint32, len(u.Labels))
	for i := range u.Labels {
		out[i] = u.Labels[i].Version
	}
	return out
}

// Apply takes over what an accepted lookup taught.
func (s *State) Apply(r *Result) {
	s.head(r.Head)
	if r.Handle != "" && r.Bound {
		if s.Handles == nil {
			s.Handles = make(map[string][userSize]byte)
		}
		s.Handles[r.Handle] = r.User
	}
	s.pin(r.State)
}

// ApplyMonitor takes over what accepted monitoring taught.
func (s *State) ApplyMonitor(r *MonitorResult) {
	s.head(r.Head)
	s.pin(r.State)
}

func (s *State) head(h *Head) {
	if s.Head == nil || h.Size >= s.Head.Size {
		s.Head = h
	}
}

func (s *State) pin(u *UserState) {
	if u == nil {
		return
	}
	if s.Users == nil {
		s.Users = make(map[[userSize]byte]*UserState)
	}
	s.Users[u.User] = u
}

// floor is the greatest version that is known to exist, or -1.
func (u *UserState) floor() int64 {
	if u == nil {
		return -1
	}
	return int64(max(u.Version, u.CheckedVersion))
}

// merge returns the labels to remember: those of the newest ladder, and others
// that are known to exist while there is room.
func (u *UserState) merge(ladder []Label) []Label {
	out := slices.Clone(ladder)
	if u != nil {
		for i := len(u.Labels) - 1; i >= 0 && len(out) < maxLadder; i-- {
			if k := &u.Labels[i]; k.Exists && find(ladder, k.Version) == nil {
				out = append(out, *k)
			}
		}
	}
	slices.SortFunc(out, func(a, b Label) int { return int(int64(a.Version) - int64(b.Version)) })
	return out
}
