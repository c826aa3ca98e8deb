package account

import (
	"context"
	"errors"

	"conclave/api"
	"conclave/client/directory"
	"conclave/core/account"
	"conclave/core/identity"
)

// Devices lists the devices of the account, with those that were removed last.
func (a *Account) Devices(ctx context.Context) ([]Device, error) {
	s := a.read()
	if s.Session.Token == "" {
		return nil, ErrSignedOut
	}
	user, err := s.userID()
	if err != nil {
		return nil, err
	}
	own, err := a.own(ctx, user)
	if err != nil {
		return nil, err
	}
	return devicesOf(own.Record, s.Keys.deviceID()), nil
}

// devicesOf lists the devices of a record; this one is marked.
func devicesOf(r *identity.Record, this identity.DeviceID) []Device {
	out := make([]Device, 0, len(r.Devices)+len(r.Removed))
	for i := range r.Devices {
		d := &r.Devices[i]
		x := Device{
			ID: d.ID.String(), Name: d.Name, Class: d.Class.String(), Added: d.Added, Expires: d.Expires,
			This: d.ID == this && !this.IsZero(),
		}
		if !d.AddedBy.IsZero() && d.AddedBy != d.ID {
			x.AddedBy = d.AddedBy.String()
		}
		out = append(out, x)
	}
	for i := range r.Removed {
		m := &r.Removed[i]
		out = append(out, Device{ID: m.ID.String(), Name: m.Name, Removed: m.Removed})
	}
	return out
}

// History lists when devices of the account were added and removed, oldest first,
// for as far back as the newest identity record tells.
func (a *Account) History(ctx context.Context) ([]Change, error) {
	s := a.read()
	if s.Session.Token == "" {
		return nil, ErrSignedOut
	}
	own := a.dir.Own()
	if own == nil {
		return nil, directory.ErrNoOwner
	}
	out := []Change{}
	for i := range own.Record.Devices {
		d := &own.Record.Devices[i]
		kind := "added"
		if d.AddedBy == d.ID {
			kind = "created"
		}
		out = append(out, Change{Time: d.Added, Kind: kind, Device: d.Name})
	}
	for i := range own.Record.Removed {
		m := &own.Record.Removed[i]
		out = append(out, Change{Time: m.Removed, Kind: "removed", Device: m.Name})
	}
	sortChanges(out)
	return out, nil
}

// Requests lists the sessions that ask to become a device of this account.
func (a *Account) Requests(ctx context.Context) ([]Request, error) {
	s, user, err := a.ready()
	if err != nil {
		return nil, err
	}
	list, err := a.server.DeviceRequests(ctx)
	if err != nil {
		return nil, err
	}
	out := []Request{}
	for i := range list {
		r, err := account.ParseRequest(list[i].Body)
		if err != nil || r.User != user || txnID(r.Endpoint) != list[i].Endpoint || list[i].Endpoint == s.Session.Endpoint {
			continue // not a request of this account, or not from the session that it names
		}
		out = append(out, Request{ID: list[i].Endpoint, Name: r.Name, Class: r.Class.String(), Created: list[i].CreatedMS})
	}
	return out, nil
}

// request returns one request as it came.
func (a *Account) request(ctx context.Context, user identity.UserID, match func(*account.Request) bool) (*account.Request, error) {
	list, err := a.server.DeviceRequests(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		r, err := account.ParseRequest(list[i].Body)
		if err == nil && r.User == user && txnID(r.Endpoint) == list[i].Endpoint && match(r) {
			return r, nil
		}
	}
	return nil, ErrRequest
}

// Approve begins the comparison by emoji with the device of a request. When both
// sides said that the symbols match, the device gets the keys of the account.
func (a *Account) Approve(ctx context.Context, request string) (*Check, error) {
	_, user, err := a.ready()
	if err != nil {
		return nil, err
	}
	if open, err := a.Check(ctx, request); err == nil && !isEnd(open.State().Phase) {
		return open, nil
	}
	r, err := a.request(ctx, user, func(r *account.Request) bool { return txnID(r.Endpoint) == request })
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	delete(a.checks, request)
	a.mu.Unlock()
	c := &Check{doc: checkDoc{
		ID: request, Role: roleApprove, User: user.String(), With: r.Name, Endpoint: request, Request: r.Encode(),
	}}
	c.queue(request, kindApprove, nil)
	return a.beginAndSend(ctx, c)
}

