package account

import (
	"fmt"

	"conclave/core/identity"
	"conclave/core/tlsenc"
)

// The messages of a SAS, in the order in which they are sent. Each begins with
// its kind and the transaction.
type sasKind uint8

const (
	sasRequest sasKind = 1 // starter: who, whom, suites, checkpoint
	sasAccept  sasKind = 2 // answerer: suite, checkpoint, commitment to its key
	sasKey     sasKind = 3 // each: its ephemeral key, the starter first
	sasMAC     sasKind = 4 // each, after its user agreed
	sasCancel  sasKind = 5 // either, at any time
)

const (
	// MaxSASMessage is the most bytes of a message.
	MaxSASMessage = 512

	txnSize   = 16
	pointSize = 32
	macSize   = 32
)

// sasSuite is X25519 (RFC 7748), HKDF-SHA256 and HMAC-SHA256. Requests list
// suites so that there can be others; the list is part of the transcript.
const sasSuite uint16 = 1

// maxSuites is the most suites of a request.
const maxSuites = 8

// A SASRequest is what the first message says, before anything is proven.
type SASRequest struct {
	Mode       Mode
	From       identity.UserID
	Device     identity.DeviceID
	To         identity.UserID
	Checkpoint Checkpoint
	Txn        [txnSize]byte

	suites []uint16
}

func (q *SASRequest) encode() []byte {
	w := sasWriter(sasRequest, q.Txn)
	w.Uint8(uint8(q.Mode))
	w.Fixed(q.From[:])
	w.Fixed(q.Device[:])
	w.Fixed(q.To[:])
	w.Nested(func(w *tlsenc.Writer) {
		for _, s := range q.suites {
			w.Uint16(s)
		}
	})
	q.Checkpoint.encode(w)
	return w.Bytes()
}

// ParseSASRequest reads a first message, so that the receiver can look up who
// asks and then call AnswerSAS. It returns ErrMalformed.
func ParseSASRequest(message []byte) (*SASRequest, error) {
	var q SASRequest
	r, err := readSAS(message, sasRequest, &q.Txn)
	if err != nil {
		return nil, err
	}
	q.Mode = Mode(r.Uint8())
	copy(q.From[:], r.Fixed(len(q.From)))
	copy(q.Device[:], r.Fixed(len(q.Device)))
	copy(q.To[:], r.Fixed(len(q.To)))
	suites := r.Vector(2 * maxSuites)
	q.Checkpoint.decode(&r)
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: verification: %w", ErrMalformed, err)
	}
	list := tlsenc.NewReader(suites)
	for list.Len() > 0 {
		q.suites = append(q.suites, list.Uint16())
	}
	if err := list.Done(); err != nil || len(q.suites) == 0 {
		return nil, fmt.Errorf("%w: verification: suites", ErrMalformed)
	}
	if q.Mode != ModeContact && q.Mode != ModeNewDevice {
		return nil, fmt.Errorf("%w: verification: unknown mode", ErrMalformed)
	}
	return &q, nil
}

// A sasAnswer is the second message.
type sasAnswer struct {
	device     identity.DeviceID
	suite      uint16
	checkpoint Checkpoint
	commitment [32]byte
}

func (a *sasAnswer) encode(txn [txnSize]byte) []byte {
	w := sasWriter(sasAccept, txn)
	w.Fixed(a.device[:])
	w.Uint16(a.suite)
	a.checkpoint.encode(w)
	w.Fixed(a.commitment[:])
	return w.Bytes()
}

func parseSASAnswer(message []byte) (a sasAnswer, err error) {
	r, err := readSAS(message, sasAccept, nil)
	if err != nil {
		return a, err
	}
	copy(a.device[:], r.Fixed(len(a.device)))
	a.suite = r.Uint16()
	a.checkpoint.decode(&r)
	copy(a.commitment[:], r.Fixed(len(a.commitment)))
	if err := r.Done(); err != nil {
		return a, fmt.Errorf("%w: verification: %w", ErrMalformed, err)
	}
	return a, nil
}

// encodeSASFixed and parseSASFixed are for messages of one field of 32 bytes: a
// key or a MAC.
func encodeSASFixed(kind sasKind, txn [txnSize]byte, field [32]byte) []byte {
	w := sasWriter(kind, txn)
	w.Fixed(field[:])
	return w.Bytes()
}

func parseSASFixed(message []byte, kind sasKind) (field [32]byte, err error) {
	r, err := readSAS(message, kind, nil)
	if err != nil {
		return field, err
	}
	copy(field[:], r.Fixed(len(field)))
	if err := r.Done(); err != nil {
		return field, fmt.Errorf("%w: verification: %w", ErrMalformed, err)
	}
	return field, nil
}

// A sasReason says why a side cancels.
type sasReason uint8

const (
	reasonUser     sasReason = 1 // the user closed it or said no
	reasonDiffer   sasReason = 2 // the user says the symbols differ
	reasonExpired  sasReason = 3
	reasonProtocol sasReason = 4 // a message that was not expected
	reasonKeys     sasReason = 5 // the symbols match, the keys do not
	reasonSplit    sasReason = 6 // the two see different directories
)

func encodeSASCancel(txn [txnSize]byte, reason sasReason) []byte {
	w := sasWriter(sasCancel, txn)
	w.Uint8(uint8(reason))
	return w.Bytes()
}

func parseSASCancel(message []byte) (sasReason, error) {
	r, err := readSAS(message, sasCancel, nil)
	if err != nil {
		return 0, err
	}
	reason := sasReason(r.Uint8())
	if err := r.Done(); err != nil {
		return 0, fmt.Errorf("%w: verification: %w", ErrMalformed, err)
	}
	return reason, nil
}

// SASTxn returns the transaction that a message of a SAS belongs to, so that it
// can be given to the right one. It returns ErrMalformed.
func SASTxn(message []byte) (txn [txnSize]byte, err error) {
	if len(message) < 1+txnSize || len(message) > MaxSASMessage {
		return txn, fmt.Errorf("%w: verification: length", ErrMalformed)
	}
	return [txnSize]byte(message[1:]), nil
}

// IsSASRequest reports whether a message begins a SAS.
func IsSASRequest(message []byte) bool {
	return len(message) > 0 && sasKind(message[0]) == sasRequest
}

func sasWriter(kind sasKind, txn [txnSize]byte) *tlsenc.Writer {
	w := tlsenc.NewWriter(256)
	w.Uint8(uint8(kind))
	w.Fixed(txn[:])
	return w
}

// readSAS reads the head of a message of a kind, and sets txn if it is not nil.
func readSAS(message []byte, kind sasKind, txn *[txnSize]byte) (tlsenc.Reader, error) {
	id, err := SASTxn(message)
	if err != nil {
		return tlsenc.Reader{}, err
	}
	if sasKind(message[0]) != kind {
		return tlsenc.Reader{}, fmt.Errorf("%w: verification: a message of another kind", ErrMalformed)
	}
	if txn != nil {
		*txn = id
	}
	return tlsenc.NewReader(message[1+txnSize:]), nil
}
