package session

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf8"

	"conclave/core/sframe"
	"conclave/core/tlsenc"
)

const (
	// MaxText is the most bytes of a chat message.
	MaxText = 4096
	// MaxData is the most bytes of a sealed message.
	MaxData = sframe.MaxHeaderSize + 1 + 8 + 8 + 16 + 2 + MaxText +
		ed25519.SignatureSize + dataBlock + 16

	dataBlock = 128                   // bytes; messages are padded to a multiple
	maxSentAt = 8_640_000_000_000_000 // milliseconds; the last instant of an ECMAScript Date
	dataLabel = "Conclave 1.0 data"
)

// A Kind says what a sealed message is.
type Kind uint8

// The kinds of docs/protocol.md, Section 5.
const (
	Chat             Kind = 1
	ParticipantState Kind = 2
)

// A State says what a participant is doing.
type State struct {
	Microphone, Camera, Screen, Hand bool
}

// A MessageID names a message, at random.
type MessageID [16]byte

// NewMessageID draws a message id. rand must be cryptographically secure.
func NewMessageID(rand io.Reader) (MessageID, error) {
	var id MessageID
	if _, err := io.ReadFull(rand, id[:]); err != nil {
		return id, fmt.Errorf("session: generating a message id: %w", err)
	}
	return id, nil
}

// A Message is what members send each other through the server. The first
// fields are the sender's; OpenData adds the others.
type Message struct {
	Kind   Kind
	ID     MessageID
	SentAt time.Time // by the sender's clock, to the millisecond
	Text   string    // of a Chat: 1 to MaxText bytes
	State  State     // of a ParticipantState

	// Sender is the member who signed the message.
	Sender SenderIndex
	// Missed counts the messages of this sender, since the last one that came,
	// that were sealed and not delivered here.
	Missed uint64
}

// SealData seals m for the members of this epoch and signs it. Each call uses a
// new counter, so a message that is sealed again, say for a newer epoch, counts
// as a new one with the same ID. It returns ErrMessage if m is not valid, and
// ErrErased if the epoch or our own device was erased.
func (g *Group) SealData(m Message) ([]byte, error) {
	body, err := m.body()
	if err != nil {
		return nil, err
	}
	key, err := g.MediaKey(g.self, sframe.Data)
	if err != nil {
		return nil, err
	}
	defer key.Erase()
	if g.device.erased.Load() {
		return nil, ErrErased
	}
	counter := g.device.nextCounter()
	w := tlsenc.NewWriter(MaxData)
	w.Uint8(uint8(m.Kind))
	w.Uint64(counter)
	w.Uint64(uint64(m.SentAt.UnixMilli()))
	w.Fixed(m.ID[:])
	w.Vector(body)
	w.Fixed(g.device.sign(dataLabel, g.dataContext(g.self), w.Bytes()))
	w.Fixed(make([]byte, -len(w.Bytes())&(dataBlock-1)))

	// The counter of the message is that of its frame: it is used once.
	sealer, err := sframe.NewSealer(key, counter, counter+1)
	if err != nil {
		return nil, fmt.Errorf("session: sealing data: %v", err)
	}
	sealed, err := sealer.Seal(nil, w.Bytes(), g.dataMetadata())
	if err != nil {
		return nil, fmt.Errorf("session: sealing data: %v", err)
	}
	return sealed, nil
}

// OpenData opens a message that a member sealed in this epoch, verifies who
// signed it, and refuses one that this device has opened before or that is older
// than one it has opened. It returns ErrMalformed, ErrEpoch, ErrNotMember (the
// key id is of nobody here), ErrOpen, ErrSignature or ErrReplay, and then nothing
// has changed.
func (g *Group) OpenData(sealed []byte) (Message, error) {
	if len(sealed) > MaxData {
		return Message{}, ErrMalformed
	}
	h, _, err := sframe.ParseHeader(sealed)
	if err != nil {
		return Message{}, ErrMalformed
	}
	c, sender, _, err := h.KID.Split()
	if err != nil || c != sframe.Data {
		return Message{}, ErrMalformed
	}
	from, ok := g.member(sender)
	if !ok {
		return Message{}, ErrNotMember
	}
	if h.KID != sframe.NewKID(c, sender, g.epoch) {
		return Message{}, ErrEpoch
	}
	plaintext, err := g.openFrame(sender, sealed)
	if err != nil {
		return Message{}, err
	}
	m, signed, signature, counter, err := parseData(plaintext)
	if err != nil {
		return Message{}, err
	}
	if counter != h.Counter {
		return Message{}, ErrMalformed
	}
	if !verify(from.SignatureKey, signature, dataLabel, g.dataContext(sender), signed) {
		return Message{}, ErrSignature
	}
	m.Sender = sender
	if m.Missed, err = from.inbox.accept(counter); err != nil {
		return Message{}, err
	}
	return m, nil
}

