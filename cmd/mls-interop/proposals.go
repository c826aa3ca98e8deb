package main

import (
	"fmt"

	"conclave/core/mls"
	"conclave/core/mlswire"
)

// proposalKinds are the names of the types of proposals, RFC 9420, Section 17.4.
var proposalKinds = map[mlswire.ProposalType]string{
	mlswire.ProposalTypeAdd:                    "add",
	mlswire.ProposalTypeUpdate:                 "update",
	mlswire.ProposalTypeRemove:                 "remove",
	mlswire.ProposalTypePreSharedKey:           "psk",
	mlswire.ProposalTypeReInit:                 "reinit",
	mlswire.ProposalTypeExternalInit:           "external_init",
	mlswire.ProposalTypeGroupContextExtensions: "gce",
}

// proposing are the kinds of proposals that a member can make.
var proposing = map[string]func(*mls.Group, *request, mls.SendOptions) ([]byte, error){
	"add":    proposeAdd,
	"remove": proposeRemove,
	"update": proposeUpdate,
	"psk":    proposePSK,
	"gce":    proposeExtensions,
	"reinit": proposeReInit,
}

func (p *program) propose(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	makeProposal, ok := proposing[r.Kind]
	if !ok {
		return nil, fmt.Errorf("%w: %q", errUnknownKind, r.Kind)
	}
	var message []byte
	err = m.send(func(g *mls.Group) (err error) {
		message, err = makeProposal(g, r, mls.SendOptions{Public: r.Public})
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer{"proposal": message}, nil
}

func proposeAdd(g *mls.Group, r *request, o mls.SendOptions) ([]byte, error) {
	return g.ProposeAdd(r.KeyPackage, o)
}

func proposeRemove(g *mls.Group, r *request, o mls.SendOptions) ([]byte, error) {
	return g.ProposeRemove(r.Leaf, o)
}

func proposeUpdate(g *mls.Group, _ *request, o mls.SendOptions) ([]byte, error) {
	return g.ProposeUpdate(mls.LeafChange{}, o)
}

func proposePSK(g *mls.Group, r *request, o mls.SendOptions) ([]byte, error) {
	return g.ProposePSK(r.PSKID, o)
}

func proposeExtensions(g *mls.Group, r *request, o mls.SendOptions) ([]byte, error) {
	extensions, err := mlswire.ParseExtensions(r.Extensions)
	if err != nil {
		return nil, err
	}
	return g.ProposeExtensions(extensions, o)
}

func proposeReInit(g *mls.Group, r *request, o mls.SendOptions) ([]byte, error) {
	next := mlswire.ReInit{GroupID: r.GroupID, Version: mlswire.MLS10, CipherSuite: r.Suite}
	if len(r.Extensions) > 0 {
		var err error
		if next.Extensions, err = mlswire.ParseExtensions(r.Extensions); err != nil {
			return nil, err
		}
	}
	return g.ProposeReInit(next, o)
}
