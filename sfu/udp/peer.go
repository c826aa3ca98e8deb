package udp

import "errors"

// A Remote is what a client's session description says of its transport.
type Remote struct {
	Ufrag, Password string
	Fingerprints    []string // as in SDP: "sha-256 AB:CD:…"; sha-256, sha-384 and sha-512 are understood
}

// A Peer is one peer connection of a client. Its methods may be called
// concurrently.
type Peer struct{}

// Credentials returns our ICE credentials, for the session description. After
// Restart they are the new ones.
func (p *Peer) Credentials() (ufrag, password string) { return "", "" }

// SetRemote tells what the client's session description says; no checks are
// answered before. It is called again after an ICE restart. The error wraps ErrRemote,
// also if the fingerprints have changed, or is ErrClosed.
func (p *Peer) SetRemote(r Remote) error { return errors.ErrUnsupported }

// Restart makes new local credentials (RFC 8445, Section 9). The old ones and the
// path in use stay valid until a path is nominated with the new ones.
func (p *Peer) Restart() error { return errors.ErrUnsupported }

// Close ends the peer. Disconnected is not called for it. A call of the Handler
// that had begun may still be running when it returns.
func (p *Peer) Close() {}
