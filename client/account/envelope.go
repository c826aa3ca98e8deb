package account

import (
	"fmt"

	"conclave/api"
	"conclave/core/account"
)

// A kind says what a message in the mailbox is.
type kind uint8

const (
	kindSAS      kind = 1 // of core/account.SAS
	kindScanned  kind = 2 // of core/account.QR, from who scanned
	kindApprove  kind = 3 // to a device that asks: an old device looks at the request
	kindHandOver kind = 4 // of core/account.HandOver, to a device that asks
	kindAdded    kind = 5 // to the approver: the device is listed
)

// An envelope is a message to another device through the mailbox:
//
//	struct { uint8 kind; opaque body[rest]; }
//
// It proves nothing by itself: the bodies do.
type envelope struct {
	kind kind
	body []byte
}

func (e envelope) encode() ([]byte, error) {
	if 1+len(e.body) > api.MaxMailboxBody {
		return nil, fmt.Errorf("%w: a message of %d bytes is too long for the mailbox", account.ErrMalformed, len(e.body))
	}
	return append([]byte{byte(e.kind)}, e.body...), nil
}

func parseEnvelope(b []byte) (envelope, error) {
	if len(b) == 0 || len(b) > api.MaxMailboxBody {
		return envelope{}, fmt.Errorf("%w: a message in the mailbox", account.ErrMalformed)
	}
	return envelope{kind(b[0]), b[1:]}, nil
}
