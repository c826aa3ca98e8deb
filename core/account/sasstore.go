package account

import (
	"crypto/ecdh"
	"errors"
	"fmt"

	"conclave/core/secret"
	"conclave/core/tlsenc"
)

const (
	formatSASState = 1
	maxTranscript  = 4 // messages
	maxHandled     = 8 // messages: more are not expected of an honest peer
)

// sasErrors are the errors that a stored SAS can have failed with; the number in
// a stored state is the place here. What is not listed becomes ErrSASState.
var sasErrors = []error{
	ErrSASState, ErrSASOrder, ErrSASCommitment, ErrSASDiffer, ErrSASKeys, ErrSASCancelled, ErrSASExpired, ErrSplit, ErrMalformed,
}

// Encode returns the whole state for the sealed store. Store it before you send a
// message that Handle, AnswerSAS, StartSAS or Confirm returned, and never go back
// to an older one: a key that was shown must not meet a second key of the peer, or
// who stands between could try many.
func (s *SAS) Encode() secret.Value {
	w := tlsenc.NewSecretWriter(2 << 10)
	w.Uint16(formatSASState)
	w.Uint8(uint8(s.config.Mode))
	s.config.Own.encode(w)
	s.config.Peer.encode(w)
	s.config.Checkpoint.encode(w)
	w.Fixed(s.txn[:])
	w.Uint64(s.started)
	w.Uint8(flag(s.starter))
	w.Uint8(uint8(s.state))
	w.Uint8(s.errorNumber())
	w.Nested(func(w *tlsenc.Writer) {
		if s.private != nil {
			w.Fixed(s.private.Bytes())
		}
	})
	w.Fixed(s.commitment[:])
	w.Nested(func(w *tlsenc.Writer) {
		for _, m := range s.transcript {
			w.Vector(m)
		}
	})
	w.Nested(func(w *tlsenc.Writer) {
		for _, h := range s.handled {
			w.Fixed(h[:])
		}
	})
	w.Fixed(s.code[:])
	w.Vector(s.ownKey.Expose())
	w.Vector(s.peerKey.Expose())
	w.Vector(s.handOver.Expose())
	w.Nested(func(w *tlsenc.Writer) {
		if s.peerMAC != nil {
			w.Fixed(s.peerMAC[:])
		}
	})
	s.peer.Checkpoint.encode(w)
	w.Uint8(flag(s.proven))
	return secret.Own(w.Bytes())
}

// ParseSAS reads what Encode wrote, or returns ErrMalformed.
func ParseSAS(encoded secret.Value) (*SAS, error) {
	r := tlsenc.NewReader(encoded.Expose())
	format := r.Uint16()
	s := &SAS{}
	s.config.Mode = Mode(r.Uint8())
	s.config.Own.decode(&r)
	s.config.Peer.decode(&r)
	s.config.Checkpoint.decode(&r)
	copy(s.txn[:], r.Fixed(txnSize))
	s.started = r.Uint64()
	s.starter = r.Uint8() == 1
	s.state = SASState(r.Uint8())
	number := int(r.Uint8())
	private := r.Vector(pointSize)
	copy(s.commitment[:], r.Fixed(len(s.commitment)))
	transcript := r.Vector(maxTranscript * (MaxSASMessage + 2))
	handled := r.Vector(maxHandled * 32)
	copy(s.code[:], r.Fixed(codeBytes))
	s.ownKey = secret.New(r.Vector(keySize))
	s.peerKey = secret.New(r.Vector(keySize))
	s.handOver = secret.New(r.Vector(keySize))
	peerMAC := r.Vector(macSize)
	var checkpoint Checkpoint
	checkpoint.decode(&r)
	s.proven = r.Uint8() == 1
	err := r.Done()
	if err == nil && (format != formatSASState || s.state < SASWaiting || s.state > SASFailed || number >= len(sasErrors)+1) {
		err = errors.New("unknown format or state")
	}
	if err == nil {
		err = s.restore(private, peerMAC, transcript, handled)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: stored verification: %w", ErrMalformed, err)
	}
	if number > 0 {
		s.err = sasErrors[number-1]
	}
	s.peer = Verified{Peer: s.config.Peer, Method: MethodEmoji, Checkpoint: checkpoint}
	if s.proven {
		s.peer.HandOver = s.handOver
	}
	return s, nil
}

// restore reads the parts whose lengths vary.
func (s *SAS) restore(private, peerMAC, transcript, handled []byte) error {
	if len(private) > 0 {
		key, err := ecdh.X25519().NewPrivateKey(private)
		if err != nil {
			return err
		}
		s.private = key
	}
	if len(peerMAC) > 0 {
		if len(peerMAC) != macSize {
			return tlsenc.ErrLength
		}
		s.peerMAC = (*[macSize]byte)(append([]byte(nil), peerMAC...))
	}
	if s.state == SASWaiting && s.private == nil || s.shows() && s.ownKey.Len() != keySize {
		return errors.New("a key is missing")
	}
	r := tlsenc.NewReader(transcript)
	for r.Len() > 0 {
		s.transcript = append(s.transcript, append([]byte(nil), r.Vector(MaxSASMessage)...))
	}
	if err := r.Done(); err != nil {
		return err
	}
	if len(s.transcript) == 0 || len(s.transcript) > maxTranscript || len(handled)%32 != 0 {
		return tlsenc.ErrLength
	}
	for ; len(handled) > 0; handled = handled[32:] {
		s.handled = append(s.handled, [32]byte(handled))
	}
	return nil
}

// errorNumber returns 0 for no error, or one more than the place in sasErrors.
func (s *SAS) errorNumber() uint8 {
	if s.err == nil {
		return 0
	}
	for i, err := range sasErrors {
		if errors.Is(s.err, err) {
			return uint8(i + 1)
		}
	}
	return 1
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
