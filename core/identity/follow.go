package identity

import "fmt"

// Follows checks that next is the version after prev of the same account, and
// next itself like [Record.Verify]. The caller has verified prev; with a nil prev
// next must be version 0. It returns nil for an ordinary successor and ErrReset
// for a valid one that replaces the identity key: the caller decides whether a
// person must look. Other errors wrap ErrRecord or ErrChain.
//
// The rules: same user and handle; version one more; the hash of prev; time and
// backup counter do not fall, and a backup of the same counter has the same
// hash; a device that is gone is listed as removed, and one that was removed does
// not come back; a device that stays keeps all but its name and expiry; a new
// device names who added it. Without a reset the identity key is the same. With
// one it is another, and no device stays.
func Follows(prev, next *Record) error {
	if prev == nil {
		if next.Version != 0 {
			return fmt.Errorf("%w: the first record has another version than 0", ErrChain)
		}
		if err := next.Verify(); err != nil {
			return err
		}
		return followsDevices(&Record{}, next)
	}
	if err := followsFields(prev, next); err != nil {
		return err
	}
	if err := next.verify(prev); err != nil {
		return err
	}
	if err := followsRemoved(prev, next); err != nil {
		return err
	}
	if err := followsDevices(prev, next); err != nil {
		return err
	}
	if next.Reset {
		return ErrReset
	}
	return nil
}

func followsFields(prev, next *Record) error {
	switch {
	case next.User != prev.User:
		return fmt.Errorf("%w: another user", ErrChain)
	case next.Handle != prev.Handle:
		return fmt.Errorf("%w: another handle", ErrChain)
	case uint64(next.Version) != uint64(prev.Version)+1:
		return fmt.Errorf("%w: the version is not one more", ErrChain)
	case next.Previous != prev.Hash():
		return fmt.Errorf("%w: it names another record as the one before", ErrChain)
	case next.Time < prev.Time:
		return fmt.Errorf("%w: its time is earlier", ErrChain)
	case next.Backup < prev.Backup:
		return fmt.Errorf("%w: its backup is older", ErrChain)
	case next.Backup == prev.Backup && next.BackupHash != prev.BackupHash:
		return fmt.Errorf("%w: another backup with the same counter", ErrChain)
	case !next.Reset && next.IdentityKey != prev.IdentityKey:
		return fmt.Errorf("%w: another identity key without a reset", ErrChain)
	case next.Reset && next.IdentityKey == prev.IdentityKey:
		return fmt.Errorf("%w: a reset that keeps the identity key", ErrChain)
	default:
		return nil
	}
}

// followsRemoved checks that next remembers what prev remembered, but for the
// oldest where there is no room, and each device that is gone.
func followsRemoved(prev, next *Record) error {
	gone := make([]DeviceID, 0, len(prev.Devices))
	for i := range prev.Devices {
		if next.Device(prev.Devices[i].ID) == nil {
			gone = append(gone, prev.Devices[i].ID)
		}
	}
	kept := min(len(prev.Removed), MaxRemoved-len(gone))
	if len(next.Removed) != kept+len(gone) {
		return fmt.Errorf("%w: its removed devices are not those before and those gone", ErrChain)
	}
	for i, m := range prev.Removed[len(prev.Removed)-kept:] {
		if next.Removed[i] != m {
			return fmt.Errorf("%w: it forgets or changes a removed device", ErrChain)
		}
	}
	for i := range next.Removed[kept:] {
		m := &next.Removed[kept+i]
		d := prev.Device(m.ID)
		if d == nil || m.SignatureKey != d.SignatureKey || m.Name != d.Name {
			return fmt.Errorf("%w: it removes a device that was not there", ErrChain)
		}
		if !m.By.IsZero() && (next.Reset || prev.Device(m.By) == nil) {
			return fmt.Errorf("%w: a device was removed by one that is not there", ErrChain)
		}
	}
	return nil
}

// followsDevices checks the devices that stay and those that are new.
func followsDevices(prev, next *Record) error {
	for i := range next.Devices {
		d := &next.Devices[i]
		before := prev.Device(d.ID)
		switch {
		case before != nil && next.Reset:
			return fmt.Errorf("%w: a device stays over a reset", ErrChain)
		case before != nil && (d.Class != before.Class || d.Added != before.Added || d.AddedBy != before.AddedBy):
			return fmt.Errorf("%w: a device that stays is changed", ErrChain)
		case before != nil:
		case prev.WasRemoved(d.ID):
			return fmt.Errorf("%w: a removed device comes back", ErrChain)
		case !mayAdd(prev, next, d):
			return fmt.Errorf("%w: a device was added by one that is not there", ErrChain)
		}
	}
	return nil
}

// mayAdd reports whether the one that d names may have added it: a device of the
// record before, nobody (the recovery code), or, where a list begins, d itself.
func mayAdd(prev, next *Record, d *Device) bool {
	begins := next.Version == 0 || next.Reset
	return d.AddedBy.IsZero() || begins && d.AddedBy == d.ID || !next.Reset && prev.Device(d.AddedBy) != nil
}
