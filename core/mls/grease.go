package mls

import (
	"crypto/rand"
	"slices"

	"conclave/core/mlswire"
)

// isGREASE reports whether v is one of the values that RFC 9420, Section 13.5
// reserves for nothing: 0x0A0A, 0x1A1A and so on to 0xEAEA.
func isGREASE[T ~uint16](v T) bool {
	return v&0x0f0f == 0x0a0a && v>>8 == v&0xff && v != 0xfafa
}

// grease is a random GREASE value.
func grease[T ~uint16]() T {
	var b [1]byte
	_, _ = rand.Read(b[:]) // never fails
	high := uint16(b[0]) % 15
	return T((high<<4 | 0xa) * 0x101)
}

// GREASE returns capabilities with a random reserved value in each of the lists
// that RFC 9420, Section 13.5 names, for [Config].Capabilities: so that clients
// that do not ignore what they do not know are found out early.
func GREASE(c mlswire.Capabilities) mlswire.Capabilities {
	c.CipherSuites = append(slices.Clip(c.CipherSuites), grease[mlswire.CipherSuite]())
	c.Extensions = append(slices.Clip(c.Extensions), grease[mlswire.ExtensionType]())
	c.Proposals = append(slices.Clip(c.Proposals), grease[mlswire.ProposalType]())
	c.Credentials = append(slices.Clip(c.Credentials), grease[mlswire.CredentialType]())
	return c
}

// withoutGREASE returns what a client really supports, of what it says it does:
// RFC 9420, Section 13.5 keeps GREASE out of the client's own view of itself.
func withoutGREASE(c *mlswire.Capabilities) *mlswire.Capabilities {
	return &mlswire.Capabilities{
		Versions:     c.Versions,
		CipherSuites: genuine(c.CipherSuites),
		Extensions:   genuine(c.Extensions),
		Proposals:    genuine(c.Proposals),
		Credentials:  genuine(c.Credentials),
	}
}

func genuine[T ~uint16](list []T) []T {
	return slices.DeleteFunc(slices.Clone(list), isGREASE[T])
}