func (g *Group) openFrame(sender SenderIndex, sealed []byte) ([]byte, error) {
	key, err := g.MediaKey(sender, sframe.Data)
	if err != nil {
		return nil, err
	}
	defer key.Erase()
	o := sframe.NewOpener()
	if err := o.Add(key); err != nil {
		return nil, fmt.Errorf("session: opening data: %v", err)
	}
	plaintext, _, err := o.Open(nil, sealed, g.dataMetadata())
	if errors.Is(err, sframe.ErrMalformed) {
		return nil, ErrMalformed
	}
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

// dataContext is signed before the message: it stands for the meeting, its whole
// history, the epoch and the sender, so a signature fits nowhere else.
func (g *Group) dataContext(sender SenderIndex) []byte {
	return binary.BigEndian.AppendUint32(g.transcript[:], uint32(sender))
}

func (g *Group) dataMetadata() []byte { return []byte(dataLabel + g.device.link.meeting) }

// parseData takes a message apart:
//
//	kind (1) | counter (8) | sent at (8) | id (16) | body <V> | signature (64) | zeros
func parseData(b []byte) (m Message, signed, signature []byte, counter uint64, err error) {
	r := tlsenc.NewReader(b)
	m.Kind = Kind(r.Uint8())
	counter = r.Uint64()
	sentAt := r.Uint64()
	copy(m.ID[:], r.Fixed(len(m.ID)))
	body := r.Vector(MaxText)
	signed = b[:len(b)-r.Len()]
	signature = r.Fixed(ed25519.SignatureSize)
	padding := r.Rest()
	if r.Done() != nil || counter == 0 || sentAt > maxSentAt || len(b)%dataBlock != 0 || !isPadding(padding) {
		return Message{}, nil, nil, 0, ErrMalformed
	}
	m.SentAt = time.UnixMilli(int64(sentAt)).UTC()
	if err := m.setBody(body); err != nil {
		return Message{}, nil, nil, 0, ErrMalformed
	}
	return m, signed, signature, counter, nil
}

// isPadding reports whether b is the least number of zeros.
func isPadding(b []byte) bool {
	var all byte
	for _, v := range b {
		all |= v
	}
	return all == 0 && len(b) < dataBlock
}

// The flags of a participant state on the wire.
const (
	flagMicrophone = 1 << iota
	flagCamera
	flagScreen
	flagHand
)

// body returns the body of a message that is to be sealed.
func (m Message) body() ([]byte, error) {
	if ms := m.SentAt.UnixMilli(); ms < 0 || ms > maxSentAt {
		return nil, ErrMessage
	}
	switch m.Kind {
	case Chat:
		if !isText(m.Text) {
			return nil, ErrMessage
		}
		return []byte(m.Text), nil
	case ParticipantState:
		var flags byte
		for i, on := range []bool{m.State.Microphone, m.State.Camera, m.State.Screen, m.State.Hand} {
			if on {
				flags |= 1 << i
			}
		}
		return []byte{flags}, nil
	default:
		return nil, ErrMessage
	}
}

// setBody is the inverse of body.
func (m *Message) setBody(b []byte) error {
	switch m.Kind {
	case Chat:
		if !isText(string(b)) {
			return ErrMessage
		}
		m.Text = string(b)
		return nil
	case ParticipantState:
		if len(b) != 1 || b[0] > flagMicrophone|flagCamera|flagScreen|flagHand {
			return ErrMessage
		}
		m.State = State{b[0]&flagMicrophone != 0, b[0]&flagCamera != 0, b[0]&flagScreen != 0, b[0]&flagHand != 0}
		return nil
	default:
		return ErrMessage
	}
}

// isText reports whether s can be a chat message: UTF-8, 1 to MaxText bytes, no
// control characters but tab and line feed. Bidirectional controls are part of
// written language; who shows the text isolates it.
func isText(s string) bool {
	if s == "" || len(s) > MaxText || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}

// accept moves the inbox to counter and returns how many were left out, or
// ErrReplay. The first message of a sender leaves none out: we may be new.
func (b *inbox) accept(counter uint64) (missed uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if counter <= b.last {
		return 0, ErrReplay
	}
	if b.last != 0 {
		missed = counter - b.last - 1
	}
	b.last = counter
	return missed, nil
}
