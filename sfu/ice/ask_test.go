package ice

import (
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

// TestQuestion asks a client played by pion: it understands the question, and
// only its own answer to it counts.
func TestQuestion(t *testing.T) {
	const theirs, ours, password = "theirs12", "ours", "the password of the other side"
	id := Transaction{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	question := AppendQuestion(nil, id, theirs, ours, password)
	if len(question) > MaxQuestion {
		t.Errorf("the question has %d bytes, at most %d", len(question), MaxQuestion)
	}
	m := &stun.Message{Raw: question}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	if err := stun.NewShortTermIntegrity(password).Check(m); err != nil {
		t.Errorf("integrity: %v", err)
	}
	if err := stun.Fingerprint.Check(m); err != nil {
		t.Errorf("fingerprint: %v", err)
	}
	var name stun.Username
	if err := name.GetFrom(m); err != nil || name.String() != theirs+":"+ours {
		t.Errorf("username %q, %v", name, err)
	}
	for _, a := range []stun.AttrType{stun.AttrPriority, stun.AttrICEControlled} {
		if !m.Contains(a) {
			t.Errorf("%v is missing", a)
		}
	}

	reply := func(pw string) []byte {
		from := netip.MustParseAddrPort("192.0.2.1:1234")
		r := stun.MustBuild(m, stun.BindingSuccess,
			&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: 1234}, stun.NewShortTermIntegrity(pw), stun.Fingerprint)
		return r.Raw
	}
	answer := reply(password)
	if !IsAnswer(answer) || !ReadAnswer(answer, id, password) {
		t.Error("the answer does not count")
	}
	if IsAnswer(question) || ReadAnswer(question, id, password) {
		t.Error("the question counts as its answer")
	}
	if ReadAnswer(reply("another password, of nobody here"), id, password) {
		t.Error("an answer by somebody without the password counts")
	}
	other := id
	other[11]++
	if ReadAnswer(answer, other, password) {
		t.Error("the answer to another question counts")
	}
	for i := range answer {
		forged := append([]byte(nil), answer...)
		forged[i] ^= 1
		const fingerprint = 8
		if i < len(answer)-fingerprint && ReadAnswer(forged, id, password) {
			t.Errorf("counts with byte %d changed", i)
		}
		if ReadAnswer(answer[:i], id, password) {
			t.Errorf("counts when cut to %d bytes", i)
		}
	}
}
