package mls

import (
	"slices"

	"conclave/core/mlswire"
)

// What an application hands in may become part of the group's state, and it may
// change what it is handed out: these return copies that share no memory.

func cloneExtensions(list mlswire.Extensions) mlswire.Extensions {
	all := slices.Clone(list)
	for i := range all {
		all[i].Data = slices.Clone(all[i].Data)
	}
	return all
}

func cloneReInit(r *mlswire.ReInit) *mlswire.ReInit {
	if r == nil {
		return nil
	}
	c := *r
	c.GroupID, c.Extensions = slices.Clone(r.GroupID), cloneExtensions(r.Extensions)
	return &c
}

func cloneCredential(c *mlswire.Credential) mlswire.Credential {
	next := mlswire.Credential{
		Type: c.Type, Identity: slices.Clone(c.Identity), Certificates: slices.Clone(c.Certificates),
	}
	for i := range next.Certificates {
		next.Certificates[i] = slices.Clone(next.Certificates[i])
	}
	return next
}

func cloneCapabilities(c *mlswire.Capabilities) mlswire.Capabilities {
	return mlswire.Capabilities{
		Versions:     slices.Clone(c.Versions),
		CipherSuites: slices.Clone(c.CipherSuites),
		Extensions:   slices.Clone(c.Extensions),
		Proposals:    slices.Clone(c.Proposals),
		Credentials:  slices.Clone(c.Credentials),
	}
}
