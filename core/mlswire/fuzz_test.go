package mlswire_test

import (
	"bytes"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// decoders holds what arrives alone. The fuzz targets take an index of it.
var decoders = []struct {
	name  string
	codec codec
}{
	{"Message", again(mlswire.ParseMessage)},
	{"KeyPackage", again(mlswire.ParseKeyPackage)},
	{"LeafNode", again(mlswire.ParseLeafNode)},
	{"GroupInfo", again(mlswire.ParseGroupInfo)},
	{"GroupContext", again(mlswire.ParseGroupContext)},
	{"Welcome", again(mlswire.ParseWelcome)},
	{"RatchetTree", again(mlswire.ParseRatchetTree)},
	{"ParentNode", again(mlswire.ParseParentNode)},
	{"Credential", again(mlswire.ParseCredential)},
	{"Extensions", again(mlswire.ParseExtensions)},
	{"RequiredCapabilities", again(mlswire.ParseRequiredCapabilities)},
	{"ExternalSenders", again(mlswire.ParseExternalSenders)},
	{"Proposal", again(mlswire.ParseProposal)},
	{"Commit", again(mlswire.ParseCommit)},
	{"UpdatePath", again(mlswire.ParseUpdatePath)},
	{"PreSharedKeyID", again(mlswire.ParsePreSharedKeyID)},
	{"AuthenticatedContent", again(mlswire.ParseAuthenticatedContent)},
	{"PreSharedKeyIDs", func(b []byte) ([]byte, error) {
		r := tlsenc.NewReader(b)
		ids, err := mlswire.DecodePreSharedKeyIDs(&r)
		if err != nil {
			return nil, err
		}
		w := tlsenc.NewWriter(len(b))
		mlswire.EncodePreSharedKeyIDs(w, ids)
		w.Fixed(r.Rest())
		return w.Bytes(), nil
	}},
	{"application content", content(mlswire.ContentTypeApplication)},
	{"proposal content", content(mlswire.ContentTypeProposal)},
	{"commit content", content(mlswire.ContentTypeCommit)},
}

// content makes a codec of what a PrivateMessage encrypts.
func content(t mlswire.ContentType) codec {
	return func(b []byte) ([]byte, error) {
		r := tlsenc.NewReader(b)
		c, auth := mlswire.FramedContent{ContentType: t}, mlswire.FramedContentAuthData{}
		if err := mlswire.DecodeContent(&r, &c, &auth); err != nil {
			return nil, err
		}
		w := tlsenc.NewWriter(len(b))
		c.EncodeBody(w)
		auth.Encode(w, t)
		w.Fixed(r.Rest())
		return w.Bytes(), nil
	}
}

// FuzzParse checks that what a decoder accepts is encoded to the same bytes,
// that its input is not changed, and that it never panics.
func FuzzParse(f *testing.F) {
	for i := range decoders {
		f.Add(uint8(i), []byte{})
	}
	for _, s := range seeds() {
		f.Add(s.decoder, s.input)
	}
	f.Fuzz(func(t *testing.T, which uint8, input []byte) {
		d := decoders[int(which)%len(decoders)]
		original := bytes.Clone(input)
		got, err := d.codec(input)
		if !bytes.Equal(input, original) {
			t.Fatalf("%s: parsing changes its input", d.name)
		}
		if err == nil && !bytes.Equal(got, input) {
			t.Errorf("%s: %x is encoded as %x", d.name, input, got)
		}
	})
}

// FuzzPeek checks that Peek agrees with ParseMessage and does not allocate.
func FuzzPeek(f *testing.F) {
	for _, s := range seeds() {
		if s.decoder == 0 {
			f.Add(s.input)
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if m, err := mlswire.ParseMessage(input); err == nil {
			agree(t, input, m)
		}
		h, err := mlswire.Peek(input)
		if err != nil && h.WireFormat != 0 {
			t.Errorf("Peek returns a header with %v", err)
		}
		members := 0
		for range h.NewMembers() {
			members++
		}
		if members > len(input) {
			t.Errorf("Peek names %d new members in %d bytes", members, len(input))
		}
	})
}

type seed struct {
	decoder uint8
	input   []byte
}

// seeds returns one of each structure, so that fuzzing begins with all of them
// where the official vectors are not at hand.
func seeds() []seed {
	var all []seed
	add := func(decoder string, v mlswire.Encoder) {
		for i := range decoders {
			if decoders[i].name == decoder {
				all = append(all, seed{uint8(i), mlswire.Marshal(v)})
				return
			}
		}
		panic("no decoder is named " + decoder)
	}
	leaf := exampleLeaf()
	add("LeafNode", &leaf)
	add("Credential", &leaf.Credential)
	add("Extensions", leaf.Extensions)
	tree := mlswire.RatchetTree{
		Leaves:  []*mlswire.LeafNode{&leaf, nil, &leaf},
		Parents: []*mlswire.ParentNode{{EncryptionKey: []byte("key"), ParentHash: []byte("hash"), UnmergedLeaves: []uint32{0, 1}}, nil},
	}
	add("RatchetTree", tree)
	add("ParentNode", tree.Parents[0])
	add("RequiredCapabilities", &mlswire.RequiredCapabilities{
		ExtensionTypes: []mlswire.ExtensionType{1}, ProposalTypes: []mlswire.ProposalType{2}, CredentialTypes: []mlswire.CredentialType{3},
	})
	add("ExternalSenders", mlswire.ExternalSenders{{SignatureKey: []byte("key"), Credential: leaf.Credential}})
	for _, p := range exampleProposals() {
		add("Proposal", p)
		content := mlswire.FramedContent{
			GroupID: []byte("group"), Epoch: 7, Sender: mlswire.Sender{Type: mlswire.SenderTypeExternal, Index: 3},
			ContentType: mlswire.ContentTypeProposal, Proposal: p,
		}
		add("Message", &mlswire.Message{
			Version: mlswire.MLS10, WireFormat: mlswire.WireFormatPublicMessage,
			PublicMessage: &mlswire.PublicMessage{Content: content},
		})
	}
	for _, m := range exampleMessages() {
		add("Message", m)
	}
	return all
}
