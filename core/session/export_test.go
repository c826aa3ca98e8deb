package session

import (
	"bytes"
	"crypto/hpke"
	"crypto/sha256"
)

// A Forgery is an epoch made by somebody who breaks the rules. The zero values
// of Signer and Link are left to the test; everything else starts from an honest
// epoch with [TestingOnlyForge].
type Forgery struct {
	Meeting      string
	Epoch        Epoch
	Previous     [32]byte
	Committer    SenderIndex
	Roster       []RosterEntry
	SessionKey   []byte
	Confirmation []byte // nil: the right one

	Signer *Device // who signs
	Link   Link    // whose proof key is used
}

// A RosterEntry is a line of a Forgery's roster.
type RosterEntry struct {
	Index SenderIndex
	Hash  AnnouncementHash
}

// TestingOnlyForge returns the epoch that g would make without any change of
// members.
func TestingOnlyForge(g *Group) Forgery {
	f := Forgery{
		Meeting:    g.device.link.meeting,
		Epoch:      g.epoch + 1,
		Previous:   g.transcript,
		Committer:  g.self,
		SessionKey: make([]byte, sessionKeySize),
		Signer:     g.device,
		Link:       g.device.link,
	}
	for _, m := range g.roster {
		f.Roster = append(f.Roster, RosterEntry{m.Index, m.Hash})
	}
	return f
}

func (f Forgery) context() []byte {
	c := epochContext{meeting: f.Meeting, epoch: f.Epoch, previous: f.Previous, committer: f.Committer}
	for _, e := range f.Roster {
		c.roster = append(c.roster, rosterEntry{e.Index, e.Hash})
	}
	return c.marshal()
}

// Header returns the epoch header.
func (f Forgery) Header() []byte {
	context := f.context()
	confirmation := f.Confirmation
	if confirmation == nil {
		keys, err := deriveEpoch(f.SessionKey, context)
		if err != nil {
			panic(err)
		}
		confirmation = keys.confirmation
	}
	signature := f.Signer.sign(epochLabel, context, confirmation)
	proof := f.Link.prove(epochProofLabel, context, confirmation, signature)
	return join("", context, confirmation, signature, proof)
}

// Seal returns the session key sealed to a, as the member with index i.
func (f Forgery) Seal(a Announcement, i SenderIndex) []byte {
	sealed, err := sealKey(a.kem, f.SessionKey, f.context(), i)
	if err != nil {
		panic(err)
	}
	return sealed
}

// TestingOnlyAnnounce returns an announcement of d with the given KEM key and
// padded name, signed by d and proved with link.
func TestingOnlyAnnounce(d *Device, link Link, kem, padded []byte, class Class) []byte {
	aead, err := link.nameAEAD()
	if err != nil {
		panic(err)
	}
	f := announcementFields{
		class: class, meeting: link.meeting, signatureKey: d.own.SignatureKey,
		kemKey: kem, nameNonce: make([]byte, nameNonceSize),
	}
	f.sealedName = aead.Seal(nil, f.nameNonce, padded, f.signatureKey)
	signed := f.marshal()
	signature := d.sign(announcementLabel, signed)
	return join("", signed, signature, link.prove(announcementProofLabel, signed, signature))
}

// TestingOnlyProve replaces the proof at the end of a message.
func TestingOnlyProve(link Link, label string, message []byte) []byte {
	body := message[:len(message)-proofSize]
	return join("", body, link.prove(label, body))
}

// TestingOnlySealRaw seals a plaintext that need not be a message in the name of
// another member, as any member can, with the signature of g's device.
func TestingOnlySealRaw(g *Group, as SenderIndex, counter uint64, body func(sign func(signed []byte) []byte) []byte) []byte {
	sign := func(signed []byte) []byte { return g.device.sign(dataLabel, g.dataContext(as), signed) }
	return sealRaw(g, as, counter, body(sign))
}

// KEMKey returns the encoded KEM key of an announcement.
func KEMKey(a Announcement) []byte { return a.kem.Bytes() }

// KEMPrivateKey returns the private KEM key of a device.
func KEMPrivateKey(d *Device) hpke.PrivateKey { return d.kem() }

// SigningKey returns the private signing key of a device.
func SigningKey(d *Device) []byte { return d.signingKey.Expose() }

// BaseKey returns the base key of an epoch.
func BaseKey(g *Group) []byte { return g.base.Expose() }

// Departed returns how many devices g remembers to have left.
func Departed(g *Group) int { return len(g.departed) }

// TestingOnlyDeparted returns g with a memory of departures: first, second and n
// more.
func TestingOnlyDeparted(g *Group, first, second AnnouncementHash, n int) *Group {
	departed := []AnnouncementHash{first, second}
	for i := range n {
		departed = append(departed, AnnouncementHash{1, byte(i >> 8), byte(i)})
	}
	return &Group{
		device: g.device, epoch: g.epoch, self: g.self, roster: g.roster,
		transcript: g.transcript, base: g.base, departed: departed,
	}
}

// TestingOnlyDevice returns the device that g is of.
func TestingOnlyDevice(g *Group) *Device { return g.device }

// TestingOnlyAtEpoch returns g with another number.
func TestingOnlyAtEpoch(g *Group, e Epoch) *Group {
	return &Group{
		device: g.device, epoch: e, self: g.self, roster: g.roster,
		transcript: g.transcript, base: g.base, departed: g.departed,
	}
}

// ProofLabels are the labels of the proofs in announcements and epoch headers.
var ProofLabels = [...]string{announcementProofLabel, epochProofLabel}

// KnownAnswers are the values that the known-answer test compares.
type KnownAnswers struct {
	ProofKey, NameKey                      []byte
	AdmissionSeed, Admission               []byte // the signature is for a hash of bytes aa
	Context, Confirmation, Base, Proof, TH []byte
	Info                                   []byte
}

// TestingOnlyKnownAnswers computes what follows from a link, an epoch and a
// session key, with a signature of 64 bytes 22.
func TestingOnlyKnownAnswers(l Link, f Forgery) KnownAnswers {
	context := f.context()
	keys, err := deriveEpoch(f.SessionKey, context)
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	for i := range signature {
		signature[i] = 0x22
	}
	proof := l.prove(epochProofLabel, context, keys.confirmation, signature)
	th := transcriptHash(f.Previous, join("", context, keys.confirmation, signature, proof))
	return KnownAnswers{
		AdmissionSeed: l.admissionKey.Expose()[:32],
		Admission:     l.admit(AnnouncementHash(bytes.Repeat([]byte{0xaa}, 32))),
		ProofKey:      l.proofKey.Expose(), NameKey: l.nameKey.Expose(),
		Context: context, Confirmation: keys.confirmation, Base: keys.base.Expose(),
		Proof: proof, TH: th[:], Info: sealedKeyInfo(context, f.Committer),
	}
}

// Hash256 is SHA-256.
func Hash256(b []byte) [32]byte { return sha256.Sum256(b) }
