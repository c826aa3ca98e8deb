package account

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"conclave/core/secret"
	"conclave/core/tlsenc"
)

// SASLifetime is how long a SAS may take, in milliseconds.
const SASLifetime = 10 * 60 * 1000

// Labels of a SAS.
const (
	labelSASCommitment = "Conclave 1.0 sas commitment"
	labelSASTranscript = "Conclave 1.0 sas transcript"
	labelSASCode       = "Conclave 1.0 sas code"
	labelSASMACStarter = "Conclave 1.0 sas mac of the starter"
	labelSASMACAnswer  = "Conclave 1.0 sas mac of the answerer"
	labelSASHandOver   = "Conclave 1.0 sas hand-over"
)

// Errors of a SAS.
var (
	// ErrSASOrder says that a message came out of order.
	ErrSASOrder = errors.New("account: verification: unexpected message: start again")
	// ErrSASReplay says that a message came a second time, or after the end.
	// Nothing has changed.
	ErrSASReplay = errors.New("account: verification: message was already handled")
	// ErrSASOther says that a message belongs to another verification. Nothing has
	// changed.
	ErrSASOther = errors.New("account: verification: message of another one")
	// ErrSASCommitment says that the peer shows another key than it committed to:
	// somebody tried to choose the symbols.
	ErrSASCommitment = errors.New("account: verification: the other side changed its key: someone may stand between you")
	// ErrSASDiffer says that a person said that the symbols differ.
	ErrSASDiffer = errors.New("account: verification: the symbols differ: someone may stand between you")
	// ErrSASKeys says that the symbols match and the keys do not: the server gave
	// one side another identity key than the other side has.
	ErrSASKeys = errors.New("account: verification: the server gave out another key than the other side has")
	// ErrSASCancelled says that the peer ended it.
	ErrSASCancelled = errors.New("account: verification: the other side ended it: ask and start again")
	// ErrSASExpired says that it took too long.
	ErrSASExpired = errors.New("account: verification: it took longer than 10 minutes: start again")
	// ErrSASState says that a call does not fit the state.
	ErrSASState = errors.New("account: verification: not at this point")
)

// A SASConfig is what one side brings.
type SASConfig struct {
	Mode Mode // ModeContact or ModeNewDevice
	Own  Party
	// Peer is what the directory (or the stored device request) says of the peer.
	// Its Device may be zero: then it is what the peer says.
	Peer       Party
	Checkpoint Checkpoint // newest of this device
}

// A SASState is where a SAS stands.
type SASState uint8

// The states.
const (
	SASWaiting SASState = iota + 1 // for the peer's next message
	SASShowing                     // the symbols are there: ask the user
	SASMatched                     // the user said they match; waiting for the peer
	SASDone                        // both said so, and the keys match
	SASFailed                      // see Err
)

// String returns "waiting", "showing", "matched", "done" or "failed".
func (s SASState) String() string {
	return [...]string{"unknown", "waiting", "showing", "matched", "done", "failed"}[min(s, SASFailed)]
}

// A SAS is one comparison of short authentication strings: two devices agree on a
// key, and two people compare 42 bits of it in words that nobody can imitate.
//
// Messages go request, accept, key, key, and then a MAC each; a channel that the
// server carries will do. The answerer commits to its key before it sees the
// other: who stands between them must choose all keys before learning any, so
// that it guesses the symbols with a chance of 2^-42. The symbols cover all
// messages: mode, suites, both users and devices, both keys and both checkpoints.
// The MACs cover the fingerprints, each as its owner has it and as the other got
// it from the server.
//
// It is not safe for concurrent use. It outlives a program by [SAS.Encode].
type SAS struct {
	config  SASConfig
	txn     [txnSize]byte
	started uint64
	starter bool
	state   SASState
	err     error

	private    *ecdh.PrivateKey
	commitment [32]byte // of the answerer
	transcript [][]byte // messages up to the second key, in order
	handled    [][32]byte

	code     [codeBytes]byte
	ownKey   secret.Value // of the MACs
	peerKey  secret.Value
	handOver secret.Value
	peerMAC  *[macSize]byte // came before the user's answer
	peer     Verified
	proven   bool // the peer's MAC was right and the user agreed
}

// Format implements [fmt.Formatter]: a SAS holds keys that must not be printed.
func (*SAS) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[verification]") }

// StartSAS begins: it returns the first message for the peer. now is in
// milliseconds since 1970. It returns ErrMalformed for a config that cannot be.
func StartSAS(c SASConfig, now uint64) (*SAS, []byte, error) {
	s, err := newSAS(c, now, true)
	if err != nil {
		return nil, nil, err
	}
	s.txn = [txnSize]byte(random(txnSize))
	q := SASRequest{
		Mode: c.Mode, From: c.Own.User, Device: c.Own.Device, To: c.Peer.User,
		Checkpoint: c.Checkpoint, Txn: s.txn, suites: []uint16{sasSuite},
	}
	return s, s.sent(q.encode()), nil
}

