package mls

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"math"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/mls/internal/tree"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// What restoring refuses.
var (
	// ErrSnapshot says that a snapshot is damaged, or no snapshot at all.
	ErrSnapshot = errors.New("mls: damaged snapshot")
	// ErrSnapshotVersion says that a snapshot is of a version that this
	// package does not know.
	ErrSnapshotVersion = errors.New("mls: snapshot of an unknown version")
	// ErrSnapshotSuite says that a snapshot is of another cipher suite than the
	// client's.
	ErrSnapshotSuite = errors.New("mls: snapshot of another cipher suite")
)

// Lease is how many handshake messages, and how many application messages, a
// group may send before it must be saved again.
const Lease = 32

// A snapshot is kept as
//
//	magic[4] | uint8 version | uint8 kind | uint16 suite | body | sum[32]
//
// where sum is the SHA-256 of all before it. It finds damage, not malice: a
// store that others can write to must authenticate what it keeps, and since
// snapshots hold keys it must encrypt them. One state has one encoding.
const (
	snapshotMagic   = "CMLS"
	snapshotVersion = 1

	kindGroup      = 1
	kindKeyPackage = 2

	snapshotHeader = len(snapshotMagic) + 4
)

// The flags that the body of a group begins with.
const (
	flagRemoved = 1 << iota
	flagPending
	flagSealed
)

// Snapshot returns the whole state of the group, to be stored and given to
// [Client.Restore]. It holds secrets: encrypt it where it is stored, and overwrite
// the snapshot before it, which could decrypt what this one no longer can.
//
// A snapshot also allows the group to send: [Lease] messages of each kind, after
// which it wants to be saved again ([ErrSaveFirst]). Should storing fail, do not
// go on with the group but restore the snapshot before, or else a group that is
// restored could use keys twice. Otherwise Snapshot changes nothing, and without
// a step in between it returns the same bytes again.
func (g *Group) Snapshot() secret.Value {
	if !g.removed && g.lease.idle != g.current {
		g.lease = lease{
			taken:       true,
			handshake:   g.leaseEnd(secrettree.Handshake),
			application: g.leaseEnd(secrettree.Application),
		}
	}
	return g.encode()
}

// leaseEnd is the first generation that a snapshot taken now does not allow. A
// lease does not reach the last generation, 2^32-2 (RFC 9420, Section 9.1).
func (g *Group) leaseEnd(k secrettree.Kind) uint32 {
	const last = math.MaxUint32 - 1
	return min(g.messages.Generation(uint32(g.current.self()), k), last-Lease) + Lease
}

// encode encodes the group as it is at the end of its lease.
//
//	uint8 flags
//	epoch
//	unless removed:
//	  own part of the epoch
//	  secret tree          own ratchets at the end of the lease
//	  uint8 count  | past epochs
//	  uint16 count | proposals
//	  if pending: staged commit
func (g *Group) encode() secret.Value {
	var flags uint8
	if g.removed {
		flags |= flagRemoved
	}
	if g.pending != nil {
		flags |= flagPending
	}
	if g.sealed == g.current && !g.removed {
		flags |= flagSealed
	}
	public := tlsenc.NewWriter(4 << 10)
	g.current.encode(public)
	tree := g.current.tree.Nodes()
	public.Nested(tree.Encode)

	w := newSnapshot(kindGroup, g.current.suite.ID(), len(public.Bytes())+8<<10)
	w.Uint8(flags)
	w.Fixed(public.Bytes())
	if g.removed {
		w.Uint32(uint32(g.current.self()))
		return closeSnapshot(w)
	}
	g.current.private.Encode(w)
	g.current.encodeSecrets(w)
	if err := g.messages.EncodeAhead(w, uint32(g.current.self()), g.lease.handshake, g.lease.application); err != nil {
		panic("mls: internal error: lease out of reach")
	}
	w.Uint8(uint8(len(g.past))) // at most maxPastEpochs
	for _, p := range g.past {
		p.encode(w, g.current.tree)
	}
	w.Uint16(uint16(len(g.proposals))) // at most maxProposals
	for _, p := range g.proposals {
		p.encode(w, g.current.signer)
	}
	if g.pending != nil {
		g.pending.encode(w)
	}
	return closeSnapshot(w)
}

// Restore returns the group of a snapshot. The client must be of the group's
// cipher suite and belong to the same identity; the group keeps its own signing
// key. What was validated before is not validated again.
//
// A group that is restored begins where the lease of its snapshot ends. In that
// epoch it first answers [ErrSaveFirst] when something is to be sent; the next
// [Group.Snapshot] then allows it. Groups restored from one snapshot must not
// both be used. The state is copied; the caller erases it. The error is
// [ErrSnapshot], [ErrSnapshotVersion] or [ErrSnapshotSuite].
func (c *Client) Restore(state secret.Value) (*Group, error) {
	d, err := c.openSnapshot(kindGroup, state)
	if err != nil {
		return nil, err
	}
	g, err := d.group()
	if err != nil {
		return nil, ErrSnapshot
	}
	return g, nil
}

