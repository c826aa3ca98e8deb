// Package messenger is the engine of conversations on a device: it keeps MLS groups,
// seals and opens what is said in them, and judges by the key directory and by the
// rules of each conversation what the server and other members send.
//
// What belongs together is stored in one step before anything of it is acknowledged
// or sent: the state of the group, the place in its log and the history. So a crash
// repeats a message or has it, and never half.
//
// The package opens no socket; see [Link].
package messenger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"conclave/api"
	"conclave/client/directory"
	"conclave/client/history"
	"conclave/client/keypackages"
	"conclave/client/vault"
	"conclave/core/conversation"
	"conclave/core/identity"
	"conclave/core/mls"
	"conclave/core/mlswire"
	"conclave/core/suite"
)

// ID names a conversation, a message, a user or a device.
type ID = history.ID

var (
	// ErrUnknown says that this device is in no such conversation.
	ErrUnknown = errors.New("messenger: this device is in no such conversation")
	// ErrEnded says that this user is no member of the conversation any more.
	ErrEnded = errors.New("messenger: you are not in this conversation any more")
	// ErrBroken says that this device cannot follow the conversation; see
	// [Event] with Kind [EventTrouble].
	ErrBroken = errors.New("messenger: this device cannot follow the conversation any more; it asks the others to let it in again")
	// ErrNobody says that nobody could be added: no device of them has a KeyPackage
	// that may be used.
	ErrNobody = errors.New("messenger: none of their devices can be reached; they must sign in with Conclave once")
	// ErrBusy says that others change the conversation again and again.
	ErrBusy = errors.New("messenger: the conversation is being changed by others; try again")
	// ErrLastOwner says that the last owner cannot leave.
	ErrLastOwner = errors.New("messenger: a group needs an owner: make somebody else one first")
	// ErrGhost says that a leaf of a group is no device that the key directory lists.
	ErrGhost = errors.New("messenger: a device in the conversation is in nobody's verified list")
)

// Keys are the KeyPackages of this device and of others; *keypackages.Store is one.
type Keys interface {
	Client() *mls.Client
	Claim(ctx context.Context, user identity.UserID, devices []identity.DeviceID) ([]keypackages.Claimed, []*keypackages.RefusedError, error)
	Take(ctx context.Context, welcome []byte) (*mls.KeyPackage, error)
	Used(ctx context.Context, ref []byte) error
	Refill(ctx context.Context) error
}

// People says which devices a user has, with proof; *directory.Client is one.
type People interface {
	LookupUser(ctx context.Context, user identity.UserID) (*directory.Contact, error)
	Contact(user identity.UserID) *directory.Contact
}

// A Link carries requests to the delivery service; *courier.Courier is one.
type Link interface {
	Call(ctx context.Context, req *api.DeliveryRequest) (*api.DeliveryFrame, error)
}

// A Config is what a Messenger works with. All fields but those that say otherwise
// are required.
type Config struct {
	User   identity.UserID
	Device identity.DeviceID
	Signer *suite.SigningKey // of the device
	Keys   Keys
	People People
	Link   Link
	DB     vault.Database
	Now    func() time.Time
	// OnEvent is told of changes, from any goroutine; it must not wait for the
	// Messenger. It may be nil.
	OnEvent func(Event)
	// NoReceipts sends no receipts: others see no ticks beyond "sent".
	NoReceipts bool
}

// MLS returns what the keypackages.Store of a Messenger is made with. Whether a leaf
// is a device that its user has is judged here, after MLS has judged all else.
func MLS() mls.Config {
	return mls.Config{
		Capabilities: &mlswire.Capabilities{
			Versions:     []mlswire.ProtocolVersion{mlswire.MLS10},
			CipherSuites: []mlswire.CipherSuite{suite.Default},
			Extensions:   []mlswire.ExtensionType{conversation.ExtensionType, lastResort},
			Credentials:  []mlswire.CredentialType{mlswire.CredentialTypeBasic},
		},
		Authenticate: func(i mls.Identity) error {
			if _, _, ok := keypackages.ParseCredential(i.Credential); !ok || i.External {
				return ErrGhost
			}
			return nil
		},
		Padding: padding,
	}
}

const (
	padding = 256 // bytes to whose multiple content is rounded up

	// lastResort is the extension of draft-ietf-mls-extensions that marks a last
	// resort.
	lastResort mlswire.ExtensionType = 0x000a

	waiting = 64 // frames that wait to be read
)

// A Messenger is all conversations of one device. Its methods may be called
// concurrently. Make one with [Open] and let [Messenger.Run] run.
type Messenger struct {
	cfg     Config
	history *history.History
	self    ID // device
	user    ID

	news chan *api.DeliveryFrame
	kick chan struct{}
	// ended is closed when Run has returned.
	ended chan struct{}

	mu      sync.Mutex
	convs   map[ID]*conv
	acks    map[ID]uint64
	inbox   uint64 // acknowledge up to here
	events  []Event
	asked   map[ID]bool // groups that this device asked to be let in again
	typing  map[ID]time.Time
	running context.Context //nolint:containedctx // of Run, for what it begins
	group   sync.WaitGroup
}

// Open reads what the database has.
func Open(ctx context.Context, cfg Config) (*Messenger, error) {
	if cfg.Keys == nil || cfg.People == nil || cfg.Link == nil || cfg.DB == nil || cfg.Now == nil || cfg.Signer == nil {
		return nil, errors.New("messenger: incomplete configuration")
	}
	m := &Messenger{
		cfg: cfg, self: ID(cfg.Device), user: ID(cfg.User),
		history: history.New(cfg.DB, ID(cfg.User)),
		news:    make(chan *api.DeliveryFrame, waiting), kick: make(chan struct{}, 1), ended: make(chan struct{}),
		convs: make(map[ID]*conv), acks: make(map[ID]uint64), asked: make(map[ID]bool),
		typing: make(map[ID]time.Time),
	}
	keys, err := cfg.DB.Keys(ctx, docPrefix)
	if err != nil {
		return nil, fmt.Errorf("messenger: reading the conversations: %w", err)
	}
	for _, key := range keys {
		var id ID
		if err := id.UnmarshalText([]byte(key[len(docPrefix):])); err != nil {
			return nil, fmt.Errorf("messenger: a damaged key in the database: %w", err)
		}
		c, err := m.load(ctx, id)
		if err != nil {
			return nil, err
		}
		m.convs[id] = c
	}
	return m, nil
}

// History returns what was said.
func (m *Messenger) History() *history.History { return m.history }

// unlock gives the lock back and tells what happened under it.
func (m *Messenger) unlock() {
	events := m.events
	m.events = nil
	m.mu.Unlock()
	if m.cfg.OnEvent == nil {
		return
	}
	for _, e := range events {
		m.cfg.OnEvent(e)
	}
}

// now returns milliseconds since 1970.
func (m *Messenger) now() uint64 { return uint64(max(m.cfg.Now().UnixMilli(), 0)) }

// conv returns a conversation. The lock is held.
func (m *Messenger) conv(id ID) (*conv, error) {
	c := m.convs[id]
	switch {
	case c == nil:
		return nil, ErrUnknown
	case c.doc.Broken != "":
		return c, ErrBroken
	case !c.follows():
		return c, ErrEnded
	}
	return c, nil
}
