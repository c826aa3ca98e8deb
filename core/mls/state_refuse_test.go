package mls

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"runtime"
	"testing"

	"conclave/core/mls/internal/secrettree"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

// snapshots returns snapshots of groups in all states, and of KeyPackages, with
// the client that can restore them.
func snapshots(t testing.TB) (*Client, map[string]secret.Value) {
	t.Helper()
	s := newScene(t)
	g := s.bob
	all := map[string]secret.Value{"settled": g.Snapshot()}
	for _, message := range [][]byte{
		must1(s.alice.ProposeUpdate(LeafChange{SigningKey: g.current.suite.GenerateSigningKey()}, SendOptions{})),
		must1(s.carol.ProposePSK([]byte("psk"), SendOptions{Public: true, AuthenticatedData: []byte("beside")})),
	} {
		if _, err := g.Process(message); err != nil {
			t.Fatal(err)
		}
	}
	must1(g.ProposeUpdate(LeafChange{SigningKey: g.current.suite.GenerateSigningKey()}, SendOptions{}))
	all["proposals"] = g.Snapshot()
	must1(g.Commit(CommitOptions{Add: [][]byte{newKeyPackage(t, s.newcomer(t)).Bytes()}, AuthenticatedData: []byte("beside")}))
	all["pending"] = g.Snapshot()
	if err := g.MergeCommit(); err != nil {
		t.Fatal(err)
	}
	all["past"] = g.Snapshot()
	must1(g.Commit(CommitOptions{PSK: [][]byte{[]byte("psk")}, Remove: []LeafIndex{1, 0}}))
	all["removing"] = g.Snapshot()
	if err := g.MergeCommit(); err != nil {
		t.Fatal(err)
	}
	all["narrow"] = g.Snapshot()
	must1(g.ProposeUpdate(LeafChange{}, SendOptions{}))
	all["own update"] = g.Snapshot()
	k := newKeyPackage(t, g.client)
	all["KeyPackage"] = k.Snapshot()
	k.Erase()
	all["used KeyPackage"] = k.Snapshot()
	g.Erase()
	all["removed"] = g.Snapshot()
	return g.client, all
}

// restore restores whatever a snapshot is of, and returns it saved again.
func (c *Client) restore(state secret.Value) (secret.Value, error) {
	g, err := c.Restore(state)
	if err == nil {
		return g.Snapshot(), nil
	}
	k, err2 := c.RestoreKeyPackage(state)
	if err2 == nil {
		return k.Snapshot(), nil
	}
	return secret.Value{}, err
}

func TestSnapshots(t *testing.T) {
	c, all := snapshots(t)
	for name, state := range all {
		if got, err := c.restore(state); err != nil || !got.Equal(state) {
			t.Errorf("%s: restoring = %v, same %t", name, err, got.Equal(state))
		}
	}
}

// A snapshot that is cut, or changed in any bit, is refused.
func TestRestoreRefusesDamage(t *testing.T) {
	c, all := snapshots(t)
	for _, name := range []string{"settled", "KeyPackage"} {
		b := all[name].Expose()
		for n := range b {
			if _, err := c.restore(secret.New(b[:n])); !errors.Is(err, ErrSnapshot) {
				t.Fatalf("%s: the first %d bytes: %v, want ErrSnapshot", name, n, err)
			}
		}
		if _, err := c.restore(secret.New(append(bytes.Clone(b), 0))); !errors.Is(err, ErrSnapshot) {
			t.Errorf("%s with a byte behind: %v, want ErrSnapshot", name, err)
		}
		for i := range b {
			damaged := bytes.Clone(b)
			damaged[i] ^= 1 << (i % 8)
			want := ErrSnapshot
			if i == len(snapshotMagic) {
				want = ErrSnapshotVersion
			}
			if _, err := c.restore(secret.Own(damaged)); !errors.Is(err, want) {
				t.Fatalf("%s with byte %d changed: %v, want %v", name, i, err, want)
			}
		}
	}
}

// summed returns a snapshot with a sum that is right.
func summed(b []byte) secret.Value {
	sum := sha256.Sum256(b)
	return secret.Own(append(bytes.Clone(b), sum[:]...))
}

