package main

import (
	"conclave/core/mls"
	"conclave/core/mlswire"
)

func (p *program) commit(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	var made *mls.Commit
	err = m.send(func(g *mls.Group) (err error) {
		made, err = g.Commit(mls.CommitOptions{
			Add: r.Add, Remove: r.Remove, PSK: r.PSK,
			ForcePath: r.ForcePath, Public: r.Public, WithoutTree: !r.TreeInWelcome, GroupInfo: true,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	a := answer{"commit": made.Message, "group_info": made.GroupInfo}
	if len(made.Welcomes) > 0 {
		a["welcome"] = made.Welcomes[0].Message
	}
	return a, nil
}

func (p *program) merge(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	if err := m.group.MergeCommit(); err != nil {
		return nil, err
	}
	return answer{"epoch": m.group.Epoch()}, nil
}

func (p *program) discard(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	if err := m.group.DiscardCommit(); err != nil {
		return nil, err
	}
	return answer{"epoch": m.group.Epoch()}, nil
}

// handle processes a message of the group; a commit of others is merged at once.
func (p *program) handle(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	received, err := m.group.Process(r.Message)
	if err != nil {
		return nil, err
	}
	switch v := received.(type) {
	case *mls.Application:
		return answer{"kind": "application", "sender": v.Sender, "plaintext": v.Plaintext, "aad": v.AuthenticatedData}, nil
	case *mls.Proposed:
		a := answer{"kind": "proposal", "proposal": proposalKinds[v.Proposal.ProposalType()], "ref": v.Ref}
		if v.Sender.Type == mlswire.SenderTypeMember {
			a["sender"] = v.Sender.Index
		}
		return a, nil
	case *mls.StagedCommit:
		if err := m.group.Merge(v); err != nil {
			return nil, err
		}
		return answer{"kind": "commit", "epoch": v.Epoch(), "removed": v.Removed(), "sender": v.Committer()}, nil
	}
	panic("mls-interop: internal error: message of an unknown kind")
}

func (p *program) protect(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	var message []byte
	err = m.send(func(g *mls.Group) (err error) {
		message, err = g.ProtectPadded(r.Plaintext, r.AAD, r.Padding)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer{"message": message}, nil
}
