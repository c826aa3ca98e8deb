package account

import (
	"context"
	"errors"

	"conclave/api"
	"conclave/client/directory"
	"conclave/core/account"
	"conclave/core/identity"
)

// publishTries is how often a change of the own record is made anew because
// another device was faster.
const publishTries = 4

// ready returns the state of a device with keys, and whose it is.
func (a *Account) ready() (*state, identity.UserID, error) {
	s := a.read()
	var zero identity.UserID
	switch s.stage() {
	case StageSignedOut:
		return nil, zero, ErrSignedOut
	case StageRemoved:
		return nil, zero, ErrRemoved
	case StageReady, StageUnconfirmed: // the keys are good; only the person's paper is not
	default:
		return nil, zero, ErrNoKeys
	}
	user, err := s.userID()
	return s, user, err
}

// change publishes the next version of the own record with what edit does to it.
// edit may be called several times, with the newest record each time; if it
// returns errUnchanged there is nothing to publish.
func (a *Account) change(ctx context.Context, k *keys, edit func(next *identity.Record) error) (*directory.Contact, error) {
	a.publishing.Lock()
	defer a.publishing.Unlock()
	user, err := a.read().userID()
	if err != nil {
		return nil, err
	}
	key, err := k.identityKey()
	if err != nil {
		return nil, err
	}
	defer key.Erase()
	var refused error
	for range publishTries {
		own, err := a.own(ctx, user)
		if err != nil {
			return nil, err
		}
		if own.Record.IdentityKey != key.Public() {
			return nil, ErrOtherIdentity
		}
		next := account.NextRecord(own.Record, a.now())
		if err := edit(next); errors.Is(err, errUnchanged) {
			return own, nil
		} else if err != nil {
			return nil, err
		}
		if err := key.Sign(next); err != nil {
			return nil, err
		}
		own, err = a.dir.Publish(ctx, next.Encode())
		if err == nil {
			return own, nil
		}
		if !errors.Is(err, directory.ErrConflict) && !errors.Is(err, &api.HTTPError{Code: api.CodeRecordRefused}) {
			return nil, err
		}
		refused = err
	}
	return nil, refused
}

var errUnchanged = errors.New("account: nothing to publish")
