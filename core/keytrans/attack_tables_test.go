package keytrans_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// changed returns an attack's answer: the honest one with a change.
func changed(change func(w *world, a *keytrans.LookupResponse)) func(*world, *keytrans.LookupRequest) []byte {
	return func(w *world, q *keytrans.LookupRequest) []byte {
		a := w.Lookup(q, w.p, w.p.Version())
		change(w, a)
		return a.Encode()
	}
}

// signed returns an answer whose checkpoint has the log's signature and these
// lines of witnesses.
func signed(lines func(w *world, text string) string) func(*world, *keytrans.LookupRequest) []byte {
	return changed(func(w *world, a *keytrans.LookupResponse) {
		text := w.Text(len(w.Leaves))
		a.Checkpoint = []byte(text + "\n" + w.Log.Sign(text) + lines(w, text))
	})
}

// cosignWrapped cosigns at a number of seconds that is now in milliseconds once
// it is multiplied by 1000 in 64 bits.
func cosignWrapped(s *keytranstest.Signer, text string, now uint64) string {
	for k := uint64(1); ; k++ {
		if seconds, rest := bits.Div64(k, now, 1000); rest == 0 {
			message := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", seconds, text)
			return s.Line(append(binary.BigEndian.AppendUint64(nil, seconds), ed25519.Sign(s.Key, message)...))
		}
	}
}

var attacks = slices.Concat(mapAttacks, logAttacks, witnessAttacks, keyAttacks, parserAttacks, recordAttacks)

var mapAttacks = []attack{
	{name: "a record that is not in the map", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		a.Records = [][]byte{w.p.Next(nil)}
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "a proof in another map", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		honest := *a
		w.Put(keytrans.Users, keytranstest.Seed("x"), 1, nil)
		w.Later(second)
		*a = *w.Lookup(w.request(), w.p, w.p.Version())
		a.Checkpoint, a.Epoch, a.Inclusion, a.Consistency = honest.Checkpoint, honest.Epoch, honest.Inclusion, honest.Consistency
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "an epoch that is not in the log", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		e := w.Epochs[len(w.Epochs)-1]
		e.MapRoot[0]++
		a.Epoch = e.Encode()
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "an epoch that is not the last", known: true, answer: changed(func(w *world, a *keytrans.LookupResponse) {
		a.Epoch, a.Inclusion = w.Leaves[0], keytranstest.LogInclusion(0, w.Leaves)
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "another user's handle", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		lin := keytranstest.NewPerson("lin")
		lin.Publish(w.Model)
		w.Later(second)
		a := w.Lookup(q, lin, 0)
		return a.Encode()
	}, id: keytrans.ErrProof, attack: "MS-05"},
	{name: "another user behind the handle", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		lin := keytranstest.NewPerson("lin")
		lin.Publish(w.Model)
		w.Later(second)
		a, b := w.Lookup(q, w.p, w.p.Version()), w.Lookup(q, lin, 0)
		b.Handle = a.Handle
		return b.Encode()
	}, id: keytrans.ErrProof, attack: "MS-05"},
	{name: "another user than was asked for", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		lin := keytranstest.NewPerson("lin")
		lin.Publish(w.Model)
		w.Later(second)
		return w.Lookup(q, lin, 0).Encode()
	}, id: keytrans.ErrProof, attack: "MS-05"},
	{name: "a handle whose user has nothing", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		a := w.Lookup(q, w.p, w.p.Version())
		own, _ := w.Label(keytrans.Handles, q.Name, 0)
		a.Found, a.Version, a.Opening, a.Records, a.VRFs = false, 0, keytrans.Hash{}, nil, nil
		a.Proof = w.Prove(len(w.Leaves)-1, []keytrans.Hash{own})
		return a.Encode()
	}, id: keytrans.ErrProof, attack: "MS-05"},
	{name: "an opening of a handle that nobody has", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		a := w.Lookup(q, nil, 0)
		a.Handle.Opening[0] = 1
		return a.Encode()
	}, id: keytrans.ErrProof, attack: "MS-42"},
	{name: "a newer version hidden", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		return w.Lookup(q, w.p, w.p.Version()-1).Encode()
	}, id: keytrans.ErrStale, attack: "MS-06"},
	{name: "a newer version hidden from one who knows an older", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.p.Publish(w.Model)
		w.Later(second)
		return w.Lookup(q, w.p, w.p.Version()-1).Encode()
	}, id: keytrans.ErrStale, attack: "MS-06"},
	{name: "a version hidden that is known", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		return w.Lookup(q, w.p, w.p.Version()-1).Encode()
	}, id: keytrans.ErrStale, attack: "MS-06"},
	{name: "a handle hidden", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		return w.Lookup(q, nil, 0).Encode()
	}, id: keytrans.ErrStale, attack: "MS-06"},
	{name: "a version far above planted", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		fake := w.p.Clone()
		fake.Last.Version = 4999
		record := fake.Next(nil)
		w.Put(keytrans.Users, w.p.User[:], 5000, record)
		w.Later(second)
		for len(w.p.Records) <= 5000 {
			w.p.Records = append(w.p.Records, record)
		}
		return w.Lookup(q, w.p, 5000).Encode()
	}, id: keytrans.ErrProof, attack: "MS-07"},
	{name: "a version taken back", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.Remove(keytrans.Users, w.p.User[:], w.p.Version())
		w.Later(second)
		return w.Lookup(q, w.p, w.p.Version()-1).Encode()
	}, id: keytrans.ErrFlipFlop, attack: "MS-08", proof: keytrans.Changed, proven: true},
	{name: "a version changed", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.Put(keytrans.Users, w.p.User[:], w.p.Version(), []byte("another"))
		w.Later(second)
		return w.Lookup(q, w.p, w.p.Version()).Encode()
	}, id: keytrans.ErrFlipFlop, attack: "MS-08", proof: keytrans.Changed, proven: true},
	{name: "a user taken back", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		for v := range w.p.Version() + 1 {
			w.Remove(keytrans.Users, w.p.User[:], v)
		}
		w.Later(second)
		a := w.Lookup(q, nil, 0)
		_, a.VRFs = w.Ladder(q.Name, []keytrans.LadderStep{{Version: 0}}, nil)
		return a.Encode()
	}, id: keytrans.ErrFlipFlop, attack: "MS-08"},
}

