package keypackages

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"conclave/api"
	"conclave/client/directory"
	"conclave/core/identity"
)

// A Claimed is a KeyPackage that passed all checks.
type Claimed struct {
	Device     identity.Device // as the directory lists it
	Message    []byte          // MLSMessage
	LastResort bool
}

// Claim gets KeyPackages of a user's devices: of all that the directory lists and
// that have not expired, or of those named, but never of this one. The user is
// looked up first. What is refused is refused for its device alone and raises the
// alarm [MessageID], but for a device that has none.
//
// The error is that of the lookup, such as one that wraps directory.ErrBlocked, or
// of the server; nothing is then claimed as far as this device knows.
func (s *Store) Claim(ctx context.Context, user identity.UserID, devices []identity.DeviceID) ([]Claimed, []*RefusedError, error) {
	c, err := s.cfg.Directory.LookupUser(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	if c == nil {
		return nil, nil, directory.ErrUnknown
	}
	wanted, refused := s.wanted(c, devices)
	if len(wanted) == 0 {
		return nil, refused, nil
	}
	in := &api.KeyPackagesClaim{User: user.String()}
	for _, d := range wanted {
		in.Devices = append(in.Devices, d.ID.String())
	}
	got, err := s.cfg.Server.ClaimKeyPackages(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, err := s.loadSeen(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	good, bad := s.sort(c, wanted, got.KeyPackages, seen)
	if err := s.saveSeen(ctx, user, seen); err != nil {
		return nil, nil, err
	}
	for _, r := range bad {
		err = errors.Join(err, s.raise(ctx, r))
	}
	return good, append(refused, bad...), err
}

// wanted returns the devices to ask for, and those that cannot be.
func (s *Store) wanted(c *directory.Contact, named []identity.DeviceID) ([]identity.Device, []*RefusedError) {
	now := uint64(max(s.cfg.Now().UnixMilli(), 0))
	var out []identity.Device
	var refused []*RefusedError
	for i := range c.Record.Devices {
		d := &c.Record.Devices[i]
		if d.ID == s.cfg.Device || d.Expires != 0 && d.Expires <= now || named != nil && !slices.Contains(named, d.ID) {
			continue
		}
		out = append(out, *d)
	}
	for _, id := range named {
		if id != s.cfg.Device && !slices.ContainsFunc(out, func(d identity.Device) bool { return d.ID == id }) {
			refused = append(refused, refuse(c, id, ReasonUnlisted, nil))
		}
	}
	return out, refused
}

// sort judges what the server handed out, device by device.
func (s *Store) sort(c *directory.Contact, wanted []identity.Device, got []api.ClaimedKeyPackage, seen *seen) (good []Claimed, bad []*RefusedError) {
	answers := make(map[string][]byte, len(got))
	twice := make(map[string]bool)
	for i := range got {
		id := got[i].Device
		if _, ok := answers[id]; ok {
			twice[id] = true
		}
		answers[id] = got[i].KeyPackage
	}
	for i := range wanted {
		d := &wanted[i]
		message, ok := answers[d.ID.String()]
		delete(answers, d.ID.String())
		switch {
		case !ok:
			bad = append(bad, refuse(c, d.ID, ReasonNone, nil))
			continue
		case twice[d.ID.String()]:
			bad = append(bad, refuse(c, d.ID, ReasonTwice, errors.New("two for one device")))
			continue
		}
		last, err := s.check(c, d, message, seen)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		good = append(good, Claimed{*d, message, last})
	}
	for text := range answers {
		if id, err := identity.ParseDeviceID(text); err == nil {
			bad = append(bad, refuse(c, id, ReasonUnlisted, errors.New("nobody asked for this device")))
		}
	}
	return good, bad
}

// check judges one KeyPackage, and remembers it if it is good for one use.
func (s *Store) check(c *directory.Contact, d *identity.Device, message []byte, seen *seen) (last bool, refused *RefusedError) {
	if len(message) > api.MaxKeyPackage {
		return false, refuse(c, d.ID, ReasonInvalid, fmt.Errorf("it has %d bytes", len(message)))
	}
	k, err := s.client.CheckKeyPackage(message)
	if err != nil {
		return false, refuse(c, d.ID, reasonOf(err), err)
	}
	user, device, ok := ParseCredential(k.LeafNode.Credential)
	switch {
	case !ok || user != c.User || device != d.ID:
		return false, refuse(c, d.ID, ReasonOther, nil)
	case !slices.Equal(k.LeafNode.SignatureKey, d.SignatureKey[:]):
		return false, refuse(c, d.ID, ReasonKey, nil)
	case uint16(k.CipherSuite) < c.Record.MinSuite:
		return false, refuse(c, d.ID, ReasonSuite, nil)
	}
	_, last = k.Extensions.Find(lastResort)
	if !last && !seen.add(sha256.Sum256(message), k.LeafNode.Lifetime.NotAfter) {
		return false, refuse(c, d.ID, ReasonTwice, nil)
	}
	return last, nil
}

// raise stores the alarm of what was refused.
func (s *Store) raise(ctx context.Context, r *RefusedError) error {
	if r.Reason == ReasonNone {
		return nil
	}
	_, err := s.cfg.Directory.Raise(ctx, directory.Alarm{
		ID: MessageID, Attack: "MS-17", User: r.User, Handle: r.Handle, Name: r.Person, Device: cmp.Or(r.Name, r.Device.String()[:8]), DeviceID: r.Device,
		Detail: r.Error(),
	}, r.Device.String(), nil)
	return err
}
