package mls_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"conclave/core/mls"
	"conclave/core/mlswire"
)

// A plannedCommit is what a commit is to hold by value.
type plannedCommit struct {
	options  mls.CommitOptions
	newKey   []byte // the signature key that the committer changes to
	packages []*mls.KeyPackage
	joining  []*device
}

// planAdd adds a device by value.
func (h *history) planAdd(p *plannedCommit) {
	h.t.Helper()
	d := h.outside()
	for slices.Contains(p.joining, d) {
		d = h.newDevice()
	}
	k := h.keyPackage(d)
	p.joining, p.packages = append(p.joining, d), append(p.packages, k)
	p.options.Add = append(p.options.Add, k.Bytes())
}

// keyPackage makes a KeyPackage, saves and restores it.
func (h *history) keyPackage(d *device) *mls.KeyPackage {
	h.t.Helper()
	k, err := d.client.NewKeyPackage()
	if err != nil {
		h.t.Fatalf("NewKeyPackage = %v", err)
	}
	restored, err := d.client.RestoreKeyPackage(k.Snapshot())
	if err != nil {
		h.t.Fatalf("RestoreKeyPackage = %v", err)
	}
	return restored
}

// waits reports whether a proposal of a kind waits for a member.
func waits[T mlswire.Proposal](d *device) bool {
	return slices.ContainsFunc(d.group.Proposals(), func(p mls.Proposed) bool {
		_, ok := p.Proposal.(T)
		return ok
	})
}

// waitsResumption reports whether a proposal waits for a member whose secret
// those who join cannot know.
func waitsResumption(d *device) bool {
	return slices.ContainsFunc(d.group.Proposals(), func(p mls.Proposed) bool {
		psk, ok := p.Proposal.(*mlswire.PreSharedKey)
		return ok && psk.PSK.Type == mlswire.PSKTypeResumption
	})
}

// resumable returns the epochs whose resumption secret all members keep.
func (h *history) resumable() []uint64 {
	oldest := h.epoch - min(h.epoch, historyPast)
	for _, d := range h.members() {
		oldest = max(oldest, d.joined)
	}
	var epochs []uint64
	for e := oldest; e <= h.epoch; e++ {
		epochs = append(epochs, e)
	}
	return epochs
}

// plan chooses what a member commits. The zero value may come out: then all that
// waits is committed, or else keys are renewed.
func (h *history) plan(c *device) *plannedCommit {
	h.t.Helper()
	p := &plannedCommit{}
	o := &p.options
	o.WithoutPending = h.chance(5)
	o.ForcePath, o.Public = h.chance(3), h.chance(4)
	o.WithoutTree, o.WelcomePerJoiner, o.GroupInfo = h.chance(3), h.chance(3), h.chance(4)
	if h.chance(3) {
		o.AuthenticatedData = fmt.Appendf(nil, "committed by %s", c.name)
	}
	pending := !o.WithoutPending
	for h.chance(2) && len(h.leaves)+len(p.joining) < historyMost && (!pending || !waitsResumption(c)) {
		h.planAdd(p)
	}
	for h.chance(4) && len(h.members()) > 2 {
		leaf := mls.LeafIndex(h.leafOf(pick(h, h.members())))
		if leaf != c.group.Self() && !slices.Contains(o.Remove, leaf) {
			o.Remove = append(o.Remove, leaf)
		}
	}
	for h.chance(5) {
		o.PSK = append(o.PSK, pick(h, h.psks))
	}
	if h.chance(6) && len(p.joining) == 0 && (!pending || !waits[*mlswire.Add](c)) {
		o.ResumptionPSK = append(o.ResumptionPSK, pick(h, h.resumable()))
	}
	if h.chance(6) {
		e := h.someExtensions()
		o.Extensions = &e
	}
	if h.chance(6) {
		p.newKey = h.changeKey(&o.Leaf)
	}
	return p
}

// changeKey puts a new signature key into a leaf change.
func (h *history) changeKey(change *mls.LeafChange) (public []byte) {
	change.SigningKey = h.suite.GenerateSigningKey()
	return change.SigningKey.Public()
}

func (h *history) stepCommit() bool {
	if len(h.present()) == 0 {
		return false
	}
	c := pick(h, h.present())
	h.commitWith(c, h.plan(c))
	return true
}

