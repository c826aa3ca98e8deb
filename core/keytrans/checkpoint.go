package keytrans

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	// maxTime is the greatest time that is taken for one, in milliseconds: the year
	// 10889 leaves room to add.
	maxTime = 1 << 48
	// maxSize is the most entries of a log.
	maxSize = 1 << 62
)

// A Checkpoint is a state of the log.
type Checkpoint struct {
	// Size is the number of epochs.
	Size uint64
	// Root is the root of the log's Merkle tree.
	Root Hash
}

// An opened is a note that the log signed, with what witnesses say of it.
type opened struct {
	Checkpoint
	note string
	// confirmed is the time of the newest valid cosignature of each witness of the
	// policy, 0 for none.
	confirmed []uint64
	// forged says that a cosignature in a witness's name is not by it, or that a
	// witness has more than one.
	forged bool
}

// open checks the log's signature on a note and collects the cosignatures.
func (v *Verifier) open(text []byte) (*opened, error) {
	if o := v.last.Load(); o != nil && o.note == string(text) {
		return o, nil
	}
	if len(text) > maxCheckpoint {
		return nil, refuse(ErrProof, "MS-42", "the checkpoint is too long")
	}
	n, err := note.Open(text, note.VerifierList(v.log))
	if bad := new(note.InvalidSignatureError); errors.As(err, &bad) {
		return nil, refuse(ErrProof, "MS-05", "the log's signature is wrong")
	}
	if bad := new(note.UnverifiedNoteError); errors.As(err, &bad) {
		return nil, refuse(ErrServerIdentity, "MS-14", "the log's key did not sign the checkpoint")
	}
	if err != nil {
		return nil, refuse(ErrProof, "MS-42", "the checkpoint is not a signed note")
	}
	if _, err := decodeBase64(n.Sigs[0].Base64); err != nil {
		return nil, refuse(ErrProof, "MS-42", "the log's signature is not in its one form")
	}
	origin, c, err := parseCheckpoint(n.Text)
	if err != nil {
		return nil, refuse(ErrProof, "MS-42", "%v", err)
	}
	if origin != v.keys.Origin {
		return nil, refuse(ErrServerIdentity, "MS-14", "the checkpoint is of another log")
	}
	o := &opened{Checkpoint: *c, note: string(text), confirmed: make([]uint64, len(v.policy.witnesses))}
	for _, s := range n.UnverifiedSigs {
		i := v.policy.witness(s.Name, s.Hash)
		if i < 0 {
			continue
		}
		raw, err := decodeBase64(s.Base64)
		if err != nil || len(raw) < 4 || binary.BigEndian.Uint32(raw) != s.Hash {
			o.forged = true
			continue
		}
		at, ok := v.policy.components[v.policy.witnesses[i]].key.cosigned([]byte(n.Text), raw[4:])
		if !ok || o.confirmed[i] != 0 {
			o.forged = true
		}
		if ok {
			o.confirmed[i] = max(o.confirmed[i], at)
		}
	}
	v.last.Store(o)
	return o, nil
}

// parseCheckpoint reads the text of a checkpoint: C2SP tlog-checkpoint, without
// extension lines.
func parseCheckpoint(text string) (origin string, c *Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return "", nil, fmt.Errorf("the checkpoint has not 3 lines")
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] || size > maxSize {
		return "", nil, fmt.Errorf("the checkpoint's size is not a number")
	}
	root, err := decodeBase64(lines[2])
	if err != nil || len(root) != HashSize {
		return "", nil, fmt.Errorf("the checkpoint's root is not a hash")
	}
	return lines[0], &Checkpoint{Size: size, Root: Hash(root)}, nil
}

// Limits of how far clocks may be apart, in milliseconds.
const (
	// MaxAge is how old a confirmation may be: 24 hours. A directory makes an epoch
	// at least every 10 minutes.
	MaxAge = 24 * hour
	// MaxSkew is how far ahead of the client's clock a time may be: 10 minutes.
	MaxSkew = hour / 6
)

// judge checks that a quorum of witnesses confirms the checkpoint, each within
// MaxAge. That a quorum must be fresh, not its newest alone, takes from a single
// witness the power to make a frozen log look alive. It returns how many
// witnesses confirm.
func (v *Verifier) judge(o *opened, now uint64) (int, error) {
	p := v.policy
	have := 0
	var newest uint64
	for _, at := range o.confirmed {
		if at != 0 {
			have++
		}
		newest = max(newest, at)
	}
	if !p.enough(func(i int) bool { return o.confirmed[i] != 0 }) {
		attack := "MS-12"
		if o.forged {
			attack = "MS-13"
		}
		err := refuse(ErrWitness, attack, "%d of %d witnesses confirm the checkpoint", have, len(p.witnesses))
		err.Have, err.Want = uint64(have), uint64(len(p.witnesses))
		return 0, err
	}
	recent := func(i int) bool { return o.confirmed[i] != 0 && o.confirmed[i]+MaxAge >= now }
	if p.enough(func(i int) bool { return recent(i) && o.confirmed[i] <= now+MaxSkew }) {
		return have, nil
	}
	if p.enough(recent) {
		return 0, clockError(newest, now, "witnesses are ahead of the clock")
	}
	return 0, frozenError(newest, now)
}

// judgeTime checks the time of the last epoch against the clock. Without
// witnesses it is all that says how old a checkpoint is; with them it keeps a
// server from stretching an hour, of which only one epoch is looked at.
func (v *Verifier) judgeTime(e *Epoch, now uint64) error {
	switch {
	case e.Time+MaxAge < now:
		return frozenError(e.Time, now)
	case e.Time <= now+MaxSkew:
		return nil
	case v.policy.quorum < 0:
		return clockError(e.Time, now, "the directory is ahead of the clock")
	default:
		return refuse(ErrProof, "MS-43", "the directory's time is ahead of its witnesses'")
	}
}

func frozenError(at, now uint64) *Error {
	err := refuse(ErrFrozen, "MS-09", "the newest checkpoint is of time %d, the clock says %d", at, now)
	err.Have, err.Want = at, now
	return err
}

func clockError(at, now uint64, detail string) *Error {
	err := refuse(ErrClock, "MS-43", "%s: %d and %d", detail, at, now)
	err.Have, err.Want = at, now
	return err
}
