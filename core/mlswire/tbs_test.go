package mlswire_test

import (
	"bytes"
	"testing"

	"conclave/core/mlswire"
)

func TestLeafNodeTBS(t *testing.T) {
	commit, keyPackage := exampleLeaf(), exampleKeyPackage()
	encoded := mlswire.Marshal(&commit)
	want := string(encoded[:len(encoded)-1-len(commit.Signature)]) + "\x05group\x00\x00\x01\x02"
	if got := commit.TBS([]byte("group"), 258); string(got) != want {
		t.Errorf("TBS of a commit's leaf = %q, want %q", got, want)
	}
	leaf := keyPackage.LeafNode
	encoded = mlswire.Marshal(&leaf)
	want = string(encoded[:len(encoded)-1-len(leaf.Signature)])
	if got := leaf.TBS([]byte("group"), 258); string(got) != want {
		t.Errorf("TBS of a KeyPackage's leaf = %q, want %q", got, want)
	}
}

func TestTBSOfWhatIsSignedAtItsEnd(t *testing.T) {
	keyPackage := exampleKeyPackage()
	info := exampleMessages()[3].GroupInfo
	for _, tt := range []struct {
		name           string
		encoded, tbs   []byte
		signature, end []byte
	}{
		{"KeyPackage", mlswire.Marshal(&keyPackage), keyPackage.TBS(), keyPackage.Signature, nil},
		{"GroupInfo", mlswire.Marshal(info), info.TBS(), info.Signature, nil},
	} {
		if want := tt.encoded[:len(tt.encoded)-1-len(tt.signature)]; !bytes.Equal(tt.tbs, want) {
			t.Errorf("%s: TBS = %q, want %q", tt.name, tt.tbs, want)
		}
	}
}

func TestFramedContentTBS(t *testing.T) {
	for sender, withContext := range map[mlswire.SenderType]bool{
		mlswire.SenderTypeMember:            true,
		mlswire.SenderTypeExternal:          false,
		mlswire.SenderTypeNewMemberProposal: false,
		mlswire.SenderTypeNewMemberCommit:   true,
	} {
		c := mlswire.FramedContent{
			GroupID: []byte("group"), Epoch: 1, Sender: mlswire.Sender{Type: sender},
			ContentType: mlswire.ContentTypeApplication, ApplicationData: []byte("data"),
		}
		want := "\x00\x01\x00\x02" + string(mlswire.Marshal(&c))
		if withContext {
			want += "context"
		}
		if got := c.TBS(mlswire.MLS10, mlswire.WireFormatPrivateMessage, []byte("context")); string(got) != want {
			t.Errorf("sender type %d: TBS = %q, want %q", sender, got, want)
		}
	}
}

func TestPrivateContentAAD(t *testing.T) {
	p := mlswire.PrivateMessage{
		GroupID: []byte("group"), Epoch: 258, ContentType: mlswire.ContentTypeCommit,
		AuthenticatedData: []byte("aad"), EncryptedSenderData: []byte("not"), Ciphertext: []byte("these"),
	}
	if got, want := string(p.AAD()), "\x05group\x00\x00\x00\x00\x00\x00\x01\x02\x03\x03aad"; got != want {
		t.Errorf("AAD = %q, want %q", got, want)
	}
}