// commitWith has a member commit what is planned. Sometimes the delivery service
// refuses it at first.
func (h *history) commitWith(c *device, p *plannedCommit) {
	h.t.Helper()
	commit := h.makeCommit(c, p)
	if h.chance(6) {
		h.note("  refused by the delivery service")
		if err := c.group.DiscardCommit(); err != nil {
			h.t.Fatalf("DiscardCommit = %v", err)
		}
		h.agree(c)
		commit = h.makeCommit(c, p)
	}
	h.accept(c, p, commit)
}

func (h *history) makeCommit(c *device, p *plannedCommit) *mls.Commit {
	h.t.Helper()
	o := &p.options
	h.note("  %s at leaf %d commits: adds %d, removes %v, %d external and %d resumption PSKs, extensions %t, "+
		"new key %t, path %t, public %t, %d waiting, without them %t", c.name, c.group.Self(), len(o.Add), o.Remove, len(o.PSK),
		len(o.ResumptionPSK), o.Extensions != nil, p.newKey != nil, o.ForcePath, o.Public, len(c.group.Proposals()), o.WithoutPending)
	var commit *mls.Commit
	h.sending(c, func() ([]byte, error) {
		var err error
		commit, err = c.group.Commit(p.options)
		return nil, err
	})
	h.agree(c) // nothing changed yet
	if h.chance(2) {
		h.reload(c)
	}
	if !c.group.HasPendingCommit() {
		h.t.Fatal("no pending commit after Commit")
	}
	return commit
}

// predicts returns what a commit covers by the model: what is given by value,
// then what waits, but for the committer's own Update and removal. Without
// certainty, because some of it excludes some, exact is false.
func (h *history) predicts(c *device, o *mls.CommitOptions) (list []mls.Proposed, exact bool) {
	h.t.Helper()
	byValue := func(p mlswire.Proposal) {
		who := mlswire.Sender{Type: mlswire.SenderTypeMember, Index: uint32(c.group.Self())}
		list = append(list, mls.Proposed{Sender: who, Proposal: p})
	}
	for _, b := range o.Add {
		m, err := mlswire.ParseMessage(b)
		if err != nil {
			h.t.Fatal(err)
		}
		byValue(&mlswire.Add{KeyPackage: *m.KeyPackage})
	}
	for _, leaf := range o.Remove {
		byValue(&mlswire.Remove{Removed: uint32(leaf)})
	}
	for range len(o.PSK) + len(o.ResumptionPSK) {
		byValue(&mlswire.PreSharedKey{})
	}
	if o.Extensions != nil {
		byValue(&mlswire.GroupContextExtensions{Extensions: *o.Extensions})
	}
	if o.ReInit != nil {
		byValue(o.ReInit)
	}
	if !o.WithoutPending {
		for _, p := range c.group.Proposals() {
			own := p.Sender.Type == mlswire.SenderTypeMember && p.Sender.Index == uint32(c.group.Self())
			remove, removes := p.Proposal.(*mlswire.Remove)
			if _, updates := p.Proposal.(*mlswire.Update); own && updates || removes && remove.Removed == uint32(c.group.Self()) {
				continue
			}
			list = append(list, p)
		}
	}
	leaves, extensions := map[uint32]int{}, 0
	for _, p := range list {
		switch q := p.Proposal.(type) {
		case *mlswire.Remove:
			leaves[q.Removed]++
		case *mlswire.Update:
			leaves[p.Sender.Index]++
		case *mlswire.GroupContextExtensions:
			extensions++
		case *mlswire.ReInit:
			if len(list) > 1 {
				return list, false
			}
		}
	}
	for _, n := range leaves {
		if n > 1 {
			return list, false
		}
	}
	return list, extensions <= 1
}

