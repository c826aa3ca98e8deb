package mlswire

import "conclave/core/tlsenc"

// ProposalType returns ProposalTypeAdd.
func (*Add) ProposalType() ProposalType { return ProposalTypeAdd }

// ProposalType returns ProposalTypeUpdate.
func (*Update) ProposalType() ProposalType { return ProposalTypeUpdate }

// ProposalType returns ProposalTypeRemove.
func (*Remove) ProposalType() ProposalType { return ProposalTypeRemove }

// ProposalType returns ProposalTypePreSharedKey.
func (*PreSharedKey) ProposalType() ProposalType { return ProposalTypePreSharedKey }

// ProposalType returns ProposalTypeReInit.
func (*ReInit) ProposalType() ProposalType { return ProposalTypeReInit }

// ProposalType returns ProposalTypeExternalInit.
func (*ExternalInit) ProposalType() ProposalType { return ProposalTypeExternalInit }

// ProposalType returns ProposalTypeGroupContextExtensions.
func (*GroupContextExtensions) ProposalType() ProposalType {
	return ProposalTypeGroupContextExtensions
}

// encodeProposal appends a proposal with its type, RFC 9420, Section 12.1.
func encodeProposal(w *tlsenc.Writer, p Proposal) {
	w.Uint16(uint16(p.ProposalType()))
	p.encodeBody(w)
}

// Encode appends the proposal with its type.
func (p *Add) Encode(w *tlsenc.Writer) { encodeProposal(w, p) }

// Encode appends the proposal with its type.
func (p *Update) Encode(w *tlsenc.Writer) { encodeProposal(w, p) }

// Encode appends the proposal with its type.
func (p *Remove) Encode(w *tlsenc.Writer) { encodeProposal(w, p) }

// Encode appends the proposal with its type.
func (p *PreSharedKey) Encode(w *tlsenc.Writer) { encodeProposal(w, p) }

// Encode appends the proposal with its type.
func (p *ReInit) Encode(w *tlsenc.Writer) { encodeProposal(w, p) }

// Encode appends the proposal with its type.
func (p *ExternalInit) Encode(w *tlsenc.Writer) { encodeProposal(w, p) }

// Encode appends the proposal with its type.
func (p *GroupContextExtensions) Encode(w *tlsenc.Writer) { encodeProposal(w, p) }

func (p *Add) encodeBody(w *tlsenc.Writer)          { p.KeyPackage.Encode(w) }
func (p *Update) encodeBody(w *tlsenc.Writer)       { p.LeafNode.Encode(w) }
func (p *Remove) encodeBody(w *tlsenc.Writer)       { w.Uint32(p.Removed) }
func (p *PreSharedKey) encodeBody(w *tlsenc.Writer) { p.PSK.Encode(w) }

func (p *ReInit) encodeBody(w *tlsenc.Writer) {
	w.Vector(p.GroupID)
	w.Uint16(uint16(p.Version))
	w.Uint16(uint16(p.CipherSuite))
	p.Extensions.Encode(w)
}

func (p *ExternalInit) encodeBody(w *tlsenc.Writer)           { w.Vector(p.KEMOutput) }
func (p *GroupContextExtensions) encodeBody(w *tlsenc.Writer) { p.Extensions.Encode(w) }

// decodeProposal returns nil in a dry run and after an error.
func decodeProposal(d *decoder) Proposal {
	switch ProposalType(d.r.Uint16()) {
	case ProposalTypeAdd:
		if v := decodeKeyPackage(d); d.spend(costKeyPackage) {
			return &Add{KeyPackage: v}
		}
	case ProposalTypeUpdate:
		if v := decodeLeafNode(d); d.spend(costLeafNode) {
			return &Update{LeafNode: v}
		}
	case ProposalTypeRemove:
		if v := d.r.Uint32(); d.spend(costRemove) {
			return &Remove{Removed: v}
		}
	case ProposalTypePreSharedKey:
		if v := decodePreSharedKeyID(d); d.spend(costPreSharedKeyID) {
			return &PreSharedKey{PSK: v}
		}
	case ProposalTypeReInit:
		if v := decodeReInit(d); d.spend(costReInit) {
			return kept(v)
		}
	case ProposalTypeExternalInit:
		if v := d.bytes(); d.spend(costBytes) {
			return &ExternalInit{KEMOutput: v}
		}
	case ProposalTypeGroupContextExtensions:
		if v := decodeExtensions(d); d.spend(costBytes) {
			return &GroupContextExtensions{Extensions: v}
		}
	default:
		d.failUnlessShort(ErrProposalType)
	}
	return nil
}

// decodeReInit keeps a version and suite it does not know: they are values
// here, and nothing that follows depends on them.
func decodeReInit(d *decoder) ReInit {
	return ReInit{
		GroupID:     d.bytes(),
		Version:     ProtocolVersion(d.r.Uint16()),
		CipherSuite: CipherSuite(d.r.Uint16()),
		Extensions:  decodeExtensions(d),
	}
}

// Encode appends the name of a pre-shared key. It panics on an unknown type.
func (p *PreSharedKeyID) Encode(w *tlsenc.Writer) {
	w.Uint8(uint8(p.Type))
	switch p.Type {
	case PSKTypeExternal:
		w.Vector(p.PSKID)
	case PSKTypeResumption:
		w.Uint8(uint8(p.Usage))
		w.Vector(p.GroupID)
		w.Uint64(p.Epoch)
	default:
		panic("mlswire: internal error: encoding a PSK of unknown type")
	}
	w.Vector(p.PSKNonce)
}

func decodePreSharedKeyID(d *decoder) PreSharedKeyID {
	p := PreSharedKeyID{Type: PSKType(d.r.Uint8())}
	switch p.Type {
	case PSKTypeExternal:
		p.PSKID = d.bytes()
	case PSKTypeResumption:
		p.Usage = ResumptionPSKUsage(d.r.Uint8())
		switch p.Usage {
		case ResumptionPSKUsageApplication, ResumptionPSKUsageReInit, ResumptionPSKUsageBranch:
		default:
			d.failUnlessShort(ErrPSKUsage)
		}
		p.GroupID, p.Epoch = d.bytes(), d.r.Uint64()
	default:
		d.failUnlessShort(ErrPSKType)
	}
	p.PSKNonce = d.bytes()
	return p
}

// EncodePreSharedKeyIDs appends PreSharedKeyID<V>, as it is in GroupSecrets,
// RFC 9420, Section 12.4.3.1.
func EncodePreSharedKeyIDs(w *tlsenc.Writer, ids []PreSharedKeyID) { encodeList(w, ids) }
