package meeting

import (
	"errors"
	"io"
	"time"
)

// Class is what kind of program a participant is.
type Class string

// The classes of devices.
const (
	Native Class = "native"
	Web    Class = "web"
	Robot  Class = "robot"
)

// A Config says which meeting to join and as whom. URL, Name, Class and Rand
// are required.
type Config struct {
	URL    string // the invite link with its secret; never logged
	Create bool   // this device made the link and may begin the meeting
	Name   string // 1 to 64 bytes
	Class  Class
	Rand   io.Reader // crypto/rand.Reader
}

// Errors of the commands.
var (
	// ErrLink means that the invite link is incomplete or changed ("link-wrong").
	ErrLink = errors.New("meeting: invite link is incomplete or changed")
	// ErrName means that the name is empty or too long.
	ErrName = errors.New("meeting: name must have 1 to 64 bytes")
	// ErrOver means that the meeting was left or has failed.
	ErrOver = errors.New("meeting: over")
	// ErrAway means that there is no seat or no connection now; what was asked
	// for is to be asked again after Joined or Reconnected.
	ErrAway = errors.New("meeting: not connected")
	// ErrTooLarge means that a text or a description is over its limit.
	ErrTooLarge = errors.New("meeting: too large")
	// ErrOutboxFull means that too many messages wait to be sent.
	ErrOutboxFull = errors.New("meeting: too many messages wait to be sent")
)

// A PublishedStream describes an m-line of the sending peer connection.
type PublishedStream struct {
	Mid    string
	Kind   StreamKind
	Active bool
}

// A ViewItem says how large a stream is shown.
type ViewItem struct {
	Stream        StreamID
	Width, Height int // device pixels
	Priority      int // 1 thumbnail, 2 large tile, 3 screen share
}

// A Meeting is one participant of one meeting. See the package comment.
type Meeting struct {
	cfg Config
	out []Output
}

// New returns a Meeting that first asks for a connection. It returns ErrLink or
// ErrName if the configuration cannot be used.
func New(cfg Config, now time.Time) (*Meeting, error) {
	return &Meeting{cfg: cfg}, nil
}

// ID returns the meeting id, which the server may know.
func (m *Meeting) ID() string { return "" }

// Poll returns the next output, if there is one.
func (m *Meeting) Poll() (Output, bool) {
	if len(m.out) == 0 {
		return nil, false
	}
	o := m.out[0]
	m.out = m.out[1:]
	return o, true
}

// Wake returns when Tick is to be called next, or the zero time for not at all.
func (m *Meeting) Wake() time.Time { return time.Time{} }

// Connected says that the connection that was asked for is open.
func (m *Meeting) Connected(now time.Time) {}

// Disconnected says that the connection is lost or could not be opened.
func (m *Meeting) Disconnected(now time.Time) {}

// Receive handles one binary WebSocket message from the server.
func (m *Meeting) Receive(now time.Time, frame []byte) {}

// Tick does what time asks for.
func (m *Meeting) Tick(now time.Time) {}

// SendChat sends text to all members, now or when there is a connection, and
// returns the message's id.
func (m *Meeting) SendChat(now time.Time, text string) (string, error) { return "", ErrAway }

// RetryChat sends a message again that ended in ChatFailed.
func (m *Meeting) RetryChat(now time.Time, id string) error { return ErrAway }

// SetState tells all members, also those who join later, what s says.
func (m *Meeting) SetState(now time.Time, s State) error { return ErrAway }

// Publish offers the sending peer connection; Published or PublishFailed answers.
func (m *Meeting) Publish(now time.Time, sdp string, streams []PublishedStream) error { return ErrAway }

// AnswerSubscribe answers the SubscribeOffer of the same generation.
func (m *Meeting) AnswerSubscribe(now time.Time, generation uint64, sdp string) error { return ErrAway }

// View says what is shown; streams that are not listed are not sent.
func (m *Meeting) View(now time.Time, items []ViewItem) error { return ErrAway }

// RequestKeyFrame asks for a key frame of a stream.
func (m *Meeting) RequestKeyFrame(now time.Time, stream StreamID) error { return ErrAway }

// RestartSubscribe asks for a SubscribeOffer with new ICE credentials.
func (m *Meeting) RestartSubscribe(now time.Time) error { return ErrAway }

// Leave gives the seat up. Left follows.
func (m *Meeting) Leave(now time.Time) error { return ErrAway }
