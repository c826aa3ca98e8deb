package conversation

import (
	"errors"
	"fmt"
	"slices"
)

// ErrRefused says that a commit does what its sender may not. The errors below are
// all ErrRefused: the commit is not merged, and the members are told why.
var (
	ErrRefused   = errors.New("conversation: not allowed")
	ErrNotMember = fmt.Errorf("%w: the sender is not in the conversation", ErrRefused)
	ErrAdd       = fmt.Errorf("%w: the sender may not add people", ErrRefused)
	ErrRemove    = fmt.Errorf("%w: the sender may not remove this person", ErrRefused)
	ErrDevice    = fmt.Errorf("%w: the sender may not add or remove a device of another", ErrRefused)
	ErrRole      = fmt.Errorf("%w: the sender may not give or take this role", ErrRefused)
	ErrRename    = fmt.Errorf("%w: the sender may not rename the conversation", ErrRefused)
	ErrPolicy    = fmt.Errorf("%w: the sender may not change the rules", ErrRefused)
	ErrKind      = fmt.Errorf("%w: the kind of a conversation does not change", ErrRefused)
	ErrDirect    = fmt.Errorf("%w: who is in a direct conversation does not change", ErrRefused)
	ErrMismatch  = fmt.Errorf("%w: devices and users of the commit do not fit together", ErrRefused)
)

// A Device is a leaf of the group, by its credential. The caller has found it in
// the verified device list of its user before it asks for an addition.
type Device struct{ User, ID User }

// A Change is what a commit does, by users and devices. A user is added with the
// first device and removed with the last; devices of such users are not in
// AddedDevices and RemovedDevices.
type Change struct {
	AddedUsers     []User
	RemovedUsers   []User
	Left           []User // removed on a proposal of their own
	AddedDevices   []Device
	RemovedDevices []Device
	// Revoked are RemovedDevices that are no longer in their user's verified list:
	// any member may remove them.
	Revoked []Device
	New     *State // nil: unchanged
}

// Allowed says whether committer may make a change to a conversation in the state
// old: nil or an error that wraps ErrRefused or ErrState. A user who leaves, and
// a device that lost its state and is removed and added in one commit, may be
// served by any member.
func Allowed(old *State, committer User, c Change) error {
	role, ok := old.Role(committer)
	if !ok {
		return ErrNotMember
	}
	next := old
	if c.New != nil {
		next = c.New
		if err := next.check(); err != nil {
			return err
		}
	}
	if next.Kind != old.Kind {
		return ErrKind
	}
	if err := devices(old, committer, c); err != nil {
		return err
	}
	if next.Name != old.Name && role > old.Policy.Rename {
		return ErrRename
	}
	if next.Policy != old.Policy && role > Admin {
		return ErrPolicy
	}
	if old.Kind == Direct {
		return direct(old, next, c)
	}
	return users(old, next, committer, c)
}

// devices judges devices of users who stay: one's own, revoked ones, and those
// that are removed and added at once.
func devices(old *State, committer User, c Change) error {
	for _, d := range c.AddedDevices {
		if _, in := old.Role(d.User); !in {
			return ErrMismatch
		}
		if d.User != committer && !slices.Contains(c.RemovedDevices, d) {
			return ErrDevice
		}
	}
	for _, d := range c.RemovedDevices {
		if _, in := old.Role(d.User); !in {
			return ErrMismatch
		}
		if d.User != committer && !slices.Contains(c.Revoked, d) && !slices.Contains(c.AddedDevices, d) {
			return ErrDevice
		}
	}
	return nil
}

// direct: both users are named from the beginning, so that AddedUsers is the
// other one's first device.
func direct(old, next *State, c Change) error {
	if !slices.Equal(old.Roles, next.Roles) || len(c.RemovedUsers)+len(c.Left) > 0 {
		return ErrDirect
	}
	for _, u := range c.AddedUsers {
		if _, in := old.Role(u); !in {
			return ErrDirect
		}
	}
	return nil
}

// users judges who comes, who goes and who is given which role in a group.
func users(old, next *State, committer User, c Change) error {
	was, is := roles(old), roles(next)
	gone := slices.Concat(c.RemovedUsers, c.Left)
	if !distinct(c.AddedUsers) || !distinct(gone) {
		return ErrMismatch
	}
	role := was[committer]
	for _, u := range c.AddedUsers {
		given, in := is[u]
		if _, before := was[u]; before || !in {
			return ErrMismatch
		}
		if role > old.Policy.Add {
			return ErrAdd
		}
		if given < Member && !gives(role, given) {
			return ErrRole
		}
	}
	for _, u := range gone {
		had, in := was[u]
		if _, still := is[u]; still || !in {
			return ErrMismatch
		}
		if slices.Contains(c.Left, u) {
			continue
		}
		if !gives(role, had) {
			return ErrRemove
		}
	}
	if len(is) != len(was)+len(c.AddedUsers)-len(gone) {
		return ErrMismatch
	}
	for u, now := range is {
		before, stayed := was[u]
		if !stayed || before == now {
			continue
		}
		if u == committer && now > before {
			continue // gives up a role of one's own
		}
		if !gives(role, before) || !gives(role, now) {
			return ErrRole
		}
	}
	return nil
}

// gives reports whether one of role may give or take role r. A member who may add
// people makes them members or readers; see users.
func gives(role, r Role) bool {
	switch role {
	case Owner:
		return true
	case Admin:
		return r >= Member
	default:
		return false
	}
}

func roles(s *State) map[User]Role {
	m := make(map[User]Role, len(s.Roles))
	for _, e := range s.Roles {
		m[e.User] = e.Role
	}
	return m
}

func distinct(list []User) bool {
	seen := make(map[User]bool, len(list))
	for _, u := range list {
		if seen[u] {
			return false
		}
		seen[u] = true
	}
	return true
}
