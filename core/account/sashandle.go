package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// Handle takes a message of the peer and returns the one to send, if any. After
// an error the SAS has failed, and the reply, if any, tells the peer; but for
// ErrSASOther and ErrSASReplay, which change nothing.
func (s *SAS) Handle(message []byte, now uint64) (reply []byte, err error) {
	txn, err := SASTxn(message)
	if err != nil || txn != s.txn {
		return nil, ErrSASOther // also what is too short to name one
	}
	sum := sha256.Sum256(message)
	if slices.Contains(s.handled, sum) {
		return nil, ErrSASReplay
	}
	if s.state == SASDone || s.state == SASFailed {
		return nil, ErrSASReplay
	}
	if err := s.Tick(now); err != nil {
		return encodeSASCancel(s.txn, reasonExpired), err
	}
	s.handled = append(s.handled, sum)
	switch sasKind(message[0]) {
	case sasAccept:
		reply, err = s.handleAccept(message)
	case sasKey:
		reply, err = s.handleKey(message)
	case sasMAC:
		err = s.handleMAC(message)
	case sasCancel:
		return nil, s.handleCancel(message)
	default:
		err = ErrSASOrder
	}
	if err != nil {
		return s.fail(err), err
	}
	return reply, nil
}

// Tick fails the SAS with ErrSASExpired if its time is over.
func (s *SAS) Tick(now uint64) error {
	over := s.state == SASDone || s.state == SASFailed
	if !over && now > s.started && now-s.started > SASLifetime {
		s.fail(ErrSASExpired)
		return ErrSASExpired
	}
	return nil
}

// handleAccept is for the starter: it notes the commitment and shows its key.
func (s *SAS) handleAccept(message []byte) ([]byte, error) {
	if !s.starter || len(s.transcript) != 1 {
		return nil, ErrSASOrder
	}
	a, err := parseSASAnswer(message)
	if err != nil {
		return nil, err
	}
	if a.suite != sasSuite {
		return nil, fmt.Errorf("%w: verification: a suite that was not offered", ErrMalformed)
	}
	if err := s.meet(Party{User: s.config.Peer.User, Device: a.device}, a.checkpoint); err != nil {
		return nil, err
	}
	s.commitment = a.commitment
	s.sent(message)
	return s.sent(encodeSASFixed(sasKey, s.txn, s.publicKey())), nil
}

// handleKey is for both: the answerer gets the starter's key and shows its own;
// the starter gets that and compares it with the commitment.
func (s *SAS) handleKey(message []byte) (reply []byte, err error) {
	if s.state != SASWaiting || s.starter && len(s.transcript) != 3 || !s.starter && len(s.transcript) != 2 {
		return nil, ErrSASOrder
	}
	key, err := parseSASFixed(message, sasKey)
	if err != nil {
		return nil, err
	}
	if s.starter && commitment(s.transcript[0], key[:]) != s.commitment {
		return nil, ErrSASCommitment
	}
	s.sent(message)
	if !s.starter {
		reply = s.sent(encodeSASFixed(sasKey, s.txn, s.publicKey()))
	}
	if err := s.agree(key); err != nil {
		return nil, err
	}
	return reply, nil
}

func (s *SAS) publicKey() [pointSize]byte { return [pointSize]byte(s.private.PublicKey().Bytes()) }

// handleMAC keeps the peer's MAC until the user has answered.
func (s *SAS) handleMAC(message []byte) error {
	if s.state != SASShowing && s.state != SASMatched || s.peerMAC != nil {
		return ErrSASOrder
	}
	tag, err := parseSASFixed(message, sasMAC)
	if err != nil {
		return err
	}
	s.peerMAC = &tag
	if s.state == SASMatched {
		return s.finish()
	}
	return nil
}

// Confirm takes the user's answer and returns the message to send. If the symbols
// differ the SAS has failed with ErrSASDiffer. If they match and the peer's user
// said so before, it is done or has failed: with ErrSASKeys, or ErrSplit. Send the
// message in each case.
func (s *SAS) Confirm(match bool) (message []byte, err error) {
	if s.state != SASShowing {
		return nil, ErrSASState
	}
	if !match {
		return s.fail(ErrSASDiffer), ErrSASDiffer
	}
	s.state = SASMatched
	tag := s.mac(s.ownKey, s.config.Own, s.config.Peer)
	message = encodeSASFixed(sasMAC, s.txn, tag)
	if s.peerMAC == nil {
		return message, nil
	}
	if err := s.finish(); err != nil {
		cancel := s.fail(err)
		if errors.Is(err, ErrSplit) {
			return message, err // so that the peer has the same proof
		}
		return cancel, err
	}
	return message, nil
}

// finish checks the peer's MAC: both users have said that the symbols match.
func (s *SAS) finish() error {
	want := s.mac(s.peerKey, s.config.Peer, s.config.Own)
	if !hmac.Equal(want[:], s.peerMAC[:]) {
		return ErrSASKeys
	}
	s.peer.HandOver = s.handOver
	s.proven = true
	if s.config.Checkpoint.Contradicts(s.peer.Checkpoint) {
		return ErrSplit
	}
	s.state = SASDone
	s.eraseMACKeys()
	return nil
}

// Cancel ends the SAS and returns the message that says so; nil if it is over.
func (s *SAS) Cancel() []byte {
	if s.state == SASDone || s.state == SASFailed {
		return nil
	}
	return s.fail(ErrSASCancelled)
}

func (s *SAS) handleCancel(message []byte) error {
	reason, err := parseSASCancel(message)
	switch {
	case err != nil:
	case reason == reasonDiffer:
		err = ErrSASDiffer
	case reason == reasonKeys:
		err = ErrSASKeys
	case reason == reasonSplit:
		err = ErrSplit
	case reason == reasonExpired:
		err = ErrSASExpired
	default:
		err = ErrSASCancelled
	}
	s.fail(err)
	return err
}

// fail ends the SAS and returns the message that tells the peer why.
func (s *SAS) fail(err error) []byte {
	s.state, s.err = SASFailed, err
	s.private = nil
	s.eraseMACKeys()
	reason := reasonProtocol
	switch {
	case errors.Is(err, ErrSASCancelled):
		reason = reasonUser
	case errors.Is(err, ErrSASDiffer):
		reason = reasonDiffer
	case errors.Is(err, ErrSASExpired):
		reason = reasonExpired
	case errors.Is(err, ErrSASKeys):
		reason = reasonKeys
	case errors.Is(err, ErrSplit):
		reason = reasonSplit
	}
	return encodeSASCancel(s.txn, reason)
}

func (s *SAS) eraseMACKeys() {
	s.ownKey.Erase()
	s.peerKey.Erase()
}
