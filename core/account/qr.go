package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"conclave/core/secret"
	"conclave/core/tlsenc"
)

const (
	qrPrefix     = "CONCLAVE1."
	qrSecretSize = 16
	qrSize       = 1 + 16 + 16 + 2*FingerprintSize + checkpointSize + qrSecretSize
	qrAnswer     = 16 // kind of the message: no SAS has it

	// MaxQRText is the most characters of a code: 306 in the alphanumeric mode of
	// QR codes fit version 10 with error correction M.
	MaxQRText = 320
)

// Labels of a QR code.
const (
	labelQRTxn      = "Conclave 1.0 qr transaction"
	labelQRMAC      = "Conclave 1.0 qr mac"
	labelQRHandOver = "Conclave 1.0 qr hand-over"
)

// Errors of QR codes.
var (
	// ErrQRPeer says that a code shows another key than the server gave out, or is
	// of somebody else.
	ErrQRPeer = errors.New("account: the code shows another key than the server gave out, or is somebody else's: someone may stand between you")
	// ErrQROwn says that the one who shows the code was given another key for who
	// scans it.
	ErrQROwn = errors.New("account: the other side was given another key for you: someone may stand between you")
	// ErrQRUsed says that a code was scanned before: each is used once.
	ErrQRUsed = errors.New("account: this code was used: show a new one")
	// ErrQRMessage says that who answers has not seen the code.
	ErrQRMessage = errors.New("account: the answer is not from who scanned the code")
)

// qrEncoding is base32 without padding, RFC 4648, Section 6. Its capital letters
// and digits take 5.5 bits each in a QR code, where bytes would take 8.
var qrEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// A QR is what one side shows as a QR code: 256 bits of both keys, so that one
// scan proves the shower to the scanner, and a secret that only who sees the code
// learns, which proves the scanner to the shower. It is a secret until it was
// scanned. It outlives a program by its text: delete that when it was answered. It
// is not safe for concurrent use.
type QR struct {
	Mode       Mode
	Shower     Party       // who shows it
	Scanner    Fingerprint // what the shower was given for who shall scan; zero: nobody yet
	Checkpoint Checkpoint

	secret secret.Value
	used   bool
}

// NewQR returns a code to show, with a new secret. peer is what the directory
// says of who shall scan it; a zero party: whoever does (a new device does not
// know who will). It returns ErrMalformed for parties that cannot be.
func NewQR(mode Mode, own, peer Party, c Checkpoint) (*QR, error) {
	if mode < ModeContact || mode > ModeOldDevice || own.User.IsZero() || own.Device.IsZero() || own.Fingerprint == (Fingerprint{}) {
		return nil, fmt.Errorf("%w: code", ErrMalformed)
	}
	return &QR{mode, own, peer.Fingerprint, c, secret.Own(random(qrSecretSize)), false}, nil
}

// ParseQR reads the text of a scanned code, or returns ErrMalformed.
func ParseQR(text string) (*QR, error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(text), qrPrefix)
	if !ok || len(text) > MaxQRText || strings.ContainsAny(body, "\r\n") {
		return nil, fmt.Errorf("%w: this is no code of Conclave", ErrMalformed)
	}
	b, err := qrEncoding.DecodeString(body)
	if err != nil || len(b) != qrSize || qrEncoding.EncodeToString(b) != body {
		return nil, fmt.Errorf("%w: the code is damaged: scan it again", ErrMalformed)
	}
	r := tlsenc.NewReader(b)
	var q QR
	q.Mode = Mode(r.Uint8())
	copy(q.Shower.User[:], r.Fixed(len(q.Shower.User)))
	copy(q.Shower.Device[:], r.Fixed(len(q.Shower.Device)))
	copy(q.Shower.Fingerprint[:], r.Fixed(FingerprintSize))
	copy(q.Scanner[:], r.Fixed(FingerprintSize))
	q.Checkpoint.decode(&r)
	q.secret = secret.New(r.Fixed(qrSecretSize))
	if err := r.Done(); err != nil || q.Mode < ModeContact || q.Mode > ModeOldDevice ||
		q.Shower.User.IsZero() || q.Shower.Device.IsZero() || q.Shower.Fingerprint == (Fingerprint{}) {
		return nil, fmt.Errorf("%w: the code is damaged: scan it again", ErrMalformed)
	}
	return &q, nil
}

// Text returns the code's text: capital letters, digits and a point.
func (q *QR) Text() string {
	b := q.bytes()
	defer clear(b)
	return qrPrefix + qrEncoding.EncodeToString(b)
}

// Txn returns the transaction of the code, for the answer to find it; it says
// nothing of the secret.
func (q *QR) Txn() [txnSize]byte {
	return [txnSize]byte(q.derive(labelQRTxn, txnSize).Expose())
}

// Erase overwrites the secret.
func (q *QR) Erase() { q.secret.Erase() }

