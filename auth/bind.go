package auth

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"conclave/api"
	"conclave/core/identity"
	"conclave/directory"
)

// bindLabel begins what a device signs to bind a session.
const bindLabel = "Conclave 1.0 bind"

// BindInput returns what the key of a device signs to bind the session at an endpoint.
func BindInput(endpoint [16]byte) []byte { return append([]byte(bindLabel), endpoint[:]...) }

// Bind makes the caller's session one of a device of its user. An older session
// of that device ends.
func (s *Service) Bind(ctx context.Context, c Caller, req *api.Bind) (*api.Session, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	id, err := parseID(req.Device)
	if err != nil {
		return nil, err
	}
	r, err := s.record(ctx, row.User)
	if errors.Is(err, directory.ErrNotFound) {
		return nil, Refuse(api.CodeBindRefused, "the account has no devices yet: publish its first record")
	}
	if err != nil {
		return nil, err
	}
	d := r.Device(id)
	if d == nil || !ed25519.Verify(d.SignatureKey[:], BindInput(row.Endpoint), req.Signature) {
		return nil, Refuse(api.CodeBindRefused, "the account lists no such device, or this is not its signature")
	}
	rows, err := s.cfg.Store.Sessions(ctx, row.User)
	if err != nil {
		return nil, fmt.Errorf("reading sessions: %w", err)
	}
	if err := s.cfg.Store.BindSession(ctx, row.Endpoint, id); err != nil {
		return nil, fmt.Errorf("binding a session: %w", err)
	}
	for _, other := range rows {
		if other.Device == id && other.Endpoint != row.Endpoint {
			if err := s.endSession(ctx, other.Endpoint); err != nil {
				return nil, err
			}
		}
	}
	row.Device = id
	s.requests.remove(row.Endpoint)
	return s.show(ctx, row)
}

// Publish hands a record of the caller to the directory. The first one claims its
// handle for ever; one that resets the identity needs a fresh sign-in. To send the
// last record again is safe.
func (s *Service) Publish(ctx context.Context, c Caller, record []byte) (*api.RecordAccepted, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	next, err := identity.ParseRecord(record)
	if err != nil {
		return nil, Refuse(api.CodeRecordRefused, "the record does not parse")
	}
	if next.User != row.User {
		return nil, Refuse(api.CodeForbidden, "this is another user's record")
	}
	prev, err := s.record(ctx, row.User)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return nil, err
	}
	fresh := s.now()-min(row.SignedIn, s.now()) <= api.SessionFreshMS
	if err := mayFollow(prev, next, fresh); err != nil {
		return nil, err
	}
	if prev == nil || prev.Hash() != next.Hash() { // an old one may be sent again at will
		if err := s.limits.records.take(row.User, s.cfg.Now()); err != nil {
			return nil, err
		}
	}
	if prev == nil {
		if err := s.claim(ctx, row.User, next.Handle); err != nil {
			return nil, err
		}
	}
	accepted, err := s.cfg.Directory.Update(ctx, row.User, record, directory.Options{AllowReset: fresh})
	if err != nil {
		return nil, refuseRecord(err)
	}
	return &api.RecordAccepted{
		Version: accepted.Version, Epoch: accepted.Epoch, Size: accepted.Epoch + 1, Published: accepted.Published,
	}, s.endRemoved(ctx, next)
}

// mayFollow checks a record against the one before; the directory checks again
// where two come at the same time.
func mayFollow(prev, next *identity.Record, fresh bool) error {
	if prev != nil && prev.Hash() == next.Hash() {
		return nil // its answer was lost: the directory says it again
	}
	switch err := identity.Follows(prev, next); {
	case errors.Is(err, identity.ErrReset):
		if !fresh {
			return refuseRecord(directory.ErrReset)
		}
	case err != nil:
		return refuseRecord(directory.ErrOutdated)
	}
	return nil
}

// refuseRecord says what a directory said of a record.
func refuseRecord(err error) error {
	switch {
	case errors.Is(err, directory.ErrHandle):
		return Refuse(api.CodeHandleTaken, "the handle, or one that looks like it, is taken")
	case errors.Is(err, directory.ErrReset):
		return Refuse(api.CodeNotFresh, "sign in again before you reset the identity")
	case errors.Is(err, directory.ErrRecord), errors.Is(err, directory.ErrOutdated):
		return Refuse(api.CodeRecordRefused, "the record is not valid, or does not follow the last one: read that and build on it")
	case errors.Is(err, directory.ErrBusy), errors.Is(err, directory.ErrUnavailable):
		return Refuse(api.CodeBusy, "the directory cannot publish now: send the same record again")
	default:
		return fmt.Errorf("publishing a record: %w", err)
	}
}

// claim gives a user the handle of their first record.
func (s *Service) claim(ctx context.Context, user [16]byte, handle string) error {
	err := s.cfg.Store.SetHandle(ctx, user, handle, identity.Skeleton(handle))
	if errors.Is(err, ErrTaken) {
		return Refuse(api.CodeHandleTaken, "the handle is taken, looks like one that is, or is not the one this account began with")
	}
	if err != nil {
		return fmt.Errorf("claiming a handle: %w", err)
	}
	return nil
}

// endRemoved ends the sessions of devices that a record does not list, and tells
// others of the record.
func (s *Service) endRemoved(ctx context.Context, r *identity.Record) error {
	rows, err := s.cfg.Store.Sessions(ctx, r.User)
	if err != nil {
		return fmt.Errorf("reading sessions: %w", err)
	}
	for _, row := range rows {
		if row.Device != ([16]byte{}) && r.Device(row.Device) == nil {
			if err := s.endSession(ctx, row.Endpoint); err != nil {
				return err
			}
		}
	}
	if s.cfg.Published == nil {
		return nil
	}
	return s.cfg.Published(ctx, r)
}
