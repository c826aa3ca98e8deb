package mlswire_test

import (
	"bytes"
	"errors"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// agree checks that Peek says of b what ParseMessage says.
func agree(t *testing.T, b []byte, m *mlswire.Message) {
	t.Helper()
	h, err := mlswire.Peek(b)
	if err != nil {
		t.Fatalf("Peek = %v, and ParseMessage accepts %x", err, b)
	}
	want := mlswire.Header{WireFormat: m.WireFormat}
	var refs [][]byte
	switch m.WireFormat {
	case mlswire.WireFormatPublicMessage:
		c := &m.PublicMessage.Content
		want.GroupID, want.Epoch, want.Sender, want.ContentType = c.GroupID, c.Epoch, c.Sender, c.ContentType
	case mlswire.WireFormatPrivateMessage:
		p := m.PrivateMessage
		want.GroupID, want.Epoch, want.ContentType = p.GroupID, p.Epoch, p.ContentType
	case mlswire.WireFormatWelcome:
		want.CipherSuite = m.Welcome.CipherSuite
		for _, s := range m.Welcome.Secrets {
			refs = append(refs, s.NewMember)
		}
	case mlswire.WireFormatGroupInfo:
		c := &m.GroupInfo.GroupContext
		want.GroupID, want.Epoch, want.CipherSuite = c.GroupID, c.Epoch, c.CipherSuite
	case mlswire.WireFormatKeyPackage:
		want.CipherSuite = m.KeyPackage.CipherSuite
	}
	if h.WireFormat != want.WireFormat || !bytes.Equal(h.GroupID, want.GroupID) || h.Epoch != want.Epoch ||
		h.ContentType != want.ContentType || h.Sender != want.Sender || h.CipherSuite != want.CipherSuite {
		t.Fatalf("Peek = %+v, want %+v", h, want)
	}
	for ref := range h.NewMembers() {
		if len(refs) == 0 || !bytes.Equal(ref, refs[0]) {
			t.Fatalf("Peek names the new member %x, want %x", ref, refs)
		}
		refs = refs[1:]
	}
	if len(refs) != 0 {
		t.Fatalf("Peek leaves out %d new members", len(refs))
	}
}

func TestPeekAgreesWithParse(t *testing.T) {
	seen := make(map[mlswire.WireFormat]bool)
	for _, c := range loadMessages(t) {
		for _, b := range c {
			m, err := mlswire.ParseMessage(b)
			if err != nil {
				continue // not an MLSMessage: TestVectorsMessages says which must be
			}
			seen[m.WireFormat] = true
			agree(t, b, m)
		}
	}
	if len(seen) != 5 {
		t.Errorf("wire formats %v were tried, want all five", seen)
	}
}

func TestPeekDoesNotAllocate(t *testing.T) {
	for name, b := range loadMessages(t)[0] {
		allocs := testing.AllocsPerRun(100, func() {
			h, err := mlswire.Peek(b)
			if err != nil {
				return
			}
			for ref := range h.NewMembers() {
				if len(ref) == 0 {
					t.Error("a new member has no reference")
				}
			}
		})
		if allocs != 0 {
			t.Errorf("Peek at %s allocates %v times", name, allocs)
		}
	}
}

func TestPeekRefuses(t *testing.T) {
	const public, private = "\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	tests := []struct {
		name, input string
		want        error
	}{
		{"nothing", "", tlsenc.ErrShort},
		{"version 2", "\x00\x02\x00\x01", mlswire.ErrVersion},
		{"wire format 0", "\x00\x01\x00\x00", mlswire.ErrWireFormat},
		{"wire format 6", "\x00\x01\x00\x06", mlswire.ErrWireFormat},
		{"sender type 0", public + "\x00", mlswire.ErrSenderType},
		{"sender type 5", public + "\x05", mlswire.ErrSenderType},
		{"no sender type", public, tlsenc.ErrShort},
		{"content type 0", public + "\x04\x00\x00", mlswire.ErrContentType},
		{"content type 4", public + "\x01\x00\x00\x00\x00\x00\x04", mlswire.ErrContentType},
		{"private content type 4", private + "\x04", mlswire.ErrContentType},
		{"no content type", private, tlsenc.ErrShort},
		{"half a welcome", "\x00\x01\x00\x03\x00\x01\x02\x00", tlsenc.ErrShort},
		{"half a new member", "\x00\x01\x00\x03\x00\x01\x01\x01\x00", tlsenc.ErrShort},
		{"welcome with more", "\x00\x01\x00\x03\x00\x01\x00\x00\x00", tlsenc.ErrTrailing},
		{"group info of version 0", "\x00\x01\x00\x04\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", mlswire.ErrVersion},
		{"key package of version 0", "\x00\x01\x00\x05\x00\x00\x00\x01", mlswire.ErrVersion},
		{"short key package", "\x00\x01\x00\x05\x00\x00\x00", tlsenc.ErrShort},
	}
	for _, tt := range tests {
		if h, err := mlswire.Peek([]byte(tt.input)); !errors.Is(err, tt.want) || h.WireFormat != 0 {
			t.Errorf("%s: Peek = %+v, %v, want %v", tt.name, h, err, tt.want)
		}
	}
}
