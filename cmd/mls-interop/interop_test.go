package main

import (
	"fmt"
	"slices"
	"testing"
)

// TestTSMLS puts members of ts-mls and of this module into one group.
func TestTSMLS(t *testing.T) {
	for _, suite := range tsMLS.suites {
		t.Run(fmt.Sprintf("suite %d", suite), func(t *testing.T) {
			t.Parallel()
			live(t, suite, side{conclave, conclave.start(t)}, side{tsMLS, tsMLS.start(t)})
		})
	}
}

// TestCoreCrypto puts members of OpenMLS, by way of core-crypto, and of this
// module into one group.
func TestCoreCrypto(t *testing.T) {
	theirs := side{coreCrypto, coreCrypto.start(t)} // one browser is enough
	for _, suite := range coreCrypto.suites {
		t.Run(fmt.Sprintf("suite %d", suite), func(t *testing.T) {
			theirs.t = t
			live(t, suite, side{conclave, conclave.start(t)}, theirs)
		})
	}
}

// TestSelf has two processes of this program in one group, in every suite.
func TestSelf(t *testing.T) {
	for _, suite := range conclave.suites {
		t.Run(fmt.Sprintf("suite %d", suite), func(t *testing.T) {
			t.Parallel()
			other := *conclave
			other.name = "another"
			history(t, suite, side{conclave, conclave.start(t)}, side{&other, conclave.start(t)}, true)
		})
	}
}

// live runs the whole life of a group twice: created by one, and by the other.
func live(t *testing.T, suite int, ours, theirs side) {
	for feature, why := range theirs.cannot {
		t.Logf("%s lacks %s: %s", theirs.name, feature, why)
	}
	t.Run("ours creates", func(t *testing.T) { history(t, suite, ours, theirs, true) })
	t.Run("theirs creates", func(t *testing.T) { history(t, suite, theirs, ours, false) })
}

// A step is something that happens to a group: one member acts, another, of the
// other implementation, is the first that it acts upon.
type step struct {
	name  string
	actor []ability // what the actor needs
	all   []ability // what everyone needs
	run   func(r *room, actor, other *peer, public bool)
}

// history runs every step with members of both sides as actors. The creator's
// handshakes are public, the joiner's private, or the other way round; in both
// histories together everything is tried in both ways. All are public where an
// implementation knows nothing else.
func history(t *testing.T, suite int, creator, joiner side, creatorPublic bool) {
	creator.t, joiner.t = t, t
	r := newRoom(t, suite, creator)
	publicOnly := !creator.can(privateHandshakes) || !joiner.can(privateHandshakes)
	r.add(r.members[0], publicOnly || creatorPublic, joiner)
	for _, s := range steps {
		for _, by := range []struct {
			actor, other *implementation
			public       bool
		}{
			{creator.implementation, joiner.implementation, creatorPublic || publicOnly},
			{joiner.implementation, creator.implementation, !creatorPublic || publicOnly},
		} {
			if !r.allows(s, by.actor) {
				continue
			}
			ok := t.Run(fmt.Sprintf("%s by %s, %s", s.name, by.actor.name, format(by.public)), func(t *testing.T) {
				r.use(t)
				s.run(r, r.of(by.actor), r.of(by.other), by.public)
				r.agree()
			})
			r.use(t)
			if !ok {
				return // the group is not worth much any more
			}
		}
	}
	if creator.can(reinits) && joiner.can(reinits) {
		end(r, r.of(creator.implementation), r.of(joiner.implementation))
	}
}

func format(public bool) string {
	if public {
		return "public"
	}
	return "private"
}

// allows reports whether the implementations in the room can do a step.
func (r *room) allows(s step, actor *implementation) bool {
	for _, m := range r.members {
		if slices.ContainsFunc(s.all, m.lacks) {
			return false
		}
	}
	return !slices.ContainsFunc(s.actor, actor.lacks)
}