var logAttacks = []attack{
	{name: "an old checkpoint", answer: changed(func(w *world, _ *keytrans.LookupResponse) {
		w.Now += 25 * hour
	}), id: keytrans.ErrFrozen, attack: "MS-09"},
	{name: "an old checkpoint that is known", known: true, answer: changed(func(w *world, _ *keytrans.LookupResponse) {
		w.Now += 25 * hour
	}), id: keytrans.ErrFrozen, attack: "MS-09"},
	{name: "an old epoch with fresh cosignatures", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		w.Now += 25 * hour
		a.Checkpoint = w.Note()
	}), id: keytrans.ErrFrozen, attack: "MS-09"},
	{name: "a smaller log", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.Leaves, w.Epochs, w.Maps = w.Leaves[:1], w.Epochs[:1], w.Maps[:1]
		a := w.Lookup(q, w.p, w.p.Version())
		return a.Encode()
	}, id: keytrans.ErrRollback, attack: "MS-10"},
	{name: "a log of the same size with other history", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.Leaves[1] = slices.Clone(w.Leaves[1])
		w.Leaves[1][20]++
		w.Leaves, w.Epochs = w.Leaves[:2], w.Epochs[:2]
		return w.Lookup(q, w.p, w.p.Version()).Encode()
	}, id: keytrans.ErrRollback, attack: "MS-10", proof: keytrans.Fork, proven: true},
	{name: "a greater log with other history", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.Leaves[0] = slices.Clone(w.Leaves[0])
		w.Leaves[0][20]++
		return w.Lookup(q, w.p, w.p.Version()).Encode()
	}, id: keytrans.ErrRollback, attack: "MS-10", proof: keytrans.Fork},
	{name: "a consistency proof to nowhere", known: true, answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.Consistency = a.Consistency[:0]
	}), id: keytrans.ErrRollback, attack: "MS-10", proof: keytrans.Fork},
	{name: "a consistency proof that nobody asked for", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		a.Consistency = a.Inclusion
	}), id: keytrans.ErrProof, attack: "MS-42"},
	{name: "cosignatures ahead of the clock", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		a.Checkpoint = w.NoteAt(len(w.Leaves), w.Now+11*minute)
	}), id: keytrans.ErrClock, attack: "MS-43"},
	{name: "a clock that went back", known: true, answer: changed(func(w *world, a *keytrans.LookupResponse) {
		w.Now -= 25 * hour
		a.Checkpoint = w.Note()
	}), id: keytrans.ErrClock, attack: "MS-43"},
	{name: "an epoch ahead of its witnesses", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		now := w.Now
		w.Later(11 * minute)
		w.Now = now
		*a = *w.Lookup(w.request(), w.p, w.p.Version())
	}), id: keytrans.ErrProof, attack: "MS-43"},
	{name: "an epoch before the last", known: true, answer: changed(func(w *world, a *keytrans.LookupResponse) {
		now := w.Now
		w.Now = start
		w.Publish()
		w.Now = now
		*a = *w.Lookup(w.request(), w.p, w.p.Version())
	}), id: keytrans.ErrProof, attack: "MS-43"},
}