// AnswerSAS accepts a first message: it returns the second one. It returns
// ErrMalformed for a message or config that cannot be, or that do not fit.
func AnswerSAS(c SASConfig, request []byte, now uint64) (*SAS, []byte, error) {
	q, err := ParseSASRequest(request)
	if err != nil {
		return nil, nil, err
	}
	s, err := newSAS(c, now, false)
	if err != nil {
		return nil, nil, err
	}
	if q.Mode != c.Mode || q.From != c.Peer.User || q.To != c.Own.User || !slices.Contains(q.suites, sasSuite) {
		return nil, nil, fmt.Errorf("%w: verification: request of another kind, or for somebody else", ErrMalformed)
	}
	if err := s.meet(Party{User: q.From, Device: q.Device}, q.Checkpoint); err != nil {
		return nil, nil, err
	}
	s.txn = q.Txn
	s.sent(request)
	s.handled = append(s.handled, sha256.Sum256(request))
	answer := sasAnswer{
		device: c.Own.Device, suite: sasSuite, checkpoint: c.Checkpoint,
		commitment: commitment(request, s.private.PublicKey().Bytes()),
	}
	return s, s.sent(answer.encode(s.txn)), nil
}

func newSAS(c SASConfig, now uint64, starter bool) (*SAS, error) {
	if c.Mode == ModeOldDevice {
		return nil, fmt.Errorf("%w: verification: mode for QR codes only", ErrMalformed)
	}
	if err := c.Mode.check(c.Own, c.Peer); err != nil {
		return nil, err
	}
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("account: verification: %w", err)
	}
	return &SAS{config: c, started: now, starter: starter, state: SASWaiting, private: private}, nil
}

// sent notes a message of the transcript, sent or received, and returns it.
func (s *SAS) sent(message []byte) []byte {
	s.transcript = append(s.transcript, slices.Clone(message))
	return message
}

// meet notes what the peer says of itself.
func (s *SAS) meet(p Party, c Checkpoint) error {
	expected := s.config.Peer.Device
	if p.Device.IsZero() || p.Device == s.config.Own.Device || !expected.IsZero() && expected != p.Device {
		return fmt.Errorf("%w: verification: another device than expected", ErrMalformed)
	}
	s.config.Peer.Device = p.Device
	s.peer = Verified{Peer: s.config.Peer, Method: MethodEmoji, Checkpoint: c}
	return nil
}

// Txn returns the transaction, for messages to find their SAS.
func (s *SAS) Txn() [txnSize]byte { return s.txn }

// State returns where the SAS stands.
func (s *SAS) State() SASState { return s.state }

// Err returns why the SAS failed, or nil.
func (s *SAS) Err() error { return s.err }

// Emoji returns the numbers of the seven symbols, in order: see EmojiNames. It
// returns false before there are any and after a failure.
func (s *SAS) Emoji() ([emojiCount]int, bool) { return emojiOf(s.code), s.shows() }

// Decimal returns the same bits as three numbers of five digits, for who cannot
// see symbols.
func (s *SAS) Decimal() ([decimalCount]int, bool) { return decimalOf(s.code), s.shows() }

func (s *SAS) shows() bool {
	return s.state == SASShowing || s.state == SASMatched || s.state == SASDone
}

// Result returns what was proven, in SASDone; else ErrSASState or why it failed.
// With ErrSplit it returns the result too: the peer is who it should be, and its
// checkpoint is evidence.
func (s *SAS) Result() (*Verified, error) {
	if s.proven {
		peer := s.peer
		return &peer, s.err
	}
	if s.err != nil {
		return nil, s.err
	}
	return nil, ErrSASState
}

// Transcript returns the messages before the MACs, for an evidence file. They
// hold no secret.
func (s *SAS) Transcript() [][]byte { return slices.Clone(s.transcript) }

// commitment returns what the answerer sends before it knows the other key. The
// key is random, so its hash hides it.
func commitment(request, key []byte) [32]byte {
	w := tlsenc.NewWriter(256)
	w.Fixed([]byte(labelSASCommitment))
	w.Vector(request)
	w.Fixed(key)
	return sha256.Sum256(w.Bytes())
}

// agree derives everything from the peer's key and the transcript, which is
// complete.
func (s *SAS) agree(peerKey [pointSize]byte) error {
	public, err := ecdh.X25519().NewPublicKey(peerKey[:])
	if err != nil {
		return fmt.Errorf("%w: verification: key", ErrMalformed)
	}
	if public.Equal(s.private.PublicKey()) {
		return fmt.Errorf("%w: verification: the peer sends this device's own key", ErrMalformed)
	}
	shared, err := s.private.ECDH(public) // refuses points of small order, RFC 7748, Section 6.1
	if err != nil {
		return fmt.Errorf("%w: verification: key", ErrMalformed)
	}
	w := tlsenc.NewWriter(1 << 10)
	w.Fixed([]byte(labelSASTranscript))
	for _, m := range s.transcript {
		w.Vector(m)
	}
	salt := sha256.Sum256(w.Bytes())
	key := secret.Own(shared)
	defer key.Erase()
	s.code = [codeBytes]byte(derive(key, salt[:], labelSASCode, codeBytes).Expose())
	s.ownKey = derive(key, salt[:], labelSASMACStarter, keySize)
	s.peerKey = derive(key, salt[:], labelSASMACAnswer, keySize)
	if !s.starter {
		s.ownKey, s.peerKey = s.peerKey, s.ownKey
	}
	s.handOver = derive(key, salt[:], labelSASHandOver, keySize)
	s.private = nil
	s.state = SASShowing
	return nil
}

// mac returns the MAC (HMAC-SHA256, RFC 2104) of a side: who it is with the
// fingerprint that it has, and who the other is with the fingerprint that it was
// given.
func (s *SAS) mac(key secret.Value, from, to Party) [macSize]byte {
	w := tlsenc.NewWriter(256)
	w.Uint8(uint8(s.config.Mode))
	from.encode(w)
	to.encode(w)
	h := hmac.New(sha256.New, key.Expose())
	h.Write(w.Bytes())
	return [macSize]byte(h.Sum(nil))
}
