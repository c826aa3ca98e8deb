package main

import (
	"fmt"
	"slices"
	"testing"
)

// TestTSMLS puts members of ts-mls and of this module into one group.
func TestTSMLS(t *testing.T) {
	logLimits(t, tsMLS)
	for _, suite := range tsMLS.suites {
		t.Run(fmt.Sprintf("suite %d", suite), func(t *testing.T) {
			t.Parallel()
			live(t, suite, side{conclave, startOurs(t)}, side{tsMLS, tsMLS.start(t)})
		})
	}
	t.Run("tampered", func(t *testing.T) {
		t.Parallel()
		ours, theirs := side{conclave, startOurs(t)}, side{tsMLS, tsMLS.start(t)}
		t.Run("from ts-mls", func(t *testing.T) { tamper(t, theirs, ours) })
		t.Run("to ts-mls", func(t *testing.T) { tamper(t, ours, theirs) })
	})
}

// TestCoreCrypto puts members of OpenMLS, by way of core-crypto, and of this
// module into one group. One browser is enough for all.
func TestCoreCrypto(t *testing.T) {
	logLimits(t, coreCrypto)
	theirs := side{coreCrypto, coreCrypto.start(t)}
	defer func() { theirs.t = t }()
	for _, suite := range coreCrypto.suites {
		t.Run(fmt.Sprintf("suite %d", suite), func(t *testing.T) {
			live(t, suite, side{conclave, startOurs(t)}, theirs)
		})
	}
	for _, suite := range []int{3, 5, 7} {
		t.Run(fmt.Sprintf("suite %d in brief", suite), func(t *testing.T) {
			brief(t, suite, side{conclave, startOurs(t)}, theirs)
		})
	}
	t.Run("tampered", func(t *testing.T) {
		ours := side{conclave, startOurs(t)}
		t.Run("from core-crypto", func(t *testing.T) { tamper(t, theirs, ours) })
		t.Run("to core-crypto", func(t *testing.T) { tamper(t, ours, theirs) })
	})
	t.Run("what it cannot do", func(t *testing.T) { policy(t, theirs) })
}

// logLimits says what is not tested with an implementation, and why.
func logLimits(t *testing.T, i *implementation) {
	t.Helper()
	for what, why := range i.cannot {
		t.Logf("%s lacks %s: %s", i.name, what, why)
	}
}

// brief runs the steps that come first, each with one actor.
func brief(t *testing.T, suite int, ours, theirs side) {
	r := begin(t, suite, theirs, ours, true)
	for i, s := range steps[:5] {
		actor, other := theirs.implementation, ours.implementation
		if i%2 == 1 {
			actor, other = other, actor
		}
		if !r.run(t, s, actor, other, true) {
			return
		}
	}
}

// TestSelf has two processes of this program in one group, in every suite.
func TestSelf(t *testing.T) {
	for _, suite := range conclave.suites {
		t.Run(fmt.Sprintf("suite %d", suite), func(t *testing.T) {
			t.Parallel()
			other := *conclave
			other.name = "another"
			a, b := side{conclave, conclave.start(t)}, side{&other, conclave.start(t)}
			r := begin(t, suite, a, b, true)
			for i, s := range steps {
				if !r.run(t, s, conclave, &other, i%2 == 0) {
					return
				}
			}
			end(r, r.of(conclave), r.of(&other))
		})
	}
}

// live runs the whole life of a group twice: created by one, and by the other.
func live(t *testing.T, suite int, ours, theirs side) {
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
	r := begin(t, suite, creator, joiner, creatorPublic)
	for _, s := range steps {
		if !r.run(t, s, creator.implementation, joiner.implementation, creatorPublic) ||
			!r.run(t, s, joiner.implementation, creator.implementation, !creatorPublic) {
			return // the group is not worth much any more
		}
	}
	if creator.can(reinits) && joiner.can(reinits) {
		end(r, r.of(creator.implementation), r.of(joiner.implementation))
	}
}

// begin has one side create a group and the other join it.
func begin(t *testing.T, suite int, creator, joiner side, public bool) *room {
	t.Helper()
	creator.t, joiner.t = t, t
	r := newRoom(t, suite, creator)
	r.add(r.members[0], public || !creator.can(privateHandshakes) || !joiner.can(privateHandshakes), joiner)
	return r
}

// run runs a step if the implementations can do it, and reports whether all is well.
func (r *room) run(t *testing.T, s step, actor, other *implementation, public bool) bool {
	t.Helper()
	if !r.allows(s, actor) {
		return true
	}
	public = public || !actor.can(privateHandshakes) || !other.can(privateHandshakes)
	defer r.use(t)
	return t.Run(fmt.Sprintf("%s by %s, %s", s.name, actor.name, format(public)), func(t *testing.T) {
		r.use(t)
		s.run(r, r.of(actor), r.of(other), public)
		r.agree()
	})
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
