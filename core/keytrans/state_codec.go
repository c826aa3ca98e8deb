package keytrans

import (
	"fmt"

	"conclave/core/tlsenc"
)

// stateFormat is the version of what a client stores.
const stateFormat = 1

// Encode returns what a client stores of a server's head.
//
//	struct { uint8 format = 1; uint64 size; opaque root[32]; opaque note<V>; uint64 time; } Head;
func (h *Head) Encode() []byte {
	w := tlsenc.NewWriter(64 + len(h.Note))
	w.Uint8(stateFormat)
	w.Uint64(h.Size)
	w.Fixed(h.Root[:])
	w.Vector(h.Note)
	w.Uint64(h.Time)
	return w.Bytes()
}

// ParseHead is the inverse of Encode. Errors wrap ErrFormat.
func ParseHead(b []byte) (*Head, error) {
	r := tlsenc.NewReader(b)
	format := r.Uint8()
	h := &Head{Checkpoint: Checkpoint{Size: r.Uint64()}}
	readHash(&r, &h.Root)
	h.Note = append([]byte(nil), r.Vector(maxCheckpoint)...)
	h.Time = r.Uint64()
	if err := done("head", &r, checkFormat(format)); err != nil {
		return nil, err
	}
	return h, nil
}

func checkFormat(format uint8) error {
	if format != stateFormat {
		return fmt.Errorf("format %d", format)
	}
	return nil
}

// Encode returns what a client stores of a user.
//
//	struct {
//	    uint32 version; opaque label[32]; uint8 exists; opaque commitment[32]; opaque vrf[80];
//	} Label;
//	struct {
//	    uint8 format = 1;
//	    opaque user[16]; uint32 version; opaque record[32]; opaque identity_key[32];
//	    Label labels<V>;
//	    uint64 accepted; uint64 accepted_time;
//	    uint64 checked; uint64 checked_time; uint32 checked_version;
//	    uint8 confirmed; opaque proof<V>;
//	} UserState;
func (u *UserState) Encode() []byte {
	w := tlsenc.NewWriter(256 + labelSize*len(u.Labels) + len(u.Proof))
	w.Uint8(stateFormat)
	w.Fixed(u.User[:])
	w.Uint32(u.Version)
	w.Fixed(u.Record[:])
	w.Fixed(u.IdentityKey[:])
	w.Nested(func(w *tlsenc.Writer) {
		for i := range u.Labels {
			k := &u.Labels[i]
			w.Uint32(k.Version)
			w.Fixed(k.Label[:])
			writeBool(w, k.Exists)
			w.Fixed(k.Commitment[:])
			w.Fixed(k.VRF[:])
		}
	})
	w.Uint64(u.Accepted)
	w.Uint64(u.AcceptedTime)
	w.Uint64(u.Checked)
	w.Uint64(u.CheckedTime)
	w.Uint32(u.CheckedVersion)
	writeBool(w, u.Confirmed)
	w.Vector(u.Proof)
	return w.Bytes()
}

const labelSize = 4 + HashSize + 1 + HashSize + vrfSize

// ParseUserState is the inverse of Encode. Errors wrap ErrFormat.
func ParseUserState(b []byte) (*UserState, error) {
	r := tlsenc.NewReader(b)
	errs := []error{checkFormat(r.Uint8())}
	u := &UserState{}
	copy(u.User[:], r.Fixed(userSize))
	u.Version = r.Uint32()
	readHash(&r, &u.Record)
	copy(u.IdentityKey[:], r.Fixed(len(u.IdentityKey)))
	list := tlsenc.NewReader(r.Vector(maxLadder * labelSize))
	for list.Len() > 0 && list.Err() == nil {
		k := Label{Version: list.Uint32()}
		readHash(&list, &k.Label)
		exists, err := readBool(&list)
		k.Exists = exists
		readHash(&list, &k.Commitment)
		copy(k.VRF[:], list.Fixed(vrfSize))
		u.Labels = append(u.Labels, k)
		errs = append(errs, err)
	}
	errs = append(errs, list.Err())
	u.Accepted, u.AcceptedTime = r.Uint64(), r.Uint64()
	u.Checked, u.CheckedTime, u.CheckedVersion = r.Uint64(), r.Uint64(), r.Uint32()
	confirmed, err := readBool(&r)
	u.Confirmed = confirmed
	u.Proof = append([]byte(nil), r.Vector(maxStatement)...)
	if err := done("user", &r, append(errs, err)...); err != nil {
		return nil, err
	}
	if u.Version > MaxVersion || u.CheckedVersion > MaxVersion {
		return nil, fmt.Errorf("%w user: version %d", ErrFormat, u.Version)
	}
	return u, nil
}