// A restorer reads the body of a snapshot. Its methods return any error, which
// becomes ErrSnapshot.
type restorer struct {
	tlsenc.Reader
	client *Client
	suite  *suite.Suite
}

// group reads what Group.encode wrote.
func (d *restorer) group() (*Group, error) {
	flags := d.Uint8()
	if flags != flagRemoved && flags&^(flagPending|flagSealed) != 0 {
		return nil, ErrSnapshot
	}
	g := &Group{client: d.client, removed: flags&flagRemoved != 0}
	var err error
	if g.current, err = d.epoch(); err != nil {
		return nil, err
	}
	if err := d.epochTree(g.current); err != nil {
		return nil, err
	}
	if g.removed {
		return g, d.removed(g)
	}
	if err := d.own(g.current, nil); err != nil {
		return nil, err
	}
	if g.messages, err = d.secretTree(); err != nil {
		return nil, err
	}
	if g.messages.Leaves() != g.current.tree.Width() {
		return nil, ErrSnapshot
	}
	self := uint32(g.current.self())
	g.lease = lease{
		taken:       true,
		handshake:   g.messages.Generation(self, secrettree.Handshake),
		application: g.messages.Generation(self, secrettree.Application),
		idle:        g.current,
	}
	if flags&flagSealed != 0 {
		g.sealed = g.current
	}
	return g, d.waiting(g, flags)
}

// waiting reads the past epochs, the proposals and the pending commit.
func (d *restorer) waiting(g *Group, flags uint8) error {
	past := int(d.Uint8())
	if past > maxPastEpochs {
		return ErrSnapshot
	}
	before := g.current.context.Epoch
	for range past {
		p, err := d.past(g)
		if err != nil {
			return err
		}
		if p.number >= before || len(g.past) > 0 && p.number <= g.past[len(g.past)-1].number {
			return ErrSnapshot
		}
		g.past = append(g.past, p)
	}
	proposals := int(d.Uint16())
	if proposals > maxProposals {
		return ErrSnapshot
	}
	for range proposals {
		p, err := d.proposal(g.current)
		if err != nil {
			return err
		}
		g.proposals = append(g.proposals, p)
	}
	if flags&flagPending != 0 {
		var err error
		if g.pending, err = d.pending(g); err != nil {
			return err
		}
	}
	return d.Done()
}

// removed reads the end of a group that this client was removed from. It has
// nothing left but what can be looked at.
func (d *restorer) removed(g *Group) error {
	self := tree.LeafIndex(d.Uint32())
	if err := d.Done(); err != nil {
		return err
	}
	if g.current.tree.Leaf(self) == nil {
		return ErrSnapshot
	}
	g.current.private = tree.NewPrivate(self, suite.KeyPair{})
	g.current.secrets = noSecrets()
	g.messages = g.client.secretTree(g.current)
	return nil
}

// newSnapshot begins a snapshot of about size bytes.
func newSnapshot(kind uint8, id suite.ID, size int) *tlsenc.Writer {
	w := tlsenc.NewSecretWriter(size + snapshotHeader + sha256.Size)
	w.Fixed([]byte(snapshotMagic))
	w.Uint8(snapshotVersion)
	w.Uint8(kind)
	w.Uint16(uint16(id))
	return w
}

// closeSnapshot appends the sum.
func closeSnapshot(w *tlsenc.Writer) secret.Value {
	sum := sha256.Sum256(w.Bytes())
	w.Fixed(sum[:])
	return secret.Own(w.Bytes())
}

// openSnapshot checks all but the body of a snapshot.
func (c *Client) openSnapshot(kind uint8, state secret.Value) (*restorer, error) {
	b := state.Expose()
	if len(b) < snapshotHeader+sha256.Size || string(b[:len(snapshotMagic)]) != snapshotMagic {
		return nil, ErrSnapshot
	}
	r := tlsenc.NewReader(b[len(snapshotMagic):])
	if r.Uint8() != snapshotVersion {
		return nil, ErrSnapshotVersion
	}
	body := b[:len(b)-sha256.Size]
	if sum := sha256.Sum256(body); subtle.ConstantTimeCompare(sum[:], b[len(body):]) != 1 {
		return nil, ErrSnapshot
	}
	if r.Uint8() != kind {
		return nil, ErrSnapshot
	}
	if suite.ID(r.Uint16()) != c.suite.ID() {
		return nil, ErrSnapshotSuite
	}
	return &restorer{Reader: tlsenc.NewReader(body[snapshotHeader:]), client: c, suite: c.suite}, nil
}
