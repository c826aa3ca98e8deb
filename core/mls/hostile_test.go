package mls

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// What a message of at most hostileSize bytes may cost whoever gets it, besides
// what the genuine ones of the same kind cost.
const (
	hostileSize  = 4 << 10
	hostileAlloc = 64 << 10
)

// A hostile message and who reads it. Nothing about it must be accepted.
type hostile struct {
	name    string
	message []byte
	read    func(message []byte) error
}

// hostileMessages returns messages that are made to cost more than they should.
func hostileMessages(t testing.TB, s *scene) []hostile {
	t.Helper()
	process := func(m []byte) error {
		_, err := s.bob.Process(m)
		return err
	}
	frank := newKeyPackage(t, s.newcomer(t))
	join := func(m []byte) error {
		_, err := frank.Join(m, JoinOptions{})
		return err
	}
	external := func(m []byte) error {
		_, _, err := frank.client.JoinExternal(m, ExternalOptions{})
		return err
	}
	add := func(m []byte) error {
		_, err := s.bob.Commit(CommitOptions{Add: [][]byte{m}})
		return err
	}
	commit := must1(s.mallory.Commit(CommitOptions{Add: [][]byte{frank.Bytes()}, Public: true, WithoutTree: true}))
	must0(s.mallory.DiscardCommit())
	groupInfo := must1(s.mallory.GroupInfo(true))

	var list []hostile
	// Each place where a length may be, with the largest length there is.
	for _, genuine := range []hostile{
		{"commit", commit.Message, process},
		{"private message", must1(s.mallory.Protect([]byte("hello"), nil)), process},
		{"proposal", must1(s.mallory.ProposeAdd(newKeyPackage(t, s.newcomer(t)).Bytes(), SendOptions{Public: true})), process},
		{"Welcome", commit.Welcomes[0].Message, join},
		{"GroupInfo", groupInfo, external},
		{"KeyPackage", newKeyPackage(t, s.newcomer(t)).Bytes(), add},
	} {
		if len(genuine.message) > hostileSize {
			t.Fatalf("%s is of %d bytes", genuine.name, len(genuine.message))
		}
		for at := range len(genuine.message) - 4 {
			m := bytes.Clone(genuine.message)
			copy(m[at:], []byte{0xbf, 0xff, 0xff, 0xff}) // 2^30-1
			list = append(list, hostile{fmt.Sprintf("%s, length at %d", genuine.name, at), m, genuine.read})
		}
	}
	for name, body := range hostileBodies() {
		list = append(list,
			hostile{name + " as a proposal list", publicCommit(s, body), process},
			hostile{name + " as a Welcome", slices.Concat([]byte{0, 1, 0, 3, 0, 1}, body, []byte{0}), join},
		)
	}
	for name, nodes := range hostileTrees(s) {
		list = append(list, hostile{name, groupInfoWithTree(t, s, nodes), external})
	}
	return list
}

// hostileBodies are vectors of many tiny elements.
func hostileBodies() map[string][]byte {
	vector := func(element ...byte) []byte {
		var w tlsenc.Writer
		w.Vector(bytes.Repeat(element, (hostileSize-256)/len(element)))
		return w.Bytes()
	}
	return map[string][]byte{
		"zeros":              vector(0),
		"empty references":   vector(2, 0),
		"Removes":            vector(1, 0, 3, 0, 0, 0, 3),
		"external PSKs":      vector(1, 0, 4, 1, 0, 0),
		"empty extensions":   vector(1, 0, 7, 0),
		"ReInits":            vector(1, 0, 5, 0, 0, 1, 0, 1, 0),
		"empty ExternalInit": vector(1, 0, 6, 0),
		"group secrets":      vector(0, 0, 0),
	}
}

// publicCommit frames a commit in the name of Mallory with an encoded list of
// proposals and nothing after it.
func publicCommit(s *scene, proposals []byte) []byte {
	var w tlsenc.Writer
	w.Uint16(uint16(mlswire.MLS10))
	w.Uint16(uint16(mlswire.WireFormatPublicMessage))
	w.Vector(s.bob.GroupID())
	w.Uint64(s.bob.Epoch())
	w.Uint8(uint8(mlswire.SenderTypeMember))
	w.Uint32(1)
	w.Vector(nil)
	w.Uint8(uint8(mlswire.ContentTypeCommit))
	w.Fixed(proposals)
	w.Uint8(0)
	w.Vector(make([]byte, 64))
	w.Vector(make([]byte, 32))
	w.Vector(make([]byte, 32))
	return w.Bytes()
}

