package keytrans_test

import (
	"bytes"
	"slices"

	"conclave/core/keytrans"
)

// splice returns the honest answer with a part of its bytes replaced, once.
func splice(part func(w *world, a *keytrans.LookupResponse) (old, replacement []byte)) func(*world, *keytrans.LookupRequest) []byte {
	return func(w *world, q *keytrans.LookupRequest) []byte {
		a := w.Lookup(q, w.p, w.p.Version())
		old, replacement := part(w, a)
		b := a.Encode()
		i := bytes.Index(b, old)
		if i < 0 || len(old) == 0 {
			panic("the answer does not have the part to replace")
		}
		return slices.Concat(b[:i], replacement, b[i+len(old):])
	}
}

// header is the length of a vector of 64 to 16383 bytes.
func vector(n int) []byte { return []byte{0x40 | byte(n>>8), byte(n)} }

var parserAttacks = []attack{
	{name: "nothing", answer: func(*world, *keytrans.LookupRequest) []byte { return nil }, id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a byte more", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		return append(w.Lookup(q, w.p, w.p.Version()).Encode(), 0)
	}, id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a byte less", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		b := w.Lookup(q, w.p, w.p.Version()).Encode()
		return b[:len(b)-1]
	}, id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a megabyte of records", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		for range 1025 {
			a.Records = append(a.Records, make([]byte, 1000))
		}
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "more bytes than an answer has", answer: func(*world, *keytrans.LookupRequest) []byte {
		return make([]byte, keytrans.MaxLookupResponse+1)
	}, id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a version above the greatest", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.Version = keytrans.MaxVersion + 1
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a ladder for the greatest version", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.Version = keytrans.MaxVersion
	}), id: keytrans.ErrProof, attack: "MS-15"},
	{name: "a label proof too many", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.VRFs = append(a.VRFs, a.VRFs[0])
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "65 label proofs", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.VRFs = slices.Repeat(a.VRFs[:1], 65)
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "half a label proof", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.VRFs[0] = a.VRFs[0][:40]
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a path too few", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		labels, _ := w.Ladder(w.p.User[:], keytrans.Ladder(top), nil)
		a.Proof = w.Prove(1, labels)
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "257 siblings", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		old := a.Proof.Encode()
		p := slices.Concat(vector(4*34), bytes.Repeat(append([]byte{1, 255}, make([]byte, 32)...), 4), []byte{33})
		p = append(p, slices.Concat(bytes.Repeat([]byte{0xff}, 32), []byte{0x80}, bytes.Repeat([]byte{7}, 257*32))...)
		return old, p
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "more siblings than any map has", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		p := slices.Concat([]byte{2, 0, 0}, vector(521), bytes.Repeat([]byte{0xff}, 521), make([]byte, 521*8*32))
		return a.Proof.Encode(), p
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "66 paths", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		return a.Proof.Encode(), slices.Concat(vector(132), make([]byte, 132), []byte{0})
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "no path", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		return a.Proof.Encode(), []byte{0, 0}
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "all paths end at the top", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		return a.Proof.Encode(), slices.Concat([]byte{8}, make([]byte, 8), []byte{0})
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "an end of an unknown kind", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		return a.Proof.Encode(), []byte{2, 3, 0, 0}
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "an empty sibling that says it is not", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		return a.Proof.Encode(), slices.Concat([]byte{2, 0, 1, 1, 0x80}, keytrans.EmptyHash[:])
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "two handles", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		h := slices.Concat(a.Handle.VRF[:], a.Handle.Opening[:], a.Handle.User[:])
		return append(vector(128), h...), slices.Concat(vector(256), h, h)
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "half a hash", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		old := append([]byte{32}, a.Inclusion[0][:]...)
		return old, slices.Concat([]byte{31}, a.Inclusion[0][:31])
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a flag that is 2", answer: splice(func(_ *world, a *keytrans.LookupResponse) ([]byte, []byte) {
		found := slices.Concat([]byte{1}, a.User[:], []byte{0, 0, 0, top})
		return found, append([]byte{2}, found[1:]...)
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a checkpoint with a fourth line", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		text := w.Text(2) + "more\n"
		a.Checkpoint = []byte(text + "\n" + w.Log.Sign(text))
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a checkpoint that is no note", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.Checkpoint = []byte("hello")
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "records of nobody", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.Found = false
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a handle of a user without records", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		a.Found, a.Version, a.Opening, a.Records, a.VRFs = false, 0, keytrans.Hash{}, nil, nil
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "an answer to another question", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		other := *q
		other.Kind, other.Name = keytrans.ByUser, w.p.User[:]
		return w.Lookup(&other, w.p, w.p.Version()).Encode()
	}, id: keytrans.ErrProof, attack: "MS-42"},
	{name: "no record", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.Records = nil
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a record too many", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		a.Records = w.p.Records[top-1 : top+1]
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a malformed record in the map", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.Put(keytrans.Users, w.p.User[:], top+1, []byte("junk"))
		w.p.Records = append(w.p.Records, []byte("junk"))
		w.Later(second)
		return w.Lookup(q, w.p, top+1).Encode()
	}, id: keytrans.ErrProof, attack: "MS-42"},
	{name: "an epoch of another format", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		w.Leaves[1] = slices.Clone(w.Leaves[1])
		w.Leaves[1][1] = 2
		a.Epoch, a.Checkpoint = w.Leaves[1], w.Note()
	}), id: keytrans.ErrProof, attack: "MS-42"},
}
