package meeting

import (
	"time"

	"conclave/core/secret"
)

// An Output is something the driver has to do or to show. The field names
// are, in camelCase, those of the objects that the browser gets.
type Output interface {
	// Kind is the stable name of the output, "chatSent" for a ChatSent.
	Kind() string
}

// An Index is a member's sender index in the roster, which stays the same as
// long as it is a member.
type Index uint32

// A SeatID is the server's number of a connection's place in the meeting.
type SeatID uint32

// A StreamID is the server's number of a stream; it is never used again.
type StreamID uint32

// Send hands the driver one binary WebSocket message.
type Send struct{ Frame []byte }

// Connect tells the driver to open a new connection after the delay, and then
// to call Connected, or Disconnected if that did not work.
type Connect struct{ Delay time.Duration }

// Close tells the driver to close the connection once what was sent before is
// written. The driver does not report it as Disconnected and passes on nothing
// more that it receives on it.
type Close struct{}

// Joined says that the server gave this client a seat. If Resumed is false the
// seat is new, and so are all peer connections to make.
type Joined struct {
	Seat       SeatID
	Limit      int // most participants of this meeting
	IceServers []IceServer
	Resumed    bool
	Grace      time.Duration // how long a lost seat is kept; graceMs in JavaScript
}

// An IceServer is a STUN or TURN server as the browser's RTCIceServer.
type IceServer struct {
	URLs       []string
	Username   string
	Credential string
}

// Roster is all members of the current epoch in order of succession; the owner
// is the first. It is empty while this client waits for its first key.
type Roster struct {
	Epoch   uint64
	Self    Index
	Owner   Index
	Members []Member
	Joining int // proven devices that wait to become members
}

// A Member is one device that holds the key of the current epoch.
type Member struct {
	Index  Index
	Seat   SeatID // 0 when the server has already given the seat up
	Device string // first 16 hexadecimal digits of the announcement hash
	Name   string // from the proven announcement, never from the server
	Class  Class
	You    bool
	Owner  bool
	Away   bool
	State
}

// State is what a participant says, sealed, about itself.
type State struct {
	Mic, Camera, Screen, Hand bool
}

// Keys is the media keys of one epoch, for every member and context. They
// replace those before, which still open what is received for PreviousFor.
type Keys struct {
	Epoch       uint64
	Self        Index
	Send        []MediaKey
	Receive     []MediaKey
	PreviousFor time.Duration // previousForMs in JavaScript; 0 in the first epoch
}

// KeysGone says that the last Keys, and those before, are not to be used any
// more, not even for PreviousFor: this client is out of the epoch. Whoever has
// them erases them at once; nothing is sent or opened before new Keys come.
type KeysGone struct{}

// A MediaKey is the SFrame key of one sender and context in one epoch. Who takes
// it erases it once it is in use elsewhere.
type MediaKey struct {
	Index   Index
	Context uint8 // docs/protocol.md, section 4
	KID     uint64
	Key     secret.Value
	Salt    secret.Value
}

// Streams is all streams whose senders are members. The index is the member
// that the stream must be sealed by: a receiver refuses a key id of another.
type Streams struct{ Streams []Stream }

// A Stream is one published track.
type Stream struct {
	Stream     StreamID
	Seat       SeatID
	Index      Index
	StreamKind StreamKind // "kind" in JavaScript
	Codec      string     // "video/VP9", as the server says; not authenticated
	Active     bool
}

// A StreamKind is what a stream shows or plays.
type StreamKind string

// The kinds of streams.
const (
	Microphone  StreamKind = "microphone"
	Camera      StreamKind = "camera"
	Screen      StreamKind = "screen"
	ScreenAudio StreamKind = "screen-audio"
)

// Published is the server's answer to the last Publish.
type Published struct{ SDP string }

// PublishFailed says that the server could not use the last Publish.
type PublishFailed struct{ Message string }

// SubscribeOffer is the server's offer of the receiving peer connection; it is
// answered by AnswerSubscribe with the same generation.
type SubscribeOffer struct {
	Generation uint64
	SDP        string
	Slots      []Slot
}

// Slots says which stream each m-line carries from now on.
type Slots struct{ Slots []Slot }

