package mls_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"conclave/core/mls"
)

// snapshot returns the state of a group, which taking it twice does not change.
func (h *history) snapshot(d *device) []byte {
	h.t.Helper()
	first, second := d.group.Snapshot(), d.group.Snapshot()
	d.saved = true
	if !first.Equal(second) {
		h.t.Fatalf("two snapshots of %s differ", d.name)
	}
	return first.Expose()
}

// reload saves and restores a group.
func (h *history) reload(d *device) {
	h.t.Helper()
	h.snapshot(d)
	g, err := d.client.Restore(d.group.Snapshot())
	if err != nil {
		h.t.Fatalf("Restore of %s = %v", d.name, err)
	}
	if g.HasPendingCommit() != d.group.HasPendingCommit() || len(g.Proposals()) != len(d.group.Proposals()) {
		h.t.Fatalf("%s has %d proposals, pending %t after Restore, had %d, %t", d.name,
			len(g.Proposals()), g.HasPendingCommit(), len(d.group.Proposals()), d.group.HasPendingCommit())
	}
	d.group = g
	h.agree(d)
}

// sending calls what sends a message of a group. A group that was restored, or
// has used its lease up, wants to be saved first and sends then.
func (h *history) sending(d *device, send func() ([]byte, error)) []byte {
	h.t.Helper()
	message, err := send()
	if errors.Is(err, mls.ErrSaveFirst) {
		h.snapshot(d)
		message, err = send()
	}
	if err != nil {
		h.t.Fatalf("%s in epoch %d: sending: %v", d.name, d.group.Epoch(), err)
	}
	return message
}

// refuses checks that a member refuses a message with an error and is the same
// as before, to the byte.
func (h *history) refuses(d *device, message []byte, want error) {
	h.t.Helper()
	before := h.snapshot(d)
	received, err := d.group.Process(message)
	if want == nil && err == nil || want != nil && !errors.Is(err, want) {
		h.t.Fatalf("%s in epoch %d: Process = %T, %v, want error %v", d.name, d.group.Epoch(), received, err, want)
	}
	if !bytes.Equal(h.snapshot(d), before) {
		h.t.Fatalf("%s changes with a message that it refuses: %v", d.name, err)
	}
}

// corrupt returns a message with one bit changed, or cut, or continued.
func (h *history) corrupt(message []byte) []byte {
	message = bytes.Clone(message)
	switch h.rng.IntN(8) {
	case 0:
		return message[:h.rng.IntN(len(message))]
	case 1:
		return append(message, 0)
	default:
		message[h.rng.IntN(len(message))] ^= 1 << h.rng.IntN(8)
		return message
	}
}

// flush delivers what waits for a member, in order.
func (h *history) flush(d *device) {
	h.t.Helper()
	for len(d.queue) > 0 && d.group != nil {
		env := d.queue[0]
		if env.commit == nil {
			h.deliverProposal(d, env)
		} else {
			h.deliverCommit(d, env)
		}
		d.queue = d.queue[min(1, len(d.queue)):]
	}
}

func (h *history) deliverProposal(d *device, env *envelope) {
	h.t.Helper()
	if h.chance(8) {
		h.note("  a proposal does not reach %s", d.name)
		d.lost = append(d.lost, env) // it will come after the commit
		return
	}
	if h.chance(5) {
		h.refuses(d, h.corrupt(env.message), nil)
	}
	received, err := d.group.Process(env.message)
	if err != nil {
		h.t.Fatalf("%s: Process of a proposal = %v", d.name, err)
	}
	p, ok := received.(*mls.Proposed)
	if !ok || !bytes.Equal(p.Ref, env.ref) {
		h.t.Fatalf("%s: Process of a proposal = %v, want reference %x", d.name, received, env.ref)
	}
	if h.chance(3) {
		// A PrivateMessage fails on its key before anybody looks at what it holds.
		want := mls.ErrGenerationUsed
		if env.public {
			want = mls.ErrDuplicateProposal
		}
		h.refuses(d, env.message, want)
	}
}