// accept is the delivery service's: it sends the commit to all and the Welcomes
// to those who join, and the model takes the step.
func (h *history) accept(c *device, p *plannedCommit, commit *mls.Commit) {
	h.t.Helper()
	predicted, exact := h.predicts(c, &p.options)
	env := &envelope{message: commit.Message, epoch: h.epoch, from: c, public: p.options.Public}
	covered := predicted
	if others := slices.DeleteFunc(h.present(), func(d *device) bool { return d == c }); len(others) > 0 {
		covered = h.seenBy(pick(h, others), env)
		if exact && !sameProposals(covered, predicted) {
			h.t.Fatalf("the commit covers %v, want %v", covered, predicted)
		}
	} else if !exact {
		h.t.Fatal("the model does not know what the commit covers")
	}
	before := h.members()
	env.commit = &committed{by: int(c.group.Self()), covered: covered, data: p.options.AuthenticatedData}
	env.commit.added, env.removed = h.apply(covered, nil)
	if p.newKey != nil {
		c.key = p.newKey
	}
	h.dispatch(env, before)
	if err := c.group.MergeCommit(); err != nil {
		h.t.Fatalf("MergeCommit = %v", err)
	}
	h.advance(c)
	h.welcome(c, p, commit, env)
	if c.saved {
		h.unsaved(c)
	}
}

// dispatch puts a message in the queue of all who are to receive it.
func (h *history) dispatch(env *envelope, to []*device) {
	for _, d := range to {
		if d != env.from {
			d.queue = append(d.queue, env)
		}
	}
}

// advance begins the next epoch in the model; d is in it already.
func (h *history) advance(d *device) {
	h.t.Helper()
	h.epoch++
	h.proposed = map[string]*envelope{}
	for _, other := range h.devices {
		other.offered = nil
	}
	d.lost = nil
	h.learn(d)
	h.entered(d)
}

// entered checks a device that has come to a new epoch.
func (h *history) entered(d *device) {
	h.t.Helper()
	h.agree(d)
	if n := len(d.group.Proposals()); n != 0 || d.group.HasPendingCommit() {
		h.t.Fatalf("%s has %d proposals and pending commit %t in a new epoch", d.name, n, d.group.HasPendingCommit())
	}
}

// welcome has those join who were added; whoever else was invited was not.
func (h *history) welcome(c *device, p *plannedCommit, commit *mls.Commit, env *envelope) {
	h.t.Helper()
	invited := map[*device]*mls.KeyPackage{}
	for i, d := range p.joining {
		invited[d] = p.packages[i]
	}
	for _, d := range h.devices {
		if d.invited != nil {
			invited[d], d.invited = d.invited, nil
		}
	}
	o := mls.JoinOptions{}
	if p.options.WithoutTree {
		o.RatchetTree = c.group.RatchetTree()
	}
	for _, leaf := range env.commit.added {
		d := h.leaves[leaf]
		k := invited[d]
		d.group = joinBy(h.t, k, commit.Welcomes, o)
		d.joined, d.seen = h.epoch, map[*sentMessage]bool{}
		d.queue, d.lost, d.away = nil, nil, false
		h.note("  %s joins at leaf %d", d.name, leaf)
		if d.group.Self() != mls.LeafIndex(leaf) {
			h.t.Fatalf("%s joins at leaf %d, want %d", d.name, d.group.Self(), leaf)
		}
		h.entered(d)
		if _, err := k.Join(commit.Welcomes[0].Message, o); !errors.Is(err, mls.ErrKeyPackageUsed) {
			h.t.Fatalf("Join again = %v, want ErrKeyPackageUsed", err)
		}
	}
	if len(env.commit.added) == 0 && len(commit.Welcomes) != 0 {
		h.t.Fatalf("%d Welcomes for nobody", len(commit.Welcomes))
	}
}

// sameProposals compares two lists by reference and type.
func sameProposals(a, b []mls.Proposed) bool {
	return slices.EqualFunc(a, b, func(x, y mls.Proposed) bool {
		return bytes.Equal(x.Ref, y.Ref) && x.Sender == y.Sender && x.Proposal.ProposalType() == y.Proposal.ProposalType()
	})
}

// stepRace has two members commit at once. One of them loses.
func (h *history) stepRace() bool {
	if len(h.present()) < 2 {
		return false
	}
	order := h.rng.Perm(len(h.present()))
	winner, loser := h.present()[order[0]], h.present()[order[1]]
	h.makeCommit(loser, &plannedCommit{options: mls.CommitOptions{ForcePath: true, Public: h.chance(2)}})
	p := h.plan(winner)
	h.accept(winner, p, h.makeCommit(winner, p))
	return true
}
