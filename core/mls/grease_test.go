package mls

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"conclave/core/mlswire"
)

// What is unknown is kept and ignored, RFC 9420, Sections 7.2, 13.4 and 13.5: in
// capabilities, in the extensions of KeyPackage, leaf and GroupInfo, and in
// required_capabilities that members list.
func TestUnknownIsIgnored(t *testing.T) {
	capabilities := GREASE(defaultCapabilities(quick))
	unknown := mlswire.Extension{Type: unknownExtension, Data: []byte("who knows")}
	grease := mlswire.Extension{Type: capabilities.Extensions[0], Data: []byte{1, 2, 3}}
	capabilities.Versions = append(capabilities.Versions, 0x0a0a)
	capabilities.Extensions = append(capabilities.Extensions, unknownExtension)
	edit := func(c *Config) {
		c.Capabilities, c.LeafExtensions = &capabilities, mlswire.Extensions{unknown, grease}
	}
	alice := must1(testClient(t, "alice", edit).CreateGroup(nil, mlswire.Extensions{unknown}))
	bob := keyPackageForgery{keyPackage: func(k *mlswire.KeyPackage) {
		k.Extensions = mlswire.Extensions{grease, {Type: 0xff99}} // the last is listed nowhere
	}}.make(t, testClient(t, "bob", edit))
	commit, err := alice.Commit(CommitOptions{
		Add: [][]byte{bob.Bytes()}, GroupInfoExtensions: mlswire.Extensions{grease, {Type: 0xff98}}, GroupInfo: true,
	})
	if err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	must0(alice.MergeCommit())
	joined, err := bob.Join(commit.Welcomes[0].Message, JoinOptions{})
	if err != nil {
		t.Fatalf("Join() = %v", err)
	}
	member, _ := joined.Member(0)
	if !slices.ContainsFunc(member.Leaf.Extensions, func(e mlswire.Extension) bool {
		return e.Type == unknown.Type && bytes.Equal(e.Data, unknown.Data)
	}) {
		t.Error("an unknown extension of a leaf was not kept")
	}
	if data, ok := joined.Extensions().Find(unknownExtension); !ok || !bytes.Equal(data, unknown.Data) {
		t.Error("an unknown extension of the group, which all support, was not kept")
	}
	// Who joins from outside ignores what it does not know in the GroupInfo.
	_, external, err := testClient(t, "carol", edit).JoinExternal(commit.GroupInfo, ExternalOptions{})
	if err != nil {
		t.Fatalf("JoinExternal() = %v", err)
	}
	must1(joined.Process(external.Message))
	follow(t, joined, must1(alice.Commit(CommitOptions{})).Message)
}

// A client's own GREASE is nothing that it supports, RFC 9420, Section 13.5: not
// even in a group whose members all list the same.
func TestOwnGREASEIsNotSupport(t *testing.T) {
	const value = 0x0a0a
	greasy := func(c *Config) {
		capabilities := *c.Capabilities
		capabilities.Extensions = append(slices.Clone(capabilities.Extensions), value)
		c.Capabilities = &capabilities
	}
	s := newScene(t, greasy)
	frank := newKeyPackage(t, s.newcomer(t, greasy))
	out := forgery{proposals: byValue(frank.add())}.make(t, s.mallory)
	bad := info(func(i *mlswire.GroupInfo) { i.GroupContext.Extensions = mlswire.Extensions{{Type: value}} })
	if _, err := frank.Join(bad.make(t, out, frank), JoinOptions{}); !errors.Is(err, ErrGroupExtension) {
		t.Errorf("Join() = %v, want ErrGroupExtension", err)
	}
	must1(frank.Join(welcomeForgery{}.make(t, out, frank), JoinOptions{}))
}

// GREASE adds one value to each list that RFC 9420, Section 13.5 names.
func TestGREASE(t *testing.T) {
	plain := defaultCapabilities(quick)
	got := GREASE(plain)
	if !isGREASE(got.CipherSuites[len(plain.CipherSuites)]) || !isGREASE(got.Extensions[len(plain.Extensions)]) ||
		!isGREASE(got.Proposals[len(plain.Proposals)]) || !isGREASE(got.Credentials[len(plain.Credentials)]) {
		t.Errorf("GREASE() = %v", got)
	}
	if again := defaultCapabilities(quick); len(plain.CipherSuites) != len(again.CipherSuites) || len(got.Versions) != len(plain.Versions) {
		t.Error("GREASE() changed what it should not")
	}
}

func TestGREASEValues(t *testing.T) {
	want := []uint16{0x0a0a, 0x1a1a, 0x2a2a, 0x3a3a, 0x4a4a, 0x5a5a, 0x6a6a, 0x7a7a, 0x8a8a, 0x9a9a, 0xaaaa, 0xbaba, 0xcaca, 0xdada, 0xeaea}
	var got []uint16
	for v := range 1 << 16 {
		if isGREASE(uint16(v)) {
			got = append(got, uint16(v))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("GREASE values = %x, want %x", got, want)
	}
	for range 100 {
		if v := grease[uint16](); !isGREASE(v) {
			t.Errorf("grease() = %x", v)
		}
	}
}