// Scanned is called by who scanned the code, with what the directory (or the
// stored device request) says of who shows it: it returns the message for them,
// and what is proven already. It returns ErrQRPeer if the code shows another key,
// ErrQROwn if the other side was given another key for own, ErrSplit (with the
// result, as evidence) if the two see different directories, and ErrMalformed for
// parties that cannot be.
func (q *QR) Scanned(own, peer Party, c Checkpoint) (message []byte, result *Verified, err error) {
	if err := q.Mode.check(own, peer); err != nil {
		return nil, nil, err
	}
	switch {
	case own.Device == q.Shower.Device:
		return nil, nil, fmt.Errorf("%w: this device shows the code", ErrMalformed)
	case peer.User != q.Shower.User || peer.Fingerprint != q.Shower.Fingerprint,
		!peer.Device.IsZero() && peer.Device != q.Shower.Device:
		return nil, nil, ErrQRPeer
	case q.Scanner != (Fingerprint{}) && q.Scanner != own.Fingerprint:
		return nil, nil, ErrQROwn
	}
	result = &Verified{Peer: q.Shower, Method: MethodQR, Checkpoint: q.Checkpoint, HandOver: q.derive(labelQRHandOver, keySize)}
	if c.Contradicts(q.Checkpoint) {
		return nil, result, ErrSplit
	}
	w := tlsenc.NewWriter(256)
	w.Uint8(qrAnswer)
	txn := q.Txn()
	w.Fixed(txn[:])
	own.encode(w)
	c.encode(w)
	w.Fixed(q.mac(w.Bytes()))
	return w.Bytes(), result, nil
}

// A QRAnswer is what the message of a scanner says, before anything is proven.
type QRAnswer struct {
	Txn     [txnSize]byte
	Scanner Party // look up its user, then call Answered

	checkpoint Checkpoint
	signed     []byte
	mac        []byte
}

// ParseQRAnswer reads the message that Scanned made, or returns ErrMalformed.
func ParseQRAnswer(message []byte) (*QRAnswer, error) {
	r := tlsenc.NewReader(message)
	kind := r.Uint8()
	var a QRAnswer
	copy(a.Txn[:], r.Fixed(txnSize))
	a.Scanner.decode(&r)
	a.checkpoint.decode(&r)
	a.signed = append([]byte(nil), message[:len(message)-r.Len()]...)
	a.mac = append([]byte(nil), r.Fixed(macSize)...)
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: answer to a code: %w", ErrMalformed, err)
	}
	if kind != qrAnswer {
		return nil, fmt.Errorf("%w: answer to a code: unknown kind", ErrMalformed)
	}
	return &a, nil
}

// Answered is called by who shows the code, with the answer and what the
// directory (or the stored device request) says of who scanned it. It returns
// ErrQRMessage if the answer is not from somebody who saw the code, ErrQRUsed if
// it was answered before, ErrQRPeer if the scanner has another key than peer, and
// ErrSplit (with the result) if the two see different directories. own is the
// shower's checkpoint now.
func (q *QR) Answered(a *QRAnswer, peer Party, own Checkpoint) (*Verified, error) {
	if !hmac.Equal(q.mac(a.signed), a.mac) || a.Txn != q.Txn() {
		return nil, ErrQRMessage
	}
	if q.used {
		return nil, ErrQRUsed
	}
	if err := q.Mode.check(q.Shower, peer); err != nil {
		return nil, err
	}
	if a.Scanner.User != peer.User || a.Scanner.Fingerprint != peer.Fingerprint ||
		!peer.Device.IsZero() && a.Scanner.Device != peer.Device ||
		q.Scanner != (Fingerprint{}) && q.Scanner != a.Scanner.Fingerprint {
		return nil, ErrQRPeer
	}
	q.used = true
	result := &Verified{Peer: a.Scanner, Method: MethodQR, Checkpoint: a.checkpoint, HandOver: q.derive(labelQRHandOver, keySize)}
	if own.Contradicts(a.checkpoint) {
		return result, ErrSplit
	}
	return result, nil
}

// IsQRAnswer reports whether a message answers a QR code.
func IsQRAnswer(message []byte) bool { return len(message) > 0 && message[0] == qrAnswer }

// bytes returns the code before it is text.
func (q *QR) bytes() []byte {
	w := tlsenc.NewSecretWriter(qrSize)
	w.Uint8(uint8(q.Mode))
	q.Shower.encode(w)
	w.Fixed(q.Scanner[:])
	q.Checkpoint.encode(w)
	w.Fixed(q.secret.Expose())
	return w.Bytes()
}

// derive returns a key of the secret that is bound to all that the code says.
func (q *QR) derive(label string, size int) secret.Value {
	b := q.bytes()
	defer clear(b)
	sum := sha256.Sum256(b)
	return derive(q.secret, sum[:], label, size)
}

func (q *QR) mac(signed []byte) []byte {
	key := q.derive(labelQRMAC, keySize)
	defer key.Erase()
	h := hmac.New(sha256.New, key.Expose())
	h.Write(signed)
	return h.Sum(nil)
}
