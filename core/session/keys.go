package session

import (
	"conclave/core/sframe"
)

// suite is the one cipher suite of media and data.
const suite = sframe.AES256GCMSHA512

// Keys is what media needs to know of an epoch: the seam behind which another
// scheme of group keys can take this package's place. All methods may be called
// concurrently and always answer the same for one Keys.
type Keys interface {
	// Epoch returns the number of the epoch.
	Epoch() Epoch
	// Self returns this device's sender index.
	Self() SenderIndex
	// Roster returns the members in order of succession. The caller may keep
	// and change the slice.
	Roster() []Member
	// MediaKey returns the key for frames of a member in a context, or an error
	// wrapping ErrNotMember if the index is not in the roster. The caller erases
	// the key material when it is done with it.
	MediaKey(i SenderIndex, c sframe.Context) (sframe.KeyMaterial, error)
}

var _ Keys = (*Group)(nil)

// A Member is a device in a meeting and its sender index.
type Member struct {
	Index SenderIndex
	Announcement
}
