package session_test

import (
	"bytes"
	"testing"

	"conclave/core/session"
)

// FuzzProcess gives a member and a joiner hostile epochs, for which the test
// makes the proof that the fuzzer cannot make. Nothing but the honest epoch may
// be accepted.
func FuzzProcess(f *testing.F) {
	m := newMeeting(f, 3)
	ada := m.device(f, "Ada")
	p := m.propose(f, 0, []*session.Device{ada}, nil)
	victim := m.groups[1]
	sealed := p.Sealed()[hashOf(victim)]
	f.Add(p.Header(), sealed)
	f.Add(p.Header(), p.Sealed()[ada.Hash()])
	f.Add(m.propose(f, 0, nil, []session.SenderIndex{1}).Header(), []byte{})
	f.Add(m.propose(f, 2, nil, nil).Header()[:50], sealed)
	before := take(victim)
	f.Fuzz(func(t *testing.T, header, sealed []byte) {
		if len(header) > 32 {
			header = session.TestingOnlyProve(m.link, session.ProofLabels[1], header)
		}
		if next, err := victim.Process(header, sealed, m.lookup); err == nil {
			if !bytes.Equal(header, p.Header()) || next.Transcript() != p.Group().Transcript() {
				t.Errorf("Process accepts %x", header)
			}
		}
		if take(victim) != before {
			t.Fatal("Process changed the group")
		}
		joiner := m.device(t, "Joiner")
		if _, err := session.Join(joiner, header, sealed, m.lookup); err == nil {
			t.Errorf("Join accepts %x", header)
		}
	})
}

// FuzzOpenData gives a member plaintexts that another member may have sealed,
// signed by nobody: none may be accepted.
func FuzzOpenData(f *testing.F) {
	m := newMeeting(f, 2)
	from, to := m.groups[0], m.groups[1]
	f.Add([]byte{}, uint64(1))
	f.Add(make([]byte, 128), uint64(0))
	f.Add(append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 9}, make([]byte, 119)...), uint64(9))
	f.Fuzz(func(t *testing.T, plaintext []byte, counter uint64) {
		if counter+1 < counter {
			return
		}
		sealed := session.TestingOnlySealRaw(from, 0, counter, func(func([]byte) []byte) []byte { return plaintext })
		if got, err := to.OpenData(sealed); err == nil {
			t.Errorf("OpenData accepts %x as %+v", plaintext, got)
		}
		if _, err := to.OpenData(plaintext); err == nil {
			t.Errorf("OpenData accepts the plaintext %x", plaintext)
		}
	})
}