// A Slot is one m-line of the receiving peer connection.
type Slot struct {
	Mid    string
	Stream StreamID
}

// StreamStates says how the server sends the viewed streams.
type StreamStates struct{ States []StreamState }

// A StreamState is the server's word on one stream; it is not authenticated.
type StreamState struct {
	Stream            StreamID
	Reason            string // "sending", "bandwidth", "no-packets", "wait-key-frame", "codec" or "unknown"
	Spatial, Temporal int
	Estimate          uint64 // bit/s towards this client
}

// Speakers lists the members who speak now, loudest first, as the server says.
type Speakers struct{ Indexes []Index }

// Chat is a message to show. Messages of this client come at once, with You.
type Chat struct {
	ID     string // no two messages have the same, whatever their senders do
	Index  Index
	Name   string
	Text   string
	SentAt time.Time // by the sender's clock; milliseconds in JavaScript
	You    bool
}

// ChatSent says that the server took this client's message into the log.
type ChatSent struct{ ID string }

// ChatFailed says that a message was not sent. RetryChat tries it again.
type ChatFailed struct{ ID string }

// Failed says that the meeting is over for this client, and why. Limit is set
// with FailRoomFull.
type Failed struct {
	Code  FailureCode
	Limit int
}

// A FailureCode names the text to show; it is stable.
type FailureCode string

// The reasons for Failed.
const (
	FailLinkWrong   FailureCode = "link-wrong" // the server does not take this link for the meeting's
	FailLinkExpired FailureCode = "link-expired"
	FailRoomFull    FailureCode = "room-full"
	FailLost        FailureCode = "lost"         // no connection, or the seat is gone
	FailDowngrade   FailureCode = "downgrade"    // the server does not speak this protocol
	FailOtherDevice FailureCode = "other-device" // the seat was resumed elsewhere
	FailUnknown     FailureCode = "unknown"
)

// Reconnecting says that the connection is lost and that the seat is kept, as
// far as is known, until then.
type Reconnecting struct{ Until time.Time } // untilMs in JavaScript

// Reconnected says that the seat was taken back.
type Reconnected struct{}

// Left says that this client is no longer in the meeting.
type Left struct{ Reason LeftReason }

// A LeftReason says why a client left.
type LeftReason string

// The reasons for Left.
const (
	LeftSelf    LeftReason = "self"
	LeftEnded   LeftReason = "ended"
	LeftRemoved LeftReason = "removed"
)

// Alarm says that an attack was refused. Index is the member it concerns when
// HasIndex is set.
type Alarm struct {
	ID       AlarmID
	Index    Index
	HasIndex bool
}

// An AlarmID names the text to show.
type AlarmID string

// The alarms.
const (
	AlarmGhost  AlarmID = "ghost"  // a device that does not hold the link, or that had left
	AlarmFork   AlarmID = "fork"   // members were shown different epochs; this client joins again
	AlarmTamper AlarmID = "tamper" // a sealed message did not match its sender's seal
)

func (Send) Kind() string           { return "send" }
func (Connect) Kind() string        { return "connect" }
func (Close) Kind() string          { return "close" }
func (Joined) Kind() string         { return "joined" }
func (Roster) Kind() string         { return "roster" }
func (Keys) Kind() string           { return "keys" }
func (KeysGone) Kind() string       { return "keysGone" }
func (Streams) Kind() string        { return "streams" }
func (Published) Kind() string      { return "published" }
func (PublishFailed) Kind() string  { return "publishFailed" }
func (SubscribeOffer) Kind() string { return "subscribeOffer" }
func (Slots) Kind() string          { return "slots" }
func (StreamStates) Kind() string   { return "streamStates" }
func (Speakers) Kind() string       { return "speakers" }
func (Chat) Kind() string           { return "chat" }
func (ChatSent) Kind() string       { return "chatSent" }
func (ChatFailed) Kind() string     { return "chatFailed" }
func (Failed) Kind() string         { return "failed" }
func (Reconnecting) Kind() string   { return "reconnecting" }
func (Reconnected) Kind() string    { return "reconnected" }
func (Left) Kind() string           { return "left" }
func (Alarm) Kind() string          { return "alarm" }
