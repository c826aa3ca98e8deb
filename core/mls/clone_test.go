package mls

import (
	"bytes"
	"errors"
	"testing"

	"conclave/core/mlswire"
)

// phone is a change of a leaf whose every part scribble overwrites.
func phone() (c LeafChange, scribble func()) {
	name, data := []byte("bob's phone"), []byte("what it does")
	credential, capabilities := basic(""), defaultCapabilities(quick)
	credential.Identity = name
	capabilities.Extensions = []mlswire.ExtensionType{knownExtension}
	capabilities.Proposals = []mlswire.ProposalType{knownProposal}
	extensions := mlswire.Extensions{{Type: knownExtension, Data: data}}
	c = LeafChange{Credential: &credential, Capabilities: &capabilities, Extensions: &extensions}
	return c, func() {
		name[0], data[0] = 'X', 'X'
		capabilities.Credentials[0], capabilities.Extensions[0] = 0x7777, 0x7777
		capabilities.Proposals[0], capabilities.Versions[0], capabilities.CipherSuites[0] = 0x7777, 0x7777, 0x7777
		extensions[0].Type = 0x7777
	}
}

// What an application passes in is its own again when the call returns.
func TestInputsAreCopied(t *testing.T) {
	s := newScene(t)
	change, scribble := phone()
	message := must1(s.bob.ProposeUpdate(change, SendOptions{}))
	scribble()
	for _, g := range s.members() {
		if g != s.bob {
			must1(g.Process(message))
		}
	}
	commit := must1(s.alice.Commit(CommitOptions{}))
	follow(t, s.bob, commit.Message)
	must0(s.alice.MergeCommit())

	s = newScene(t)
	change, scribble = phone()
	commit = must1(s.bob.Commit(CommitOptions{Leaf: change}))
	scribble()
	must0(s.bob.MergeCommit())
	follow(t, s.alice, commit.Message)
	if !bytes.Equal(s.alice.RatchetTree(), s.bob.RatchetTree()) {
		t.Error("the committer's own tree follows what was passed in")
	}
}

// What an application is handed is not the state of the group.
func TestOutputsAreCopied(t *testing.T) {
	s := newScene(t)
	reInit := mlswire.ReInit{GroupID: []byte("next"), Version: mlswire.MLS10, CipherSuite: quick}
	must1(s.bob.Commit(CommitOptions{ReInit: &reInit}))
	must0(s.bob.MergeCommit())
	before := fingerprint(s.bob)
	s.bob.Extensions()[2].Data[0]++
	s.bob.GroupID()[0]++
	s.bob.EpochAuthenticator()[0]++
	s.bob.ReInit().GroupID[0]++
	if !bytes.Equal(fingerprint(s.bob), before) {
		t.Error("a change of what was returned changed the group")
	}
}

// A credential of a type that cannot be encoded is an error, not a panic.
func TestUnknownCredential(t *testing.T) {
	s := newScene(t)
	before := fingerprint(s.bob)
	unknown := mlswire.Credential{Type: 0xf000}
	if _, err := s.bob.ProposeUpdate(LeafChange{Credential: &unknown}, SendOptions{}); !errors.Is(err, ErrCredential) {
		t.Errorf("ProposeUpdate() = %v, want ErrCredential", err)
	}
	if _, err := s.bob.Commit(CommitOptions{Leaf: LeafChange{Credential: &unknown}}); !errors.Is(err, ErrCredential) {
		t.Errorf("Commit() = %v, want ErrCredential", err)
	}
	if !bytes.Equal(fingerprint(s.bob), before) {
		t.Error("what was refused changed the group")
	}
}

// A commit of many references finds each, and names one that is not there.
func TestManyReferences(t *testing.T) {
	s := newScene(t)
	var refs []mlswire.ProposalOrRef
	for range 20 {
		refs = append(refs, s.byReference(t, must1(s.mallory.ProposePSK([]byte("psk"), SendOptions{})), s.mallory))
	}
	unknown := mlswire.ProposalOrRef{Reference: make([]byte, len(refs[0].Reference))}
	refuses(t, s.bob, forgery{proposals: append(refs, unknown)}.commit(t, s.mallory), ErrUnknownProposal)
	received := must1(s.bob.Process(must1(s.mallory.Commit(CommitOptions{})).Message)).(*StagedCommit)
	if n := len(received.Proposals()); n != len(refs) {
		t.Errorf("the commit covers %d proposals, want %d", n, len(refs))
	}
}
