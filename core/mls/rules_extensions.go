package mls

import (
	"bytes"

	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// A place is an object that has a list of extensions, RFC 9420, Section 13.4.
type place uint8

const (
	inKeyPackage place = 1 << iota
	inLeafNode
	inGroupContext
	inGroupInfo
)

// places says where each extension of RFC 9420, Section 17.3 may appear. All
// other types, GREASE values among them, may appear anywhere; in a GroupContext
// only if all members list them (RFC 9420, Section 13.4).
var places = [...]place{
	mlswire.ExtensionTypeApplicationID:        inLeafNode,
	mlswire.ExtensionTypeRatchetTree:          inGroupInfo,
	mlswire.ExtensionTypeRequiredCapabilities: inGroupContext,
	mlswire.ExtensionTypeExternalPub:          inGroupInfo,
	mlswire.ExtensionTypeExternalSenders:      inGroupContext,
}

// isDefaultExtension reports whether RFC 9420, Section 7.2 takes every client
// to support extensions of type t, listed or not.
func isDefaultExtension(t mlswire.ExtensionType) bool {
	return t >= mlswire.ExtensionTypeApplicationID && t <= mlswire.ExtensionTypeExternalSenders
}

// isDefaultProposal is isDefaultExtension for types of proposals.
func isDefaultProposal(t mlswire.ProposalType) bool {
	return t >= mlswire.ProposalTypeAdd && t <= mlswire.ProposalTypeGroupContextExtensions
}

// extensionsAt checks a list of extensions in one of the places: that no type is there
// twice (RFC 9420, Section 13.4), that known types may be there, and that the
// data of those that a client acts on is well formed. Unknown types are kept
// and ignored.
func extensionsAt(at place, list mlswire.Extensions) error {
	var seen typeSet
	for _, e := range list {
		if !seen.add(uint16(e.Type)) {
			return ErrDuplicateExtension
		}
		if int(e.Type) < len(places) && isDefaultExtension(e.Type) && places[e.Type]&at == 0 {
			return ErrExtensionPlace
		}
		if err := extensionData(e); err != nil {
			return because(ErrExtensionData, err)
		}
	}
	return nil
}

func extensionData(e mlswire.Extension) error {
	var err error
	switch e.Type {
	case mlswire.ExtensionTypeApplicationID, mlswire.ExtensionTypeExternalPub:
		_, err = opaque(e.Data)
	case mlswire.ExtensionTypeRequiredCapabilities:
		_, err = mlswire.ParseRequiredCapabilities(e.Data)
	case mlswire.ExtensionTypeExternalSenders:
		_, err = mlswire.ParseExternalSenders(e.Data)
	default:
		// The ratchet_tree is parsed by whoever joins; all else is unknown.
	}
	return err
}

// opaque returns the bytes of an extension that is one opaque<V>.
func opaque(data []byte) ([]byte, error) {
	r := tlsenc.NewReader(data)
	v := r.Vector(len(data))
	return v, r.Done()
}

// externalPub returns the external public key of a GroupInfo, RFC 9420,
// Section 12.4.3.2, or ErrExternalPub.
func (r *rules) externalPub(info *mlswire.GroupInfo) ([]byte, error) {
	data, _ := info.Extensions.Find(mlswire.ExtensionTypeExternalPub)
	pub, err := opaque(data) // which nothing is not
	if err != nil || r.suite.CheckPublicKey(pub) != nil {
		return nil, ErrExternalPub
	}
	return pub, nil
}

// externalSenders returns the external_senders of a GroupContext, RFC 9420,
// Section 12.1.8.1: none if there is no such extension.
func externalSenders(list mlswire.Extensions) ([]mlswire.ExternalSender, error) {
	data, ok := list.Find(mlswire.ExtensionTypeExternalSenders)
	if !ok {
		return nil, nil
	}
	senders, err := mlswire.ParseExternalSenders(data)
	if err != nil {
		return nil, because(ErrExtensionData, err)
	}
	return senders, nil
}

// groupExtensions checks the extensions of a GroupContext that replaces one
// with the extensions old. External senders that are new are shown to the
// Authentication Service (RFC 9420, Section 5.3.1). Whether the members support
// the extensions is the business of demands.
func (r *rules) groupExtensions(list, old mlswire.Extensions) error {
	if err := extensionsAt(inGroupContext, list); err != nil {
		return err
	}
	before, _ := old.Find(mlswire.ExtensionTypeExternalSenders)
	after, _ := list.Find(mlswire.ExtensionTypeExternalSenders)
	if bytes.Equal(before, after) {
		return nil
	}
	senders, err := externalSenders(list)
	if err != nil {
		return err
	}
	for i := range senders {
		s := &senders[i]
		if r.suite.CheckSignatureKey(s.SignatureKey) != nil {
			return ErrExtensionData
		}
		if err := r.authenticate(Identity{Credential: s.Credential, SignatureKey: s.SignatureKey, External: true}); err != nil {
			return err
		}
	}
	return nil
}