var witnessAttacks = []attack{
	{name: "a fork that one witness signs", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.Leaves[1] = slices.Clone(w.Leaves[1])
		w.Leaves[1][20]++
		w.Witnesses = w.Witnesses[:1]
		return w.Lookup(q, w.p, w.p.Version()).Encode()
	}, id: keytrans.ErrWitness, attack: "MS-12"},
	{name: "cosignatures stripped", answer: signed(func(*world, string) string { return "" }), id: keytrans.ErrWitness, attack: "MS-12"},
	{name: "a forged cosignature", answer: signed(func(w *world, text string) string {
		forger := keytranstest.NewSigner("forger", 4)
		forged := *w.Witnesses[1]
		line := forger.Cosign(text, w.Now)
		raw, _ := base64.StdEncoding.DecodeString(strings.Fields(line)[2])
		return w.Witnesses[0].Cosign(text, w.Now) + forged.Line(raw[4:])
	}), id: keytrans.ErrWitness, attack: "MS-13"},
	{name: "one witness twice", answer: signed(func(w *world, text string) string {
		return w.Witnesses[0].Cosign(text, w.Now) + w.Witnesses[0].Cosign(text, w.Now+second)
	}), id: keytrans.ErrWitness, attack: "MS-13"},
	{name: "the same cosignature twice", answer: signed(func(w *world, text string) string {
		return strings.Repeat(w.Witnesses[0].Cosign(text, w.Now), 2)
	}), id: keytrans.ErrWitness, attack: "MS-12"},
	{name: "a cosignature of another checkpoint", answer: signed(func(w *world, text string) string {
		return w.Witnesses[0].Cosign(text, w.Now) + w.Witnesses[1].Cosign(w.Text(1), w.Now)
	}), id: keytrans.ErrWitness, attack: "MS-13"},
	{name: "a witness with another key", answer: signed(func(w *world, text string) string {
		other := *w.Witnesses[1]
		other.Key = keytranstest.NewSigner("other", 4).Key
		return w.Witnesses[0].Cosign(text, w.Now) + other.Cosign(text, w.Now)
	}), id: keytrans.ErrWitness, attack: "MS-12"},
	{name: "a log signature in a witness's place", answer: signed(func(w *world, text string) string {
		return w.Witnesses[0].Cosign(text, w.Now) + w.Witnesses[1].Sign(text)
	}), id: keytrans.ErrWitness, attack: "MS-13"},
	{name: "a time that is fresh modulo 2^64", answer: signed(func(w *world, text string) string {
		return w.Witnesses[0].Cosign(text, w.Now) + cosignWrapped(w.Witnesses[1], text, w.Now)
	}), id: keytrans.ErrWitness, attack: "MS-13"},
	{name: "one fresh cosignature on an old checkpoint", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		w.Now += 23 * hour
		text := w.Text(len(w.Leaves))
		a.Checkpoint = []byte(text + "\n" + w.Log.Sign(text) + w.Witnesses[0].Cosign(text, w.Now) + w.Witnesses[1].Cosign(text, w.Now-25*hour))
	}), id: keytrans.ErrFrozen, attack: "MS-09"},
}