// stage processes a commit without merging it. Proposals that did not arrive
// yet are delivered once they are missed.
func (h *history) stage(d *device, env *envelope) *mls.StagedCommit {
	h.t.Helper()
	leaves := slices.Contains(env.removed, d)
	if h.chance(4) && !leaves {
		h.refuses(d, h.corrupt(env.message), nil)
	}
	if missing := h.missing(d, env); len(missing) > 0 {
		h.note("  %s misses %d proposals", d.name, len(missing))
		h.refuses(d, env.message, mls.ErrUnknownProposal)
		h.deliverLate(d, missing)
	}
	before := h.snapshot(d)
	received, err := d.group.Process(env.message)
	if err != nil {
		h.t.Fatalf("%s at leaf %d: Process of a commit of epoch %d = %v", d.name, d.group.Self(), env.epoch, err)
	}
	staged, ok := received.(*mls.StagedCommit)
	if !ok {
		h.t.Fatalf("%s: Process of a commit = %T", d.name, received)
	}
	if !bytes.Equal(h.snapshot(d), before) {
		h.t.Fatalf("%s changes with a commit that is not merged", d.name)
	}
	return staged
}

// deliverLate delivers proposals that were lost.
func (h *history) deliverLate(d *device, late []*envelope) {
	h.t.Helper()
	for _, p := range late {
		if _, err := d.group.Process(p.message); err != nil {
			h.t.Fatalf("%s: Process of a late proposal = %v", d.name, err)
		}
		d.lost = slices.DeleteFunc(slices.Clone(d.lost), func(e *envelope) bool { return e == p })
	}
}

// missing returns the proposals that a commit refers to and a member has not got.
func (h *history) missing(d *device, env *envelope) (missing []*envelope) {
	if env.commit == nil {
		return nil
	}
	for _, p := range env.commit.covered {
		if p.Ref == nil {
			continue
		}
		for _, lost := range d.lost {
			if bytes.Equal(lost.ref, p.Ref) {
				missing = append(missing, lost)
			}
		}
	}
	return missing
}

// seenBy returns what a member says that a commit covers.
func (h *history) seenBy(d *device, env *envelope) []mls.Proposed {
	h.t.Helper()
	h.deliverLate(d, d.lost)
	received, err := d.group.Process(env.message)
	if err != nil {
		h.t.Fatalf("%s at leaf %d: Process of a new commit = %v", d.name, d.group.Self(), err)
	}
	return received.(*mls.StagedCommit).Proposals()
}

func (h *history) deliverCommit(d *device, env *envelope) {
	h.t.Helper()
	staged := h.stage(d, env)
	if h.chance(3) {
		h.stage(d, env) // what is not merged can be processed again
	}
	if h.chance(5) {
		h.reload(d)
		if err := d.group.Merge(staged); !errors.Is(err, mls.ErrStaleCommit) {
			h.t.Fatalf("%s: Merge of a commit of the group before = %v, want ErrStaleCommit", d.name, err)
		}
		staged = h.stage(d, env)
	}
	c := env.commit
	if int(staged.Committer()) != c.by || staged.IsExternal() != c.external || staged.Epoch() != env.epoch+1 ||
		!bytes.Equal(staged.AuthenticatedData(), c.data) || !sameProposals(staged.Proposals(), c.covered) {
		h.t.Fatalf("%s is told of a commit to epoch %d by %d covering %v, want %d by %d covering %v", d.name,
			staged.Epoch(), staged.Committer(), staged.Proposals(), env.epoch+1, c.by, c.covered)
	}
	removed := slices.Contains(env.removed, d)
	if staged.Removed() != removed {
		h.t.Fatalf("%s: Removed = %t, want %t", d.name, staged.Removed(), removed)
	}
	if err := d.group.Merge(staged); err != nil {
		h.t.Fatalf("%s: Merge = %v", d.name, err)
	}
	d.lost = nil
	if removed {
		h.left(d)
		return
	}
	h.entered(d)
	h.unsaved(d)
	h.refuses(d, env.message, mls.ErrWrongEpoch)
}

// unsaved checks that a member that was saved before, but not in its new epoch,
// does not send in it.
func (h *history) unsaved(d *device) {
	h.t.Helper()
	if _, err := d.group.Protect(nil, nil); !errors.Is(err, mls.ErrSaveFirst) && !errors.Is(err, mls.ErrReInit) {
		h.t.Fatalf("%s: Protect in a new epoch that was not saved = %v, want ErrSaveFirst", d.name, err)
	}
}

// left takes a device out that was removed.
func (h *history) left(d *device) {
	h.t.Helper()
	h.note("  %s is gone", d.name)
	if _, err := d.group.Protect(nil, nil); !errors.Is(err, mls.ErrRemoved) || !d.group.IsRemoved() {
		h.t.Fatalf("%s: Protect after removal = %v, want ErrRemoved", d.name, err)
	}
	if _, err := d.client.Restore(d.group.Snapshot()); err != nil {
		h.t.Fatalf("Restore of a group that was left = %v", err)
	}
	d.group, d.queue, d.away = nil, nil, false
}

