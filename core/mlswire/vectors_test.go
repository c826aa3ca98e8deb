package mlswire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/tlsenc"
	"conclave/internal/testkit"
)

// A codec parses b and returns what it parsed encoded again.
type codec func(b []byte) ([]byte, error)

// again makes a codec of a Parse function.
func again[T mlswire.Encoder](parse func([]byte) (T, error)) codec {
	return func(b []byte) ([]byte, error) {
		v, err := parse(b)
		if err != nil {
			return nil, err
		}
		return mlswire.Marshal(v), nil
	}
}

// message makes a codec of messages of one wire format and content type.
func message(format mlswire.WireFormat, content mlswire.ContentType) codec {
	return func(b []byte) ([]byte, error) {
		m, err := mlswire.ParseMessage(b)
		if err != nil {
			return nil, err
		}
		h, err := mlswire.Peek(b)
		if err != nil {
			return nil, fmt.Errorf("Peek = %w", err)
		}
		if m.WireFormat != format || h.WireFormat != format {
			return nil, fmt.Errorf("wire format is %d, and %d for Peek, want %d", m.WireFormat, h.WireFormat, format)
		}
		if content != 0 && h.ContentType != content {
			return nil, fmt.Errorf("content type is %d, want %d", h.ContentType, content)
		}
		return m.Marshal(), nil
	}
}

// proposal makes a codec of the inside of a proposal: the vectors leave its
// type out.
func proposal(t mlswire.ProposalType) codec {
	return func(b []byte) ([]byte, error) {
		w := tlsenc.NewWriter(len(b) + 2)
		w.Uint16(uint16(t))
		w.Fixed(b)
		p, err := mlswire.ParseProposal(w.Bytes())
		if err != nil {
			return nil, err
		}
		return mlswire.Marshal(p)[2:], nil
	}
}

// groupSecrets reads the secrets as they are and their PSKs with this package;
// GroupSecrets itself is secret and therefore not of this package.
func groupSecrets(b []byte) ([]byte, error) {
	r := tlsenc.NewReader(b)
	w := tlsenc.NewWriter(len(b))
	w.Vector(r.Vector(len(b)))
	present := r.Uint8()
	w.Uint8(present)
	if present == 1 {
		w.Vector(r.Vector(len(b)))
	}
	psks, err := mlswire.DecodePreSharedKeyIDs(&r)
	if err != nil {
		return nil, err
	}
	mlswire.EncodePreSharedKeyIDs(w, psks)
	return w.Bytes(), r.Done()
}

// messageVectors are the fields of messages.json.
var messageVectors = map[string]codec{
	"mls_welcome":                       message(mlswire.WireFormatWelcome, 0),
	"mls_group_info":                    message(mlswire.WireFormatGroupInfo, 0),
	"mls_key_package":                   message(mlswire.WireFormatKeyPackage, 0),
	"ratchet_tree":                      again(mlswire.ParseRatchetTree),
	"group_secrets":                     groupSecrets,
	"add_proposal":                      proposal(mlswire.ProposalTypeAdd),
	"update_proposal":                   proposal(mlswire.ProposalTypeUpdate),
	"remove_proposal":                   proposal(mlswire.ProposalTypeRemove),
	"pre_shared_key_proposal":           proposal(mlswire.ProposalTypePreSharedKey),
	"re_init_proposal":                  proposal(mlswire.ProposalTypeReInit),
	"external_init_proposal":            proposal(mlswire.ProposalTypeExternalInit),
	"group_context_extensions_proposal": proposal(mlswire.ProposalTypeGroupContextExtensions),
	"commit":                            again(mlswire.ParseCommit),
	"public_message_application":        message(mlswire.WireFormatPublicMessage, mlswire.ContentTypeApplication),
	"public_message_proposal":           message(mlswire.WireFormatPublicMessage, mlswire.ContentTypeProposal),
	"public_message_commit":             message(mlswire.WireFormatPublicMessage, mlswire.ContentTypeCommit),
	"private_message":                   message(mlswire.WireFormatPrivateMessage, 0),
}

// loadMessages returns the cases of messages.json: bytes by field.
func loadMessages(t testing.TB) []map[string][]byte {
	t.Helper()
	var text []map[string]string
	if err := json.Unmarshal(testkit.Vectors(t, "mls/messages.json"), &text); err != nil {
		t.Fatalf("reading messages.json: %v", err)
	}
	cases := make([]map[string][]byte, len(text))
	for i := range text {
		cases[i] = make(map[string][]byte)
		for name, value := range text[i] {
			b, err := hex.DecodeString(value)
			if err != nil {
				t.Fatalf("case %d, %s: %v", i, name, err)
			}
			cases[i][name] = b
		}
	}
	return cases
}

// Every field of every case parses and is encoded to the same bytes.
func TestVectorsMessages(t *testing.T) {
	cases := loadMessages(t)
	if len(cases) == 0 {
		t.Fatal("messages.json holds no case")
	}
	for i, c := range cases {
		for name := range c {
			if messageVectors[name] == nil {
				t.Errorf("case %d has a field %s that is not tested", i, name)
			}
		}
		for name, codec := range messageVectors {
			want, ok := c[name]
			if !ok {
				t.Errorf("case %d lacks the field %s", i, name)
				continue
			}
			got, err := codec(want)
			if err != nil {
				t.Errorf("case %d, %s: %v", i, name, err)
			} else if !bytes.Equal(got, want) {
				t.Errorf("case %d, %s: encoded as %x, want %x", i, name, got, want)
			}
		}
	}
}
