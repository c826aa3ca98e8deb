package account

import (
	"context"
	"errors"
	"slices"

	"conclave/api"
	"conclave/client/directory"
	"conclave/client/remote"
	"conclave/core/account"
	"conclave/core/identity"
)

// own and peer are the two sides of a comparison with a contact.
func (a *Account) parties(s *state, user identity.UserID, c *directory.Contact) (own, peer account.Party, err error) {
	key, err := s.Keys.identityKey()
	if err != nil {
		return own, peer, err
	}
	defer key.Erase()
	own = account.Party{User: user, Device: s.Keys.deviceID(), Fingerprint: account.IdentityFingerprint(user, key.Public())}
	peer = account.Party{User: c.User, Fingerprint: account.IdentityFingerprint(c.User, c.Record.IdentityKey)}
	return own, peer, nil
}

// contact looks up a person who is to be verified. One whose identity was reset
// may be: that is how it is accepted.
func (a *Account) contact(ctx context.Context, handle string) (*directory.Contact, error) {
	c, err := a.dir.Lookup(ctx, handle)
	alarm := new(directory.AlarmError)
	if errors.As(err, &alarm) && alarm.Alarm.ID == directory.IDReset {
		c, err = a.dir.ContactByHandle(handle), nil
	}
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, directory.ErrUnknown
	}
	if c.User.String() == a.read().User {
		return nil, ErrSelf
	}
	return c, nil
}

// VerifyEmoji begins the comparison of symbols with a contact, takes part in the
// one that the contact began, or goes on with an open one.
func (a *Account) VerifyEmoji(ctx context.Context, handle string) (*Check, error) {
	s, user, err := a.ready()
	if err != nil {
		return nil, err
	}
	c, err := a.contact(ctx, handle)
	if err != nil {
		return nil, err
	}
	if p := s.People[c.User.String()]; p != nil && p.Paused > a.now() {
		return nil, ErrPaused
	}
	if open, err := a.openWith(ctx, c.User.String()); open != nil || err != nil {
		return open, err
	}
	if _, _, err := a.mail.next(ctx, a.mail.end(), 0); err != nil {
		return nil, err
	}
	own, peer, err := a.parties(s, user, c)
	if err != nil {
		return nil, err
	}
	cfg := account.SASConfig{Mode: account.ModeContact, Own: own, Peer: peer, Checkpoint: a.checkpoint()}
	if l := a.lastRequest(c.User.String()); l != nil {
		return a.answerContact(ctx, cfg, c, l)
	}
	sas, message, err := account.StartSAS(cfg, a.now())
	if err != nil {
		return nil, err
	}
	check := &Check{sas: sas, doc: checkDoc{ID: txnID(sas.Txn()), Role: roleStart, User: c.User.String(), With: c.Handle}}
	check.queue(c.User.String(), kindSAS, message)
	return a.beginAndSend(ctx, check)
}

// answerContact takes part in a comparison that a contact began.
func (a *Account) answerContact(ctx context.Context, cfg account.SASConfig, c *directory.Contact, l *letter) (*Check, error) {
	sas, message, err := account.AnswerSAS(cfg, l.body, a.now())
	if err != nil {
		return nil, err
	}
	check := &Check{sas: sas, doc: checkDoc{
		ID: txnID(sas.Txn()), Role: roleAnswer, User: c.User.String(), With: c.Handle, Endpoint: l.endpoint, Handled: l.time,
	}}
	check.queue(l.endpoint, kindSAS, message)
	return a.beginAndSend(ctx, check)
}

// openWith returns the open comparison of symbols with a user, or nil.
func (a *Account) openWith(ctx context.Context, user string) (*Check, error) {
	states, err := a.Checks(ctx)
	if err != nil {
		return nil, err
	}
	for i := range states {
		c, err := a.Check(ctx, states[i].ID)
		if err != nil {
			continue
		}
		if c.doc.User == user && c.sas != nil && !isEnd(states[i].Phase) {
			return c, nil
		}
	}
	return nil, nil
}

// lastRequest returns the newest request for a comparison from a user that is
// still good, or nil.
func (a *Account) lastRequest(user string) *letter {
	letters, _ := a.mail.since(0)
	for _, l := range slices.Backward(letters) {
		if l.kind == kindSAS && l.news == "" && l.from == user && account.IsSASRequest(l.body) && a.answerable(&l) {
			return &l
		}
	}
	return nil
}