// stepAway has a member receive nothing for a while.
func (h *history) stepAway() bool {
	if len(h.present()) < 3 {
		return false
	}
	d := pick(h, h.present())
	d.away = true
	h.note("  %s is away", d.name)
	return true
}

// stepReturn brings a member back that was away. It can do nothing with what
// comes after the first commit that it missed, and all once it has that.
func (h *history) stepReturn() bool {
	away := slices.DeleteFunc(slices.Clone(h.devices), func(d *device) bool { return d.group == nil || !d.away })
	if len(away) == 0 {
		return false
	}
	d := pick(h, away)
	h.note("  %s is back in epoch %d with %d messages", d.name, d.group.Epoch(), len(d.queue))
	d.away = false
	for _, env := range d.queue {
		if env.epoch > d.group.Epoch() {
			h.refuses(d, env.message, mls.ErrWrongEpoch)
		}
	}
	h.flush(d)
	return true
}

// stepSend has a member send application data, away or not.
func (h *history) stepSend() bool {
	members := slices.DeleteFunc(slices.Clone(h.devices), func(d *device) bool { return d.group == nil })
	d := pick(h, members)
	if len(d.group.Proposals()) > 0 {
		if _, err := d.group.Protect([]byte("too early"), nil); !errors.Is(err, mls.ErrPendingProposals) {
			h.t.Fatalf("Protect while proposals wait = %v, want ErrPendingProposals", err)
		}
		return false
	}
	for range 1 + h.rng.IntN(3) {
		h.send(d)
	}
	return true
}

// send has a member send one message, which waits to be received.
func (h *history) send(d *device) *sentMessage {
	h.t.Helper()
	m := &sentMessage{
		plaintext: fmt.Appendf(nil, "message %d of %s", h.rng.Uint32(), d.name), groupID: h.groupID,
		from: d, leaf: d.group.Self(), epoch: d.group.Epoch(),
	}
	if h.chance(2) {
		m.data = fmt.Appendf(nil, "data %d", h.rng.Uint32())
	}
	h.note("  %s sends in epoch %d", d.name, m.epoch)
	m.message = h.sending(d, func() ([]byte, error) { return d.group.Protect(m.plaintext, m.data) })
	if h.sent = append(h.sent, m); len(h.sent) > 12 {
		h.sent = h.sent[1:]
	}
	return m
}

// stepReceive delivers some of the application data that was ever sent, to some,
// in any order, more than once.
func (h *history) stepReceive() bool {
	if len(h.sent) == 0 {
		return false
	}
	for _, i := range h.rng.Perm(len(h.sent)) {
		for _, d := range h.devices {
			if d.group != nil && h.chance(2) {
				h.receive(d, h.sent[i])
			}
		}
	}
	return true
}

// receiveAll delivers a message to all.
func (h *history) receiveAll(m *sentMessage) {
	h.t.Helper()
	for _, d := range h.devices {
		if d.group != nil {
			h.receive(d, m)
		}
	}
}

// receive delivers application data; the model knows what must come of it.
func (h *history) receive(d *device, m *sentMessage) {
	h.t.Helper()
	epoch := d.group.Epoch()
	var want error
	switch {
	case m.epoch > epoch, m.epoch < d.joined, epoch-m.epoch > historyPast:
		want = mls.ErrWrongEpoch
	case m.from == d:
		want = mls.ErrOwnMessage
	case d.seen[m]:
		want = mls.ErrGenerationUsed
	}
	if want != nil {
		h.refuses(d, m.message, want)
		return
	}
	if h.chance(4) {
		h.refuses(d, h.corrupt(m.message), nil)
	}
	received, err := d.group.Process(m.message)
	if err != nil {
		h.t.Fatalf("%s in epoch %d: Process of data of epoch %d by %s = %v", d.name, epoch, m.epoch, m.from.name, err)
	}
	a, ok := received.(*mls.Application)
	if !ok || !bytes.Equal(a.Plaintext, m.plaintext) || !bytes.Equal(a.AuthenticatedData, m.data) || a.Epoch != m.epoch ||
		a.Sender != m.leaf || string(a.Credential.Identity) != m.from.name {
		h.t.Fatalf("%s receives %+v, want %q of epoch %d by %s", d.name, received, m.plaintext, m.epoch, m.from.name)
	}
	d.seen[m] = true
	if h.chance(2) {
		h.reload(d)
	}
	h.refuses(d, m.message, mls.ErrGenerationUsed)
}
