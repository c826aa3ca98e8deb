package messenger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"time"

	"conclave/core/identity"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// errRequest says that a request to be let in again is not what it should be.
var errRequest = errors.New("messenger: not a request of this member's device")

// maxRequestAge is how old a request may be, in milliseconds.
const maxRequestAge = 30 * 24 * 60 * 60 * 1000

// requestLabel keeps the signature apart from all others of the device's key.
const requestLabel = "Conclave rejoin v1"

// request returns what asks the members of a group to let this device in again:
//
//	struct {
//	    uint16 format = 1;
//	    opaque user[16];
//	    opaque device[16];
//	    uint64 time;         /* milliseconds since 1970 */
//	    opaque signature<V>; /* of the device's key */
//	} Rejoin;
//
// The signature is SignWithLabel of RFC 9420, Section 5.1.2, over the group and what
// stands before it.
func (m *Messenger) request(group ID) ([]byte, error) {
	w := tlsenc.NewWriter(128)
	w.Uint16(1)
	w.Fixed(m.user[:])
	w.Fixed(m.self[:])
	w.Uint64(m.now())
	of, err := suite.Lookup(suite.Default)
	if err != nil {
		return nil, err
	}
	signature, err := of.SignWithLabel(m.cfg.Signer, requestLabel, signed(group, w.Bytes()))
	if err != nil {
		return nil, err
	}
	w.Vector(signature)
	return w.Bytes(), nil
}

func signed(group ID, body []byte) []byte {
	return append(group[:], body...)
}

// requestHead is the length of what is signed of a request.
const requestHead = 2 + 16 + 16 + 8

// requested returns who asks, if the device is in its user's verified list and signed
// the request not too long ago.
func (m *Messenger) requested(ctx context.Context, group ID, b []byte) (leaf, error) {
	if len(b) < requestHead || len(b) > requestHead+256 {
		return leaf{}, errRequest
	}
	r := tlsenc.NewReader(b)
	format, l := r.Uint16(), leaf{}
	copy(l.user[:], r.Fixed(len(l.user)))
	copy(l.device[:], r.Fixed(len(l.device)))
	at := r.Uint64()
	signature := r.Vector(ed25519.SignatureSize)
	if r.Done() != nil || format != 1 || len(signature) != ed25519.SignatureSize {
		return leaf{}, errRequest
	}
	if now := m.now(); at > now+maxRequestAge || now > at+maxRequestAge {
		return leaf{}, errRequest
	}
	c, err := m.cfg.People.LookupUser(ctx, identity.UserID(l.user))
	if err != nil {
		return leaf{}, errors.Join(errLater, err)
	}
	d := c.Record.Device(identity.DeviceID(l.device))
	of, err := suite.Lookup(suite.Default)
	if err != nil {
		return leaf{}, err
	}
	if d == nil || of.VerifyWithLabel(d.SignatureKey[:], requestLabel, signed(group, b[:requestHead]), signature) != nil {
		return leaf{}, errRequest
	}
	return l, nil
}

// turn returns how long to wait so that not all members help at once.
func (m *Messenger) turn(c *conv) time.Duration {
	m.mu.Lock()
	defer m.unlock()
	n := len(c.group.Members())
	return time.Duration(rand.Int64N(int64(time.Second) * int64(min(n, 30)) / 10)) //nolint:gosec // no secret
}
