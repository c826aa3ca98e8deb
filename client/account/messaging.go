package account

import (
	"fmt"

	"conclave/client/directory"
	"conclave/client/remote"
	"conclave/core/identity"
	"conclave/core/secret"
	"conclave/core/suite"
)

// A Messaging is what this device needs to take part in MLS groups.
type Messaging struct {
	User   identity.UserID
	Device identity.DeviceID
	// Signer signs leaves and KeyPackages: the device's key, which is in the
	// account's record. What MLS signs begins with a label of its own, RFC 9420,
	// Section 5.1.2, so that it is never taken for a record or a session's binding.
	Signer *suite.SigningKey
	// Directory judges what the server says of the devices of others.
	Directory *directory.Client
	// Server has the token of the session, now and after another sign-in.
	Server *remote.Server
}

// Messaging returns what MLS needs of the account. The error is [ErrNoKeys] on a
// device that is not listed yet, or is no longer.
func (a *Account) Messaging() (*Messaging, error) {
	s := a.read()
	if s.Keys == nil {
		return nil, ErrNoKeys
	}
	user, err := s.userID()
	if err != nil {
		return nil, err
	}
	of, err := suite.Lookup(suite.Default)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	seed := secret.New(s.Keys.Device)
	defer seed.Erase()
	signer, err := of.NewSigningKey(seed)
	if err != nil {
		return nil, fmt.Errorf("account: the key of this device: %w", err)
	}
	return &Messaging{user, s.Keys.deviceID(), signer, a.dir, a.server}, nil
}
