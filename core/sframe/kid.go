package sframe

import "fmt"

// A SenderIndex numbers a member of a meeting, 0 to MaxSenderIndex.
type SenderIndex uint32

// MaxSenderIndex is the highest sender index: a key id has 10 bits for it.
const MaxSenderIndex SenderIndex = 1<<10 - 1

// An Epoch numbers the session keys of a meeting; the first is 1.
type Epoch uint64

// A Context says what a key is for, docs/protocol.md, Section 4.
type Context uint8

// The contexts. Their values are part of key ids and of every sealed frame.
const (
	Microphone Context = iota
	Camera
	Screen
	Data
	ScreenAudio

	contexts = iota // how many there are
)

// String returns the name of c for logs and tests.
func (c Context) String() string {
	switch c {
	case Microphone:
		return "microphone"
	case Camera:
		return "camera"
	case Screen:
		return "screen"
	case Data:
		return "data"
	case ScreenAudio:
		return "screen audio"
	default:
		return fmt.Sprintf("context %d", uint8(c))
	}
}

// IsValid reports whether c is one of the contexts above.
func (c Context) IsValid() bool { return c < contexts }

// A KID is the key id of RFC 9605, laid out as in docs/protocol.md, Section 4:
//
//	+---------+----------------+-------------+
//	| context |  sender index  |  epoch mod  |
//	| 3 bits  |    10 bits     |  16, 4 bits |
//	+---------+----------------+-------------+
type KID uint64

const (
	kidEpochBits = 4
	kidIndexBits = 10
)

// NewKID returns the key id of a sender's stream in an epoch. Only the lowest
// four bits of the epoch are in it. It panics if the context is invalid or the
// index over MaxSenderIndex: both come from a checked roster.
func NewKID(c Context, i SenderIndex, e Epoch) KID {
	if !c.IsValid() || i > MaxSenderIndex {
		panic("sframe: internal error: key id out of range")
	}
	return KID(c)<<(kidIndexBits+kidEpochBits) | KID(i)<<kidEpochBits | KID(e&(1<<kidEpochBits-1))
}

// Split takes a key id apart. It returns ErrMalformed if k is not one that
// NewKID makes. The epoch is modulo 16.
func (k KID) Split() (Context, SenderIndex, Epoch, error) {
	c := k >> (kidIndexBits + kidEpochBits)
	if c >= contexts {
		return 0, 0, 0, ErrMalformed
	}
	return Context(c), SenderIndex(k>>kidEpochBits) & MaxSenderIndex, Epoch(k) & (1<<kidEpochBits - 1), nil
}
