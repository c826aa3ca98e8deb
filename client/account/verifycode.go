package account

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"conclave/client/directory"
	"conclave/core/account"
	"conclave/core/identity"
)

// SafetyNumber returns the number to read to a contact.
func (a *Account) SafetyNumber(ctx context.Context, handle string) (SafetyNumber, error) {
	s, user, err := a.ready()
	if err != nil {
		return SafetyNumber{}, err
	}
	c, err := a.contact(ctx, handle)
	if err != nil {
		return SafetyNumber{}, err
	}
	key, err := s.Keys.identityKey()
	if err != nil {
		return SafetyNumber{}, err
	}
	defer key.Erase()
	number := account.SafetyNumber(user, key.Public(), c.User, c.Record.IdentityKey)
	err = a.update(ctx, func(s *state) error {
		s.person(c.User.String()).Shown = c.Record.IdentityKey[:]
		return nil
	})
	if err != nil {
		return SafetyNumber{}, err
	}
	return SafetyNumber{Handle: c.Handle, Groups: strings.Fields(number)}, nil
}

// ConfirmNumber records that the contact's number was the same. If the contact has
// another identity key than the one whose number was shown here, it is [ErrProof].
func (a *Account) ConfirmNumber(ctx context.Context, handle string) (Contact, error) {
	s, user, err := a.ready()
	if err != nil {
		return Contact{}, err
	}
	c := a.dir.ContactByHandle(handle)
	if c == nil {
		return Contact{}, directory.ErrNotPinned
	}
	if p := s.People[c.User.String()]; p != nil && len(p.Shown) > 0 && !bytes.Equal(p.Shown, c.Record.IdentityKey[:]) {
		return Contact{}, ErrProof
	}
	_, peer, err := a.parties(s, user, c)
	if err != nil {
		return Contact{}, err
	}
	if err := a.verified(ctx, &account.Verified{Peer: peer, Method: account.MethodNumber}); err != nil {
		return Contact{}, err
	}
	return a.contactOf(a.dir.Contact(c.User)), nil
}

// NumberDiffers says that the contact's number was another one, which is an
// alarm.
func (a *Account) NumberDiffers(ctx context.Context, handle string) error {
	c := a.dir.ContactByHandle(handle)
	if c == nil {
		return directory.ErrNotPinned
	}
	check := &Check{account: a, doc: checkDoc{ID: "number-" + c.User.String(), Role: roleShow, User: c.User.String(), With: c.Handle}}
	return check.failed(ctx, ErrDiffer)
}

// ShowQR returns a Check whose state holds the code that a contact scans. It is
// done when they did.
func (a *Account) ShowQR(ctx context.Context, handle string) (*Check, error) {
	s, user, err := a.ready()
	if err != nil {
		return nil, err
	}
	c, err := a.contact(ctx, handle)
	if err != nil {
		return nil, err
	}
	own, peer, err := a.parties(s, user, c)
	if err != nil {
		return nil, err
	}
	qr, err := account.NewQR(account.ModeContact, own, peer, a.checkpoint())
	if err != nil {
		return nil, err
	}
	defer qr.Erase()
	return a.begin(ctx, &Check{doc: checkDoc{
		ID: txnID(qr.Txn()), Role: roleShow, User: c.User.String(), With: c.Handle, QR: qr.Text(),
	}})
}

// handleScanned takes the letter of who scanned the code that is shown here.
func (c *Check) handleScanned(ctx context.Context, l *letter) error {
	if l.kind != kindScanned {
		return nil
	}
	s, user, err := c.account.ready()
	if err != nil {
		return err
	}
	peerID, err := identity.ParseUserID(c.doc.User)
	if err != nil {
		return err
	}
	peer := c.account.dir.Contact(peerID)
	if peer == nil {
		return nil
	}
	_, party, err := c.account.parties(s, user, peer)
	if err != nil {
		return err
	}
	v, err := c.answered(ctx, l, party)
	if errors.Is(err, errNotOurs) {
		return nil
	}
	if err != nil {
		return c.failed(ctx, err)
	}
	if err := c.proven(ctx, v); err != nil {
		return err
	}
	return c.save(ctx)
}

var errNotOurs = errors.New("account: a message of another comparison")

// answered checks the message of who scanned the code of this Check.
func (c *Check) answered(ctx context.Context, l *letter, peer account.Party) (*account.Verified, error) {
	answer, err := account.ParseQRAnswer(l.body)
	if err != nil {
		return nil, errNotOurs
	}
	qr, err := account.ParseQR(c.doc.QR)
	if err != nil {
		return nil, err
	}
	defer qr.Erase()
	if answer.Txn != qr.Txn() {
		return nil, errNotOurs
	}
	v, err := qr.Answered(answer, peer, c.account.checkpoint())
	switch {
	case errors.Is(err, account.ErrQRMessage):
		return nil, errNotOurs // whoever it is has not seen the code
	case errors.Is(err, account.ErrSplit):
		return nil, errors.Join(err, c.account.gossip(ctx, v))
	case err == nil:
		c.doc.QR = "" // it is used once
	}
	return v, err
}

// scanned is QR.Scanned, with a comparison of checkpoints that raises an alarm.
func (a *Account) scanned(ctx context.Context, qr *account.QR, own, peer account.Party) ([]byte, *account.Verified, error) {
	message, v, err := qr.Scanned(own, peer, a.checkpoint())
	if err == nil || errors.Is(err, account.ErrSplit) {
		err = errors.Join(err, a.gossip(ctx, v))
	}
	return message, v, err
}

// ScanQR takes the code that a contact shows, which verifies both sides.
func (a *Account) ScanQR(ctx context.Context, handle, text string) (Contact, error) {
	s, user, err := a.ready()
	if err != nil {
		return Contact{}, err
	}
	qr, err := account.ParseQR(text)
	if err != nil {
		return Contact{}, err
	}
	defer qr.Erase()
	c, err := a.contact(ctx, handle)
	if err != nil {
		return Contact{}, err
	}
	own, peer, err := a.parties(s, user, c)
	if err != nil {
		return Contact{}, err
	}
	message, v, err := a.scanned(ctx, qr, own, peer)
	if errors.Is(err, account.ErrMalformed) {
		return Contact{}, err
	}
	if err != nil {
		check := &Check{account: a, doc: checkDoc{ID: txnID(qr.Txn()), Role: roleShow, User: c.User.String(), With: c.Handle}}
		return Contact{}, errors.Join(err, check.failed(ctx, err))
	}
	if err := a.post(ctx, c.User.String(), kindScanned, message); err != nil {
		return Contact{}, err
	}
	if err := a.verified(ctx, v); err != nil {
		return Contact{}, err
	}
	return a.contactOf(a.dir.Contact(c.User)), nil
}