// hostileTrees are encoded ratchet_tree extensions of hostile shapes.
func hostileTrees(s *scene) map[string][]byte {
	leaf := slices.Concat([]byte{1, 1}, mlswire.Marshal(s.alice.current.leaf()))
	tree := func(nodes []byte) []byte {
		var w tlsenc.Writer
		w.Vector(nodes)
		return w.Bytes()
	}
	room := hostileSize - 512 - len(leaf)
	room -= room % 2
	parent := []byte{1, 2, 0, 0, 0} // keys, hash and unmerged leaves are empty
	return map[string][]byte{
		"one leaf far to the right":  tree(append(make([]byte, room), leaf...)),
		"nothing but blank nodes":    tree(make([]byte, room)),
		"nothing but empty parents":  tree(bytes.Repeat(append([]byte{0}, parent...), room/6)),
		"parents above one leaf":     tree(append(bytes.Repeat(append([]byte{0}, parent...), room/6), leaf...)),
		"leaf where parents are":     tree(slices.Concat([]byte{0}, leaf, make([]byte, room-len(leaf)), leaf)),
		"one parent of all unmerged": tree(slices.Concat([]byte{0, 1, 2, 0, 0}, unmergedLeaves(room/4), leaf)),
		"nothing":                    tree(nil),
	}
}

func unmergedLeaves(n int) []byte {
	var list, w tlsenc.Writer
	for i := range n {
		list.Uint32(uint32(i))
	}
	w.Vector(list.Bytes())
	return w.Bytes()
}

// groupInfoWithTree is a GroupInfo of the group with another tree, signed by
// Mallory.
func groupInfoWithTree(t testing.TB, s *scene, tree []byte) []byte {
	t.Helper()
	m := must1(mlswire.ParseMessage(must1(s.mallory.GroupInfo(false))))
	m.GroupInfo.Extensions = append(m.GroupInfo.Extensions, mlswire.Extension{Type: mlswire.ExtensionTypeRatchetTree, Data: tree})
	e := s.mallory.current
	m.GroupInfo.Signature = must1(e.suite.SignWithLabel(e.signer, "GroupInfoTBS", m.GroupInfo.TBS()))
	return m.Marshal()
}

// allocated returns how many bytes a call takes, the least of three times: what
// the runtime does meanwhile is counted too.
func allocated(call func()) uint64 {
	least := ^uint64(0)
	var before, after runtime.MemStats
	for range 3 {
		runtime.ReadMemStats(&before)
		call()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// A message of 4 kB costs at most 64 kB of memory, RFC 9420, Section 2.1.2 and
// 16: whatever lengths and trees it claims.
func TestHostileMessagesAreCheap(t *testing.T) {
	s := newScene(t)
	list := hostileMessages(t, s)
	if testing.Short() {
		list = list[len(list)-200:]
	}
	before := fingerprint(s.bob)
	for _, h := range list {
		if len(h.message) > hostileSize {
			t.Errorf("%s: %d bytes", h.name, len(h.message))
		}
		var err error
		if n := allocated(func() { err = h.read(h.message) }); n > hostileAlloc {
			t.Errorf("%s: %d bytes of memory, %v", h.name, n, err)
		}
		if err == nil {
			t.Errorf("%s: accepted", h.name)
		}
	}
	if !bytes.Equal(fingerprint(s.bob), before) {
		t.Error("hostile messages changed the state")
	}
}

// BenchmarkHostile measures the dearest hostile message: it must stay below
// 10 ms.
func BenchmarkHostile(b *testing.B) {
	s := newScene(b)
	list := hostileMessages(b, s)
	for name, pick := range map[string]func(h hostile) bool{
		"tree":   func(h hostile) bool { return h.name == "one leaf far to the right" },
		"commit": func(h hostile) bool { return h.name == "Removes as a proposal list" },
	} {
		h := list[slices.IndexFunc(list, pick)]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = h.read(h.message)
			}
		})
	}
}
