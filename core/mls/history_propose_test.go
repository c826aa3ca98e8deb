package mls_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"conclave/core/mls"
	"conclave/core/mlswire"
)

// stepPropose has a member propose something.
func (h *history) stepPropose() bool {
	if len(h.present()) == 0 {
		return false
	}
	d := pick(h, h.present())
	o := mls.SendOptions{Public: h.chance(3)}
	if h.chance(3) {
		o.AuthenticatedData = fmt.Appendf(nil, "proposed by %s", d.name)
	}
	var propose func() ([]byte, error)
	what := pick(h, []string{"add", "add", "remove", "update", "update", "psk", "resumption", "extensions", "leave"})
	switch what {
	case "add":
		if h.tooMany() || h.anyWaitsResumption() {
			return false
		}
		joiner := h.outside()
		joiner.invited = h.keyPackage(joiner)
		propose = func() ([]byte, error) { return d.group.ProposeAdd(joiner.invited.Bytes(), o) }
	case "remove", "leave":
		target := pick(h, h.members())
		if what == "leave" {
			target = d
		}
		if len(h.members()) < 3 {
			return false
		}
		leaf := mls.LeafIndex(h.leafOf(target))
		propose = func() ([]byte, error) { return d.group.ProposeRemove(leaf, o) }
	case "update":
		if d.offered != nil {
			return false // one at a time, so that the model knows its key
		}
		var change mls.LeafChange
		if d.offered = d.key; h.chance(2) {
			d.offered = h.changeKey(&change)
		}
		propose = func() ([]byte, error) { return d.group.ProposeUpdate(change, o) }
	case "psk":
		id := pick(h, h.psks)
		propose = func() ([]byte, error) { return d.group.ProposePSK(id, o) }
	case "resumption":
		if h.anyInvited() {
			return false // those who join cannot know it
		}
		epoch := pick(h, h.resumable())
		propose = func() ([]byte, error) { return d.group.ProposeResumptionPSK(epoch, o) }
	case "extensions":
		extensions := h.someExtensions()
		propose = func() ([]byte, error) { return d.group.ProposeExtensions(extensions, o) }
	}
	h.note("  %s proposes: %s, public %t", d.name, what, o.Public)
	waiting := len(d.group.Proposals())
	var message []byte
	h.sending(d, func() (_ []byte, err error) {
		message, err = propose()
		if errors.Is(err, mls.ErrDuplicateProposal) {
			err = nil // made before, with a signature that is deterministic
		}
		return nil, err
	})
	if message == nil {
		if len(d.group.Proposals()) != waiting {
			h.t.Fatal("a proposal that was made before waits twice")
		}
		return false
	}
	own := d.group.Proposals()
	h.propose(&envelope{message: message, epoch: h.epoch, from: d, ref: own[len(own)-1].Ref})
	h.refuses(d, message, mls.ErrOwnMessage)
	return true
}

func (h *history) tooMany() bool {
	n := len(h.members())
	for _, d := range h.devices {
		if d.invited != nil {
			n++
		}
	}
	return n >= historyMost
}

func (h *history) anyInvited() bool {
	return slices.ContainsFunc(h.devices, func(d *device) bool { return d.invited != nil })
}

func (h *history) anyWaitsResumption() bool {
	return slices.ContainsFunc(h.members(), waitsResumption)
}

// propose sends a proposal to all.
func (h *history) propose(env *envelope) {
	h.t.Helper()
	m, err := mlswire.ParseMessage(env.message)
	if err != nil {
		h.t.Fatalf("parsing a proposal: %v", err)
	}
	env.public = m.PublicMessage != nil
	h.proposed[string(env.ref)] = env
	h.dispatch(env, h.members())
}

// stepProposeOutside has the external sender propose something, or a client ask
// to be added.
func (h *history) stepProposeOutside() bool {
	if len(h.present()) == 0 {
		return false
	}
	var message []byte
	var err error
	what := pick(h, []string{"join", "add", "remove", "psk", "extensions"})
	switch what {
	case "join", "add":
		if h.tooMany() || h.anyWaitsResumption() {
			return false
		}
		d := h.outside()
		d.invited = h.keyPackage(d)
		if what == "join" {
			message, err = d.invited.ProposeJoin(h.groupID, h.epoch)
			break
		}
		m, parseErr := mlswire.ParseMessage(d.invited.Bytes())
		if parseErr != nil {
			h.t.Fatal(parseErr)
		}
		message, err = h.outsider.ProposeExternal(0, h.groupID, h.epoch, &mlswire.Add{KeyPackage: *m.KeyPackage})
	case "remove":
		if len(h.members()) < 3 {
			return false
		}
		leaf := uint32(h.leafOf(pick(h, h.members())))
		message, err = h.outsider.ProposeExternal(0, h.groupID, h.epoch, &mlswire.Remove{Removed: leaf})
	case "psk":
		nonce := make([]byte, h.suite.HashSize())
		_, _ = rand.Read(nonce)
		id := mlswire.PreSharedKeyID{Type: mlswire.PSKTypeExternal, PSKID: pick(h, h.psks), PSKNonce: nonce}
		message, err = h.outsider.ProposeExternal(0, h.groupID, h.epoch, &mlswire.PreSharedKey{PSK: id})
	case "extensions":
		message, err = h.outsider.ProposeExternal(0, h.groupID, h.epoch,
			&mlswire.GroupContextExtensions{Extensions: h.someExtensions()})
	}
	h.note("  from outside: %s", what)
	if err != nil {
		h.t.Fatalf("proposing from outside: %v", err)
	}
	// The reference is known once a member has seen the message.
	d := pick(h, h.present())
	received, err := d.group.Process(message)
	if errors.Is(err, mls.ErrDuplicateProposal) {
		return false // made before, with a signature that is deterministic
	}
	if err != nil {
		h.t.Fatalf("%s: Process of a proposal from outside = %v", d.name, err)
	}
	ref := received.(*mls.Proposed).Ref
	env := &envelope{message: message, epoch: h.epoch, from: d, ref: ref}
	h.propose(env)
	return true
}
