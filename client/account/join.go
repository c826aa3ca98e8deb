package account

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"conclave/api"
	"conclave/client/directory"
	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

// RequestDevice asks the account's other devices to let this one in. The Check
// it returns holds what a QR code shows, and the symbols once an old device
// answers by emoji. When it is done this device has its keys. Called again within
// ten minutes it returns the same Check.
func (a *Account) RequestDevice(ctx context.Context) (*Check, error) {
	s := a.read()
	switch s.stage() {
	case StageNoKeys:
	case StageSignedOut:
		return nil, ErrSignedOut
	default:
		return nil, ErrHasIdentity
	}
	user, err := s.userID()
	if err != nil {
		return nil, err
	}
	own, err := a.own(ctx, user)
	if err != nil {
		return nil, err
	}
	if s.Asked != nil && s.Asked.Created+checkLifetime > a.now() {
		if c, err := a.Check(ctx, s.Session.Endpoint); err == nil && !isEnd(c.State().Phase) {
			return c, a.server.PostDeviceRequest(ctx, s.Asked.Request)
		}
	}
	if err := a.ask(ctx, user, own); err != nil {
		return nil, err
	}
	s = a.read()
	a.mu.Lock()
	delete(a.checks, s.Session.Endpoint)
	a.mu.Unlock()
	c, err := a.begin(ctx, &Check{doc: checkDoc{
		ID: s.Session.Endpoint, Role: roleAsk, User: s.User, With: own.Handle, QR: s.Asked.QR, Request: s.Asked.Request,
	}})
	if err != nil {
		return nil, err
	}
	return c, a.server.PostDeviceRequest(ctx, s.Asked.Request)
}

// ask makes the key of this device and its request.
func (a *Account) ask(ctx context.Context, user identity.UserID, own *directory.Contact) error {
	s := a.read()
	endpoint, err := parseEndpoint(s.Session.Endpoint)
	if err != nil {
		return err
	}
	key, err := account.GenerateDeviceKey()
	if err != nil {
		return err
	}
	defer key.Erase()
	r, private, err := key.NewRequest(user, a.cfg.Class, a.cfg.DeviceName, endpoint, a.now())
	if err != nil {
		return err
	}
	defer private.Erase()
	peer := account.Party{User: user, Fingerprint: account.IdentityFingerprint(user, own.Record.IdentityKey)}
	qr, err := account.NewQR(account.ModeNewDevice, requestParty(r), peer, a.checkpoint())
	if err != nil {
		return err
	}
	defer qr.Erase()
	seed := key.Seed()
	defer seed.Erase()
	return a.update(ctx, func(s *state) error {
		s.Asked = &asked{
			Device: bytes.Clone(seed.Expose()), Private: bytes.Clone(private.Expose()),
			Request: r.Encode(), QR: qr.Text(), Created: a.now(),
		}
		return nil
	})
}

// handleAsking takes a letter of an old device.
func (c *Check) handleAsking(ctx context.Context, l *letter) error {
	switch l.kind {
	case kindApprove:
		return c.startAsking(ctx, l)
	case kindScanned:
		return c.askedByQR(ctx, l)
	case kindHandOver:
		return c.receive(ctx, l)
	default:
		return c.handleSAS(ctx, l)
	}
}

// askingParties are the two sides on a device without keys. What it knows of the
// account's identity key is what the directory proved.
func (c *Check) askingParties() (own, peer account.Party, err error) {
	r, err := account.ParseRequest(c.doc.Request)
	if err != nil {
		return own, peer, err
	}
	record := c.account.dir.Own()
	if record == nil {
		return own, peer, directory.ErrNoOwner
	}
	peer = account.Party{User: r.User, Fingerprint: account.IdentityFingerprint(r.User, record.Record.IdentityKey)}
	return requestParty(r), peer, nil
}