var keyAttacks = []attack{
	{name: "another log key", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		w.Log = &keytranstest.Signer{Name: keytranstest.Origin, Alg: 1, Key: keytranstest.NewSigner("another", 1).Key}
		a.Checkpoint = w.Note()
	}), id: keytrans.ErrServerIdentity, attack: "MS-14"},
	{name: "another keytranstest.Origin", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		text := strings.Replace(w.Text(len(w.Leaves)), keytranstest.Origin, "other.example", 1)
		a.Checkpoint = []byte(text + "\n" + w.Log.Sign(text))
	}), id: keytrans.ErrServerIdentity, attack: "MS-14"},
	{name: "a forged log signature", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		a.Checkpoint = []byte(w.Text(2) + "\n" + w.Log.Line(make([]byte, 64)))
	}), id: keytrans.ErrProof, attack: "MS-05"},
	{name: "a label proof of another version", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		_, a.VRFs[0] = w.Label(keytrans.Users, w.p.User[:], 2)
	}), id: keytrans.ErrProof, attack: "MS-15"},
	{name: "a label proof of another user", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		_, a.VRFs[0] = w.Label(keytrans.Users, keytranstest.Seed("other")[:16], 1)
	}), id: keytrans.ErrProof, attack: "MS-15"},
	{name: "a label proof of another handle", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		_, pi := w.Label(keytrans.Handles, []byte("kofie"), 0)
		a.Handle.VRF = [80]byte(pi)
	}), id: keytrans.ErrProof, attack: "MS-15"},
	{name: "a label proof that is not canonical", answer: changed(func(_ *world, a *keytrans.LookupResponse) {
		pi := slices.Clone(a.VRFs[0])
		for i := range 32 {
			pi[48+i] = 0xff // a scalar above the order of the group
		}
		a.VRFs[0] = pi
	}), id: keytrans.ErrProof, attack: "MS-15"},
	{name: "labels of another key", answer: changed(func(w *world, a *keytrans.LookupResponse) {
		other := w.Clone()
		other.SetKey("another")
		_, a.VRFs[0] = other.Label(keytrans.Users, w.p.User[:], 1)
	}), id: keytrans.ErrProof, attack: "MS-15"},
}

var recordAttacks = []attack{
	{name: "another identity key without a reset", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.p.Reset(w.Model, false)
		w.Later(second)
		return w.Lookup(q, w.p, w.p.Version()).Encode()
	}, id: keytrans.ErrReset, attack: "MS-02"},
	{name: "the pinned record replaced", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		fake := keytranstest.NewPerson("kofi")
		fake.Key = keytranstest.NewSigner("mallory", 1).Key
		for range top + 2 {
			fake.Add(w.Model, fake.Next(nil))
		}
		for v := range w.p.Records { // the map stays as it was
			w.Put(keytrans.Users, w.p.User[:], uint32(v), w.p.Records[v])
		}
		w.Later(second)
		return w.Lookup(q, fake, top+1).Encode()
	}, id: keytrans.ErrProof, attack: "MS-02"},
	{name: "a device that the owner did not sign", known: true, answer: func(w *world, q *keytrans.LookupRequest) []byte {
		record := w.p.Next(func(r *identity.Record) { r.Devices = append(slices.Clone(r.Devices), w.p.Device("ghost")) })
		record[len(record)-1] ^= 1
		w.p.Add(w.Model, record)
		w.Later(second)
		return w.Lookup(q, w.p, w.p.Version()).Encode()
	}, id: keytrans.ErrGhostDevice, attack: "MS-03"},
	{name: "the same at first contact", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		record := w.p.Next(func(r *identity.Record) { r.Devices = append(slices.Clone(r.Devices), w.p.Device("ghost")) })
		record[len(record)-1] ^= 1
		w.p.Add(w.Model, record)
		w.Later(second)
		return w.Lookup(q, w.p, w.p.Version()).Encode()
	}, id: keytrans.ErrGhostDevice, attack: "MS-03"},
	{name: "a record of another handle", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		w.p.Add(w.Model, w.p.Next(func(r *identity.Record) { r.Handle = "lin" }))
		w.Later(second)
		return w.Lookup(q, w.p, w.p.Version()).Encode()
	}, id: keytrans.ErrProof, attack: "MS-16"},
	{name: "a record of another user", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		record := w.p.Next(func(r *identity.Record) { r.User[0]++ })
		w.Put(keytrans.Users, w.p.User[:], top+1, record)
		w.p.Records = append(w.p.Records, record)
		w.Later(second)
		return w.Lookup(q, w.p, top+1).Encode()
	}, id: keytrans.ErrProof, attack: "MS-05"},
	{name: "a record of another version", answer: func(w *world, q *keytrans.LookupRequest) []byte {
		record := w.p.Next(func(r *identity.Record) { r.Version++ })
		w.Put(keytrans.Users, w.p.User[:], top+1, record)
		w.p.Records = append(w.p.Records, record)
		w.Later(second)
		return w.Lookup(q, w.p, top+1).Encode()
	}, id: keytrans.ErrProof, attack: "MS-05"},
}
