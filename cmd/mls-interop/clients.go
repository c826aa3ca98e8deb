package main

import (
	"fmt"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
)

// A client is what this program has of one that the library made.
type client struct {
	*mls.Client
	identity string
}

// A keyPackage waits to be joined with.
type keyPackage struct {
	*client
	keys *mls.KeyPackage
}

// newClient returns a client with a signing key of its own, that accepts every
// credential and knows the PSKs that were registered.
func (p *program) newClient(id suite.ID, identity string) (*client, error) {
	c, err := mls.NewClient(mls.Config{
		Suite:             id,
		Credential:        mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(identity)},
		Capabilities:      capabilities(),
		Now:               time.Now,
		AllowJoinRequests: true, AllowExternalCommits: true,
		Authenticate: func(mls.Identity) error { return nil },
		PSK:          p.psk,
	})
	if err != nil {
		return nil, err
	}
	return &client{c, identity}, nil
}

// capabilities are those of a client that may meet any other: all suites, both
// types of credentials, and values that mean nothing, which others must ignore.
func capabilities() *mlswire.Capabilities {
	c := mls.GREASE(mlswire.Capabilities{
		Versions:     []mlswire.ProtocolVersion{mlswire.MLS10},
		CipherSuites: suite.IDs(),
		Credentials:  []mlswire.CredentialType{mlswire.CredentialTypeBasic, mlswire.CredentialTypeX509},
	})
	return &c
}

func (p *program) psk(id []byte) (secret.Value, bool) {
	v, ok := p.psks[string(id)]
	return v, ok
}

func (p *program) registerPSK(r *request) (answer, error) {
	p.psks[string(r.PSKID)] = secret.New(r.Secret)
	return answer{}, nil
}

func (p *program) keyPackage(r *request) (answer, error) {
	c, err := p.newClient(r.Suite, r.Identity)
	if err != nil {
		return nil, err
	}
	keys, err := c.NewKeyPackage()
	if err != nil {
		return nil, err
	}
	name := p.name("kp")
	p.keyPackages[name] = &keyPackage{c, keys}
	return answer{"key_package": keys.Bytes(), "handle": name}, nil
}

func (p *program) createGroup(r *request) (answer, error) {
	c, err := p.newClient(r.Suite, r.Identity)
	if err != nil {
		return nil, err
	}
	g, err := c.CreateGroup(r.GroupID, nil)
	if err != nil {
		return nil, err
	}
	return answer{"group": p.add(c, g), "epoch": g.Epoch()}, nil
}

func (p *program) joinWelcome(r *request) (answer, error) {
	k, ok := p.keyPackages[r.Handle]
	if !ok {
		return nil, fmt.Errorf("%w: %q", errUnknownHandle, r.Handle)
	}
	g, err := k.keys.Join(r.Welcome, mls.JoinOptions{RatchetTree: r.RatchetTree})
	if err != nil {
		return nil, err
	}
	return answer{"group": p.add(k.client, g), "epoch": g.Epoch(), "leaf": g.Self()}, nil
}

func (p *program) externalJoin(r *request) (answer, error) {
	c, err := p.newClient(r.Suite, r.Identity)
	if err != nil {
		return nil, err
	}
	g, commit, err := c.JoinExternal(r.GroupInfo, mls.ExternalOptions{RatchetTree: r.RatchetTree})
	if err != nil {
		return nil, err
	}
	return answer{"group": p.add(c, g), "commit": commit.Message, "epoch": g.Epoch()}, nil
}