// startAsking begins the comparison of symbols with an old device that looks at
// the request.
func (c *Check) startAsking(ctx context.Context, l *letter) error {
	if c.doc.Phase != PhaseWaiting || c.doc.Endpoint == l.endpoint && c.sas != nil {
		return nil
	}
	own, peer, err := c.askingParties()
	if err != nil {
		return err
	}
	sas, message, err := account.StartSAS(account.SASConfig{
		Mode: account.ModeNewDevice, Own: own, Peer: peer, Checkpoint: c.account.checkpoint(),
	}, c.account.now())
	if err != nil {
		return err
	}
	c.sas, c.doc.Endpoint = sas, l.endpoint
	c.queue(l.endpoint, kindSAS, message)
	return errors.Join(c.save(ctx), c.flush(ctx))
}

// askedByQR takes the message of the old device that scanned the code.
func (c *Check) askedByQR(ctx context.Context, l *letter) error {
	_, peer, err := c.askingParties()
	if err != nil {
		return err
	}
	v, err := c.answered(ctx, l, peer)
	if errors.Is(err, errNotOurs) {
		return nil
	}
	if err != nil {
		return c.failed(ctx, err)
	}
	c.doc.Endpoint = l.endpoint
	if err := c.proven(ctx, v); err != nil {
		return err
	}
	return c.save(ctx)
}

// receive opens the keys that the old device hands over.
func (c *Check) receive(ctx context.Context, l *letter) error {
	s := c.account.read()
	if len(c.doc.HandOver) == 0 || l.endpoint != c.doc.Endpoint || s.Asked == nil {
		return nil
	}
	r, err := account.ParseRequest(c.doc.Request)
	if err != nil {
		return err
	}
	private, key := secret.New(s.Asked.Private), secret.New(c.doc.HandOver)
	defer private.Erase()
	defer key.Erase()
	b, err := r.Receive(private, key, l.body)
	if err != nil {
		return c.failed(ctx, err)
	}
	defer b.Erase()
	err = c.account.join(ctx, b, s.Asked.Device)
	if errors.Is(err, ErrProof) {
		return c.failed(ctx, err)
	}
	if err != nil {
		return err
	}
	c.doc.Phase = PhaseDone
	if err := c.save(ctx); err != nil {
		return err
	}
	return offlineIsFine(c.account.post(ctx, l.endpoint, kindAdded, nil))
}

// join stores the keys that came, and lists this device with them.
func (a *Account) join(ctx context.Context, b *account.Bundle, device []byte) error {
	s := a.read()
	user, err := s.userID()
	if err != nil {
		return err
	}
	key, err := account.NewIdentityKey(b.IdentityKey)
	if err != nil {
		return err
	}
	defer key.Erase()
	own, err := a.own(ctx, user)
	if err != nil {
		return err
	}
	if own.Record.IdentityKey != key.Public() || own.Version < b.Version ||
		own.Version == b.Version && b.Record != [32]byte{} && own.Record.Hash() != b.Record {
		return ErrProof // the directory and the old device do not agree
	}
	approver := ""
	if !b.Approver.IsZero() {
		approver = b.Approver.String()
	}
	err = a.update(ctx, func(s *state) error {
		s.Join = &join{Approver: approver, Keys: keys{
			Identity: bytes.Clone(b.IdentityKey.Expose()), Device: device, Backup: bytes.Clone(b.BackupKey.Expose()),
		}}
		return nil
	})
	if err != nil {
		return err
	}
	return a.finishJoin(ctx)
}

