package keytrans

import (
	"crypto/sha256"
	"errors"

	"conclave/core/identity"
)

// checkRecords checks the records of an answer: their versions, their chain from
// the pinned one on, and their signatures. It returns the identity key of the
// last and whether it is another than the pinned one's.
func (c *asked) checkRecords() (key [32]byte, reset bool, err error) {
	a, u := c.a, c.user
	first := a.Version
	if c.q.SincePlusOne > 0 {
		first = min(first, c.q.SincePlusOne-1)
	}
	if uint64(a.Version)-uint64(first)+1 != uint64(len(a.Records)) {
		return key, false, refuse(ErrProof, "MS-42", "%d records from version %d to %d", len(a.Records), first, a.Version)
	}
	if u != nil && first == u.Version {
		if sha256.Sum256(a.Records[0]) != u.Record {
			return key, false, refuse(ErrProof, "MS-02", "version %d is another record than before", first)
		}
		if a.Version == u.Version {
			return u.IdentityKey, false, nil
		}
	}
	var before *identity.Record
	for i, encoded := range a.Records {
		record, err := c.parseRecord(encoded, first+uint32(i))
		if err != nil {
			return key, false, err
		}
		fresh, err := c.checkRecord(before, record)
		if err != nil {
			return key, false, err
		}
		reset = reset || fresh
		before = record
	}
	// Where nothing was asked for from the pinned version on, the key alone joins.
	reset = u != nil && (reset || before.IdentityKey != u.IdentityKey)
	return before.IdentityKey, reset, nil
}

// parseRecord reads a record of the user and version asked for.
func (c *asked) parseRecord(encoded []byte, version uint32) (*identity.Record, error) {
	r, err := identity.ParseRecord(encoded)
	switch {
	case err != nil:
		return nil, refuse(ErrProof, "MS-42", "a record is malformed: %v", err)
	case r.Version != version || [userSize]byte(r.User) != c.a.User:
		return nil, refuse(ErrProof, "MS-05", "a record is of another user or version")
	case c.a.Handle != nil && r.Handle != string(c.q.Name):
		return nil, refuse(ErrProof, "MS-16", "a record is of another handle")
	default:
		return r, nil
	}
}

// checkRecord checks a record, after the one before it if there is one.
func (c *asked) checkRecord(before, record *identity.Record) (reset bool, err error) {
	switch {
	case before != nil || record.Version == 0:
		err = identity.Follows(before, record)
	default:
		err = record.Verify()
	}
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, identity.ErrReset):
		return true, nil
	case before != nil && record.IdentityKey != before.IdentityKey:
		return false, refuse(ErrReset, "MS-02", "another identity key without a valid reset: %v", err)
	default:
		return false, refuse(ErrGhostDevice, "MS-03", "the owner did not sign version %d: %v", record.Version, err)
	}
}
