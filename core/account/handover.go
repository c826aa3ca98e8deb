package account

import (
	"conclave/core/identity"
	"conclave/core/secret"
)

// MaxRequest is the most bytes of a device request.
const MaxRequest = 4 << 10

// A Request is what a new device asks the account's other devices. The server
// stores it; only its fingerprint, checked by people, makes it trusted.
type Request struct {
	User         identity.UserID
	SignatureKey [32]byte
	Class        identity.Class
	Name         string
	Time         uint64   // milliseconds since 1970
	Endpoint     [16]byte // where the device's session takes mail
	KEMKey       []byte   // public key of suite.Default
	encoded      []byte
}

// NewRequest returns a request and the private key that opens the answer.
func (k *DeviceKey) NewRequest(user identity.UserID, class identity.Class, name string, endpoint [16]byte, now uint64) (*Request, secret.Value, error) {
	panic("account: unfinished")
}

// ParseRequest reads a request and checks its signature.
func ParseRequest(b []byte) (*Request, error) { panic("account: unfinished") }

// Encode returns the request as it travels.
func (r *Request) Encode() []byte { panic("account: unfinished") }

// Fingerprint returns what stands for the request in a SAS or QR code.
func (r *Request) Fingerprint() Fingerprint { panic("account: unfinished") }

// A Bundle is what a device must know to be one of the account: what is handed
// over, and what a backup holds.
type Bundle struct {
	IdentityKey secret.Value // seed
	BackupKey   secret.Value // 32 bytes; empty: there is no backup
	Statements  [][]byte     // encoded statements
	Pins        []byte       // of the directory; opaque here
	Approver    identity.DeviceID
	Record      []byte // the newest record that the approver accepted
}

// Encode returns the bundle as it is sealed.
func (b *Bundle) Encode() secret.Value { panic("account: unfinished") }

// ParseBundle reads what Encode wrote, or returns ErrMalformed.
func ParseBundle(b secret.Value) (*Bundle, error) { panic("account: unfinished") }

// HandOver seals a bundle to a request; key is SASResult.HandOver.
func HandOver(r *Request, key secret.Value, b *Bundle) ([]byte, error) { panic("account: unfinished") }

// Receive opens what HandOver sealed with the private key of the request.
func (r *Request) Receive(private, key secret.Value, sealed []byte) (*Bundle, error) {
	panic("account: unfinished")
}