// finishJoin lists this device in the record, binds the session and reads the
// backup; each may have been done before.
func (a *Account) finishJoin(ctx context.Context) error {
	s := a.read()
	if s.Join == nil {
		return nil
	}
	user, err := s.userID()
	if err != nil {
		return err
	}
	key, err := s.Join.Keys.deviceKey()
	if err != nil {
		return err
	}
	defer key.Erase()
	own, err := a.change(ctx, &s.Join.Keys, func(next *identity.Record) error {
		if next.Device(key.ID()) != nil {
			return errUnchanged
		}
		d, err := a.newDevice(user, key, s.Join, next)
		if err != nil {
			return err
		}
		next.Devices = append(next.Devices, d)
		return nil
	})
	if err != nil {
		return err
	}
	err = a.update(ctx, func(s *state) error {
		s.Keys, s.Join, s.Asked = &s.Join.Keys, nil, nil
		s.Session.Bound, s.Removed = false, false
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.bind(ctx); err != nil {
		return err
	}
	err = a.catchUp(ctx, own.Record)
	taken := a.server.DeleteDeviceRequest(ctx, s.Session.Endpoint)
	if errors.Is(taken, &api.HTTPError{Code: api.CodeNotFound}) || s.Asked == nil {
		taken = nil
	}
	return errors.Join(err, offlineIsFine(taken))
}

// newDevice is the entry of this device in the record that is being made.
func (a *Account) newDevice(user identity.UserID, key *account.DeviceKey, j *join, next *identity.Record) (identity.Device, error) {
	info := account.DeviceInfo{Class: a.cfg.Class, Name: a.cfg.DeviceName, Added: next.Time}
	if j.Approver != "" {
		by, err := identity.ParseDeviceID(j.Approver)
		if err != nil {
			return identity.Device{}, err
		}
		if next.Device(by) == nil {
			return identity.Device{}, ErrProof // the approver was removed meanwhile
		}
		info.AddedBy = by
	}
	return key.Device(user, info)
}

// Recover gives this device its keys by the recovery code.
func (a *Account) Recover(ctx context.Context, words string) (Status, error) {
	s := a.read()
	user, err := a.mayRecover(s)
	if err != nil {
		return a.status(), err
	}
	code, err := account.ParseRecoveryCode(words)
	if err != nil {
		return a.status(), err
	}
	defer code.Erase()
	own, err := a.own(ctx, user)
	if err != nil {
		return a.status(), err
	}
	right := own.Record.Recovery == code.Commitment(user)
	auth := code.AuthKey(user)
	defer auth.Erase()
	way := account.RecoveryWrap(code)
	defer way.Erase()
	err = a.recoverBy(ctx, own.Record, auth.Expose(), way)
	if errors.Is(err, &api.HTTPError{Code: api.CodeCodeWrong}) && right {
		err = ErrWithheld
	}
	return a.status(), err
}

// RecoverByPasskey gives this device its keys by the passkey with which the
// person just signed in, if the browser could use its prf extension.
func (a *Account) RecoverByPasskey(ctx context.Context) (Status, error) {
	user, err := a.mayRecover(a.read())
	if err != nil {
		return a.status(), err
	}
	way, auth, ok, err := a.passkeyWrap(user)
	if err != nil {
		return a.status(), err
	}
	if !ok {
		return a.status(), account.ErrNoWrap
	}
	defer way.Erase()
	own, err := a.own(ctx, user)
	if err != nil {
		return a.status(), err
	}
	err = a.recoverBy(ctx, own.Record, auth, way)
	return a.status(), err
}

// mayRecover returns whose keys are missing here.
func (a *Account) mayRecover(s *state) (identity.UserID, error) {
	switch s.stage() {
	case StageNoKeys:
		return s.userID()
	case StageSignedOut:
		return identity.UserID{}, ErrSignedOut
	default:
		return identity.UserID{}, ErrHasIdentity
	}
}

// recoverBy fetches the backup, opens it and makes this a device of the account.
func (a *Account) recoverBy(ctx context.Context, r *identity.Record, auth []byte, way account.WrapKey) error {
	got, err := a.server.OpenBackup(ctx, auth)
	if err != nil {
		return tries(err, account.ErrCode)
	}
	b, err := openBackup(got.Blob, r, way)
	if errors.Is(err, account.ErrBackupOld) || errors.Is(err, account.ErrBackupForeign) || errors.Is(err, account.ErrBackupChanged) {
		return errors.Join(err, a.raiseOldBackup(ctx, r, err))
	}
	if err != nil {
		return err
	}
	defer b.Erase()
	key, err := account.GenerateDeviceKey()
	if err != nil {
		return err
	}
	defer key.Erase()
	seed := key.Seed()
	defer seed.Erase()
	b.Approver = identity.DeviceID{}
	return a.join(ctx, b, seed.Expose())
}

// sortChanges puts changes in the order of their time.
func sortChanges(c []Change) {
	slices.SortStableFunc(c, func(a, b Change) int { return cmp.Compare(a.Time, b.Time) })
}