// answerable reports whether a request is one for two people, not too old, and
// not answered here before.
func (a *Account) answerable(l *letter) bool {
	q, err := account.ParseSASRequest(l.body)
	if err != nil || q.Mode != account.ModeContact || l.time+checkLifetime < a.now() {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.state.People[l.from]; p != nil && l.time <= p.Handled {
		return false
	}
	return a.checks[txnID(q.Txn)] == nil
}

// Incoming lists the comparisons that people began and nobody answered here.
func (a *Account) Incoming(ctx context.Context) ([]CheckState, error) {
	s, _, err := a.ready()
	if err != nil {
		return nil, err
	}
	if _, _, err := a.mail.next(ctx, a.mail.end(), 0); err != nil {
		return nil, err
	}
	letters, _ := a.mail.since(0)
	out := []CheckState{}
	seen := make(map[string]bool)
	for _, l := range slices.Backward(letters) {
		if l.kind != kindSAS || l.news != "" || l.from == s.User || seen[l.from] || !account.IsSASRequest(l.body) || !a.answerable(&l) {
			continue
		}
		seen[l.from] = true
		user, err := identity.ParseUserID(l.from)
		if err != nil {
			continue
		}
		c := a.dir.Contact(user)
		if c == nil {
			if c, err = a.dir.LookupUser(ctx, user); err != nil {
				continue // who it is cannot be proven now
			}
		}
		q, err := account.ParseSASRequest(l.body)
		if err != nil {
			continue
		}
		out = append(out, CheckState{ID: txnID(q.Txn), Kind: "contact", With: c.Handle, Phase: PhaseWaiting})
	}
	return out, nil
}

// handleContact takes a letter in a comparison of symbols with a contact. If both
// began one at the same time, the user with the smaller id stays the starter.
func (c *Check) handleContact(ctx context.Context, l *letter) error {
	begun := l.kind == kindSAS && account.IsSASRequest(l.body)
	if !begun || c.doc.Role != roleStart || c.doc.Phase != PhaseWaiting || c.doc.Endpoint != "" {
		return c.handleSAS(ctx, l)
	}
	s, user, err := c.account.ready()
	if err != nil {
		return err
	}
	if p := s.People[c.doc.User]; s.User < c.doc.User || l.time+pairing < c.doc.Created || p != nil && l.time <= p.Handled {
		return nil
	}
	q, err := account.ParseSASRequest(l.body)
	if err != nil || q.Mode != account.ModeContact {
		return nil //nolint:nilerr // not a request: nothing to do with this
	}
	peerID, err := identity.ParseUserID(c.doc.User)
	if err != nil {
		return err
	}
	peer := c.account.dir.Contact(peerID)
	if peer == nil {
		return nil
	}
	own, other, err := c.account.parties(s, user, peer)
	if err != nil {
		return err
	}
	sas, message, err := account.AnswerSAS(account.SASConfig{
		Mode: account.ModeContact, Own: own, Peer: other, Checkpoint: c.account.checkpoint(),
	}, l.body, c.account.now())
	if err != nil {
		return nil //nolint:nilerr // a request that cannot be answered changes nothing
	}
	c.sas, c.doc.Role, c.doc.Endpoint = sas, roleAnswer, l.endpoint
	c.queue(l.endpoint, kindSAS, message)
	return errors.Join(c.save(ctx), c.flush(ctx))
}

// pairing is how much earlier than one's own a request counts as made at the same
// time, in milliseconds: clocks of the server and of the device differ.
const pairing = 60_000

// verified records that a contact's identity key was verified: it is signed by
// the own identity key and goes into the backup. What the backup lacks because the
// server does not answer is made good later.
func (a *Account) verified(ctx context.Context, v *account.Verified) error {
	s, user, err := a.ready()
	if err != nil {
		return err
	}
	c := a.dir.Contact(v.Peer.User)
	if c == nil || account.IdentityFingerprint(c.User, c.Record.IdentityKey) != v.Peer.Fingerprint {
		return ErrProof // the key changed meanwhile
	}
	key, err := s.Keys.identityKey()
	if err != nil {
		return err
	}
	defer key.Erase()
	st := &account.Statement{
		Signer: user, Subject: c.User, Key: c.Record.IdentityKey, Method: v.Method, Time: a.now(),
	}
	key.SignStatement(st)
	err = a.update(ctx, func(s *state) error {
		p := s.person(c.User.String())
		p.Statement, p.Failures, p.Paused = st.Encode(), 0, 0
		s.Backup.Dirty = true
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.dir.SetVerified(ctx, c.User, levelOf(v.Method), c.Record.IdentityKey); err != nil {
		return err
	}
	return offlineIsFine(a.pushBackup(ctx))
}

// offlineIsFine drops errors that a later try makes good: no connection, a server
// that is busy, another device that was faster.
func offlineIsFine(err error) error {
	alarm := new(directory.AlarmError)
	if errors.As(err, &alarm) {
		return err
	}
	if errors.Is(err, remote.ErrUnreachable) || errors.Is(err, directory.ErrConflict) {
		return nil
	}
	for _, code := range []api.Code{
		api.CodeBusy, api.CodeSlowDown, api.CodeInternal, api.CodeMailboxFull,
		api.CodeRecordRefused, api.CodeBackupOld, api.CodeNoSession, api.CodeNotFound,
	} {
		if errors.Is(err, &api.HTTPError{Code: code}) {
			return nil
		}
	}
	return err
}
