package keypackages

import (
	"errors"
	"fmt"

	"conclave/client/directory"
	"conclave/core/identity"
	"conclave/core/mls"
)

// MessageID names what a person reads: "Could not add Bob's phone: wrong keys."
const MessageID = "keypackage"

// A Reason says why a KeyPackage was refused.
type Reason string

// The reasons.
const (
	ReasonNone     Reason = "none"     // the server has none of the device: no attack by itself
	ReasonInvalid  Reason = "invalid"  // it does not parse, a signature is wrong, or it breaks a rule of MLS
	ReasonSuite    Reason = "suite"    // another cipher suite, or a lower one than the person accepts
	ReasonLifetime Reason = "lifetime" // not valid now, or for longer than 93 days
	ReasonOther    Reason = "other"    // it is of another user or device
	ReasonKey      Reason = "key"      // signed by another key than the directory lists
	ReasonUnlisted Reason = "unlisted" // the directory lists no such device
	ReasonTwice    Reason = "twice"    // claimed here before, and no last resort
)

// A RefusedError says that a device could not be added.
type RefusedError struct {
	User   identity.UserID
	Person string // their name
	Handle string
	Device identity.DeviceID
	Name   string // of the device; empty: it is not listed
	Reason Reason
	cause  error
}

// Error implements error.
func (r *RefusedError) Error() string {
	if r.cause != nil {
		return fmt.Sprintf("keypackages: refused (%s): %v", r.Reason, r.cause)
	}
	return fmt.Sprintf("keypackages: refused (%s)", r.Reason)
}

// Unwrap returns the rule of MLS that was broken, if it is one.
func (r *RefusedError) Unwrap() error { return r.cause }

func refuse(c *directory.Contact, device identity.DeviceID, why Reason, cause error) *RefusedError {
	r := &RefusedError{User: c.User, Person: c.Name, Handle: c.Handle, Device: device, Reason: why, cause: cause}
	if d := c.Record.Device(device); d != nil {
		r.Name = d.Name
	}
	return r
}

// reasonOf sorts the rules of MLS.
func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, mls.ErrLifetime), errors.Is(err, mls.ErrLifetimeRange):
		return ReasonLifetime
	case errors.Is(err, mls.ErrKeyPackageVersion):
		return ReasonSuite
	default:
		return ReasonInvalid
	}
}