// The sum says nothing about who wrote a snapshot: with a right one, a cut or a
// change is refused too, or is a state of its own. FuzzRestore tries more.
func TestRestoreRefusesMalformed(t *testing.T) {
	c, all := snapshots(t)
	for name, state := range all {
		b := state.Expose()[:state.Len()-sha256.Size]
		step := 13
		if runtime.GOOS == "js" {
			step = 131 // ten times as slow
		}
		for n := 0; n < len(b); n += step {
			if got, err := c.restore(summed(b[:n])); !errors.Is(err, ErrSnapshot) && !errors.Is(err, ErrSnapshotVersion) {
				t.Fatalf("%s: the first %d of %d bytes: %v, %v", name, n, len(b), got, err)
			}
		}
		for i := 0; i < len(b); i += step {
			for _, change := range []byte{1, 0x80} {
				changed := bytes.Clone(b)
				changed[i] ^= change
				if got, err := c.restore(summed(changed)); err == nil && !got.Equal(summed(changed)) {
					t.Fatalf("%s: with byte %d changed by %#x, another state is restored", name, i, change)
				}
			}
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	c, all := snapshots(t)
	settled := all["settled"].Expose()
	other := testClient(t, "other", func(config *Config) {
		config.Suite, config.Capabilities = suite.Default, nil
	})
	if _, err := other.Restore(all["settled"]); !errors.Is(err, ErrSnapshotSuite) {
		t.Errorf("Restore by a client of another suite = %v, want ErrSnapshotSuite", err)
	}
	if _, err := other.RestoreKeyPackage(all["KeyPackage"]); !errors.Is(err, ErrSnapshotSuite) {
		t.Errorf("RestoreKeyPackage by a client of another suite = %v, want ErrSnapshotSuite", err)
	}
	if _, err := c.Restore(all["KeyPackage"]); !errors.Is(err, ErrSnapshot) {
		t.Errorf("Restore of a KeyPackage = %v, want ErrSnapshot", err)
	}
	if _, err := c.RestoreKeyPackage(all["settled"]); !errors.Is(err, ErrSnapshot) {
		t.Errorf("RestoreKeyPackage of a group = %v, want ErrSnapshot", err)
	}
	if _, err := c.Restore(secret.Value{}); !errors.Is(err, ErrSnapshot) {
		t.Errorf("Restore of nothing = %v, want ErrSnapshot", err)
	}
	newer := bytes.Clone(settled[:len(settled)-sha256.Size])
	newer[len(snapshotMagic)]++
	if _, err := c.Restore(summed(newer)); !errors.Is(err, ErrSnapshotVersion) {
		t.Errorf("Restore of another version = %v, want ErrSnapshotVersion", err)
	}
	g := must1(c.Restore(all["settled"]))
	g.current.signer = g.current.suite.GenerateSigningKey()
	if _, err := c.Restore(g.Snapshot()); !errors.Is(err, ErrSnapshot) {
		t.Errorf("Restore with somebody else's signing key = %v, want ErrSnapshot", err)
	}
	k := must1(c.RestoreKeyPackage(all["KeyPackage"]))
	k.initKey = k.leafKey.Private
	if _, err := c.RestoreKeyPackage(k.Snapshot()); !errors.Is(err, ErrSnapshot) {
		t.Errorf("RestoreKeyPackage with another private key = %v, want ErrSnapshot", err)
	}
}

// A snapshot holds no key that the lease covers, for who steals it.
func TestSnapshotIsAhead(t *testing.T) {
	s := newScene(t)
	g := s.bob
	state := g.Snapshot()
	for range Lease {
		next := must1(g.messages.Next(uint32(g.Self()), secrettree.Application))
		if bytes.Contains(state.Expose(), next.Key.Expose()) {
			t.Error("the snapshot holds a key that the lease covers")
		}
	}
	restored := must1(g.client.Restore(state))
	next := must1(g.messages.Next(uint32(g.Self()), secrettree.Application))
	after := must1(restored.messages.Next(uint32(g.Self()), secrettree.Application))
	if next.Generation != after.Generation || !next.Key.Equal(after.Key) {
		t.Errorf("the restored group begins with generation %d, want %d", after.Generation, next.Generation)
	}
}

// The lease ends with the last generation there is.
func TestLeaseAtTheEnd(t *testing.T) {
	s := newScene(t)
	g := s.bob
	const last = 1<<32 - 2
	for next, want := range map[uint32]uint32{
		last - Lease - 1: last - 1, last - Lease: last, last - 1: last, last: last, last + 1: last,
	} {
		g := must1(g.client.Restore(g.Snapshot()))
		g.messages = atGeneration(t, g, next)
		g.lease = lease{}
		state := g.Snapshot()
		if end := g.lease.application; end != want {
			t.Errorf("the lease from %d ends at %d, want %d", next, end, want)
		}
		if _, err := g.client.Restore(state); err != nil {
			t.Errorf("Restore at generation %d = %v", next, err)
		}
	}
}

// atGeneration returns the secret tree of a group with its own ratchets at a
// generation.
func atGeneration(t testing.TB, g *Group, next uint32) *secrettree.Tree {
	t.Helper()
	w := tlsenc.NewWriter(0)
	g.messages.Encode(w)
	b := w.Bytes()
	// Own ratchets are those at the end of the lease of the snapshot.
	at := tlsenc.NewWriter(4)
	at.Uint32(g.lease.application)
	to := tlsenc.NewWriter(4)
	to.Uint32(next)
	if bytes.Count(b, at.Bytes()) != 2 {
		t.Fatal("the ratchets cannot be found")
	}
	r := tlsenc.NewReader(bytes.ReplaceAll(b, at.Bytes(), to.Bytes()))
	tree, err := secrettree.Decode(g.current.suite, &r, secrettree.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// FuzzRestore checks that whatever is restored has the state that was read, and
// that nothing panics. The sum is made right.
func FuzzRestore(f *testing.F) {
	c, all := snapshots(f)
	for _, state := range all {
		f.Add(state.Expose()[:state.Len()-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := c.restore(summed(b))
		switch {
		case err == nil && !got.Equal(summed(b)):
			t.Errorf("another state is restored from %x", b)
		case err != nil && !errors.Is(err, ErrSnapshot) && !errors.Is(err, ErrSnapshotVersion) && !errors.Is(err, ErrSnapshotSuite):
			t.Errorf("restoring = %v", err)
		}
	})
}