// handleApproving takes a letter of the device that asks.
func (c *Check) handleApproving(ctx context.Context, l *letter) error {
	if l.endpoint != c.doc.Endpoint {
		return nil
	}
	if l.kind != kindSAS || c.sas != nil || !account.IsSASRequest(l.body) {
		return c.handleSAS(ctx, l)
	}
	s, user, err := c.account.ready()
	if err != nil {
		return err
	}
	r, err := account.ParseRequest(c.doc.Request)
	if err != nil {
		return err
	}
	own, err := s.ownParty(user)
	if err != nil {
		return err
	}
	sas, message, err := account.AnswerSAS(account.SASConfig{
		Mode: account.ModeNewDevice, Own: own, Peer: requestParty(r), Checkpoint: c.account.checkpoint(),
	}, l.body, c.account.now())
	if err != nil {
		return nil //nolint:nilerr // a request that cannot be answered changes nothing
	}
	c.sas = sas
	c.queue(l.endpoint, kindSAS, message)
	return errors.Join(c.save(ctx), c.flush(ctx))
}

// ownParty is the own side of a comparison on a device with keys.
func (s *state) ownParty(user identity.UserID) (account.Party, error) {
	key, err := s.Keys.identityKey()
	if err != nil {
		return account.Party{}, err
	}
	defer key.Erase()
	return account.Party{User: user, Device: s.Keys.deviceID(), Fingerprint: account.IdentityFingerprint(user, key.Public())}, nil
}

// requestParty is the side of a device that asks.
func requestParty(r *account.Request) account.Party {
	return account.Party{User: r.User, Device: r.Device(), Fingerprint: r.Fingerprint()}
}

// handOver gives the keys of the account to the device that was compared with.
func (c *Check) handOver(ctx context.Context, v *account.Verified) error {
	r, err := account.ParseRequest(c.doc.Request)
	if err != nil {
		return err
	}
	sealed, err := c.account.sealKeys(ctx, r, v)
	if err != nil {
		return err
	}
	c.queue(c.doc.Endpoint, kindHandOver, sealed)
	c.doc.Phase = PhaseDone
	return nil
}

// sealKeys seals the keys of the account to a device that was verified, and
// remembers that the person approved it here.
func (a *Account) sealKeys(ctx context.Context, r *account.Request, v *account.Verified) ([]byte, error) {
	s, _, err := a.ready()
	if err != nil {
		return nil, err
	}
	b := identityBundle(s.Keys)
	defer b.Erase()
	b.Approver = s.Keys.deviceID()
	if own := a.dir.Own(); own != nil {
		b.Version, b.Record = own.Version, own.Record.Hash()
	}
	sealed, err := account.HandOver(r, v.HandOver, b)
	if err != nil {
		return nil, err
	}
	return sealed, a.update(ctx, func(s *state) error {
		s.Known = append(s.Known, r.Device().String())
		return nil
	})
}

// ApproveQR adds the device whose QR code was scanned: it gets the keys of the
// account and lists itself.
func (a *Account) ApproveQR(ctx context.Context, text string) (Device, error) {
	s, user, err := a.ready()
	if err != nil {
		return Device{}, err
	}
	qr, err := account.ParseQR(text)
	if err != nil {
		return Device{}, err
	}
	defer qr.Erase()
	if qr.Mode != account.ModeNewDevice {
		return Device{}, account.ErrMalformed
	}
	r, err := a.request(ctx, user, func(r *account.Request) bool { return r.Fingerprint() == qr.Shower.Fingerprint })
	if err != nil {
		return Device{}, err
	}
	own, err := s.ownParty(user)
	if err != nil {
		return Device{}, err
	}
	message, v, err := a.scanned(ctx, qr, own, requestParty(r))
	if err != nil {
		return Device{}, err
	}
	sealed, err := a.sealKeys(ctx, r, v)
	if err != nil {
		return Device{}, err
	}
	if err := a.post(ctx, txnID(r.Endpoint), kindScanned, message); err != nil {
		return Device{}, err
	}
	if err := a.post(ctx, txnID(r.Endpoint), kindHandOver, sealed); err != nil {
		return Device{}, err
	}
	return Device{ID: r.Device().String(), Name: r.Name, Class: r.Class.String(), Added: a.now(), AddedBy: s.Keys.deviceID().String()}, nil
}

// Refuse deletes a request, and ends the session that made it.
func (a *Account) Refuse(ctx context.Context, request string) error {
	if _, _, err := a.ready(); err != nil {
		return err
	}
	err := a.server.DeleteDeviceRequest(ctx, request)
	if errors.Is(err, &api.HTTPError{Code: api.CodeNotFound}) {
		return ErrRequest
	}
	if err != nil {
		return err
	}
	return a.server.EndSession(ctx, request)
}

// Revoke removes a device from the account, by its id. Its sessions end; it can
// read nothing sent since.
func (a *Account) Revoke(ctx context.Context, device string) error {
	s, _, err := a.ready()
	if err != nil {
		return err
	}
	id, err := identity.ParseDeviceID(device)
	if err != nil {
		return err
	}
	_, err = a.change(ctx, s.Keys, func(next *identity.Record) error {
		if next.WasRemoved(id) {
			return errUnchanged
		}
		return account.RemoveDevice(next, id, s.Keys.deviceID())
	})
	return err
}
