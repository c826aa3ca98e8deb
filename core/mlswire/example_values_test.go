package mlswire_test

import "conclave/core/mlswire"

// exampleLeaf returns a leaf node with something in every field.
func exampleLeaf() mlswire.LeafNode {
	return mlswire.LeafNode{
		EncryptionKey: []byte("encryption key"),
		SignatureKey:  []byte("signature key"),
		Credential: mlswire.Credential{
			Type: mlswire.CredentialTypeX509, Certificates: [][]byte{[]byte("leaf"), []byte("root")},
		},
		Capabilities: mlswire.Capabilities{
			Versions:     []mlswire.ProtocolVersion{mlswire.MLS10},
			CipherSuites: []mlswire.CipherSuite{1, 0x0a0a},
			Extensions:   []mlswire.ExtensionType{0x1a1a},
			Proposals:    []mlswire.ProposalType{0x2a2a},
			Credentials:  []mlswire.CredentialType{mlswire.CredentialTypeBasic, mlswire.CredentialTypeX509},
		},
		Source:     mlswire.LeafNodeSourceCommit,
		ParentHash: []byte("parent hash"),
		Extensions: mlswire.Extensions{{Type: 0x1a1a, Data: []byte("data")}, {Type: mlswire.ExtensionTypeApplicationID}},
		Signature:  []byte("signature"),
	}
}

// exampleKeyPackage returns a KeyPackage whose leaf has a lifetime.
func exampleKeyPackage() mlswire.KeyPackage {
	leaf := exampleLeaf()
	leaf.Source, leaf.ParentHash = mlswire.LeafNodeSourceKeyPackage, nil
	leaf.Lifetime = mlswire.Lifetime{NotBefore: 1, NotAfter: 1 << 40}
	leaf.Credential = mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte("alice")}
	return mlswire.KeyPackage{
		Version: mlswire.MLS10, CipherSuite: 1, InitKey: []byte("init key"), LeafNode: leaf, Signature: []byte("signature"),
	}
}

// exampleProposals returns one proposal of each type.
func exampleProposals() []mlswire.Proposal {
	update := exampleLeaf()
	update.Source, update.ParentHash = mlswire.LeafNodeSourceUpdate, nil
	return []mlswire.Proposal{
		&mlswire.Add{KeyPackage: exampleKeyPackage()},
		&mlswire.Update{LeafNode: update},
		&mlswire.Remove{Removed: 258},
		&mlswire.PreSharedKey{PSK: mlswire.PreSharedKeyID{
			Type: mlswire.PSKTypeExternal, PSKID: []byte("id"), PSKNonce: []byte("nonce"),
		}},
		&mlswire.PreSharedKey{PSK: mlswire.PreSharedKeyID{
			Type: mlswire.PSKTypeResumption, Usage: mlswire.ResumptionPSKUsageBranch,
			GroupID: []byte("group"), Epoch: 1 << 50, PSKNonce: []byte("nonce"),
		}},
		&mlswire.ReInit{GroupID: []byte("next"), Version: 2, CipherSuite: 7, Extensions: mlswire.Extensions{{Type: 3}}},
		&mlswire.ExternalInit{KEMOutput: []byte("output")},
		&mlswire.GroupContextExtensions{Extensions: mlswire.Extensions{{Type: 3}, {Type: 5, Data: []byte("data")}}},
	}
}

// exampleMessages returns one message of each wire format.
func exampleMessages() []*mlswire.Message {
	commit := &mlswire.Commit{Path: &mlswire.UpdatePath{
		LeafNode: exampleLeaf(),
		Nodes: []mlswire.UpdatePathNode{
			{EncryptionKey: []byte("key"), EncryptedPathSecret: []mlswire.HPKECiphertext{{KEMOutput: []byte("enc"), Ciphertext: []byte("ct")}}},
			{EncryptionKey: []byte("another")},
		},
	}}
	for _, p := range exampleProposals() {
		commit.Proposals = append(commit.Proposals, mlswire.ProposalOrRef{Proposal: p})
	}
	commit.Proposals = append(commit.Proposals, mlswire.ProposalOrRef{Reference: []byte("reference")})
	keyPackage := exampleKeyPackage()
	messages := []*mlswire.Message{
		{PublicMessage: &mlswire.PublicMessage{
			Content: mlswire.FramedContent{
				GroupID: []byte("group"), Epoch: 3, Sender: mlswire.Sender{Type: mlswire.SenderTypeMember, Index: 9},
				AuthenticatedData: []byte("aad"), ContentType: mlswire.ContentTypeCommit, Commit: commit,
			},
			Auth:          mlswire.FramedContentAuthData{Signature: []byte("signature"), ConfirmationTag: []byte("tag")},
			MembershipTag: []byte("membership"),
		}},
		{PrivateMessage: &mlswire.PrivateMessage{
			GroupID: []byte("group"), Epoch: 3, ContentType: mlswire.ContentTypeApplication, AuthenticatedData: []byte("aad"),
			EncryptedSenderData: []byte("sender data"), Ciphertext: []byte("ciphertext"),
		}},
		{Welcome: &mlswire.Welcome{
			CipherSuite: 1,
			Secrets: []mlswire.EncryptedGroupSecrets{
				{NewMember: []byte("first"), EncryptedGroupSecrets: mlswire.HPKECiphertext{KEMOutput: []byte("enc"), Ciphertext: []byte("ct")}},
				{NewMember: []byte("second")},
			},
			EncryptedGroupInfo: []byte("group info"),
		}},
		{GroupInfo: &mlswire.GroupInfo{
			GroupContext: mlswire.GroupContext{
				Version: mlswire.MLS10, CipherSuite: 1, GroupID: []byte("group"), Epoch: 3,
				TreeHash: []byte("tree hash"), ConfirmedTranscriptHash: []byte("transcript hash"), Extensions: mlswire.Extensions{{Type: 5}},
			},
			Extensions: mlswire.Extensions{{Type: 2, Data: []byte("tree")}}, ConfirmationTag: []byte("tag"), Signer: 4, Signature: []byte("signature"),
		}},
		{KeyPackage: &keyPackage},
	}
	for i, m := range messages {
		m.Version, m.WireFormat = mlswire.MLS10, mlswire.WireFormat(i+1)
	}
	return messages
}
