package messenger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"conclave/client/history"
	"conclave/client/keypackages"
	"conclave/client/vault"
	"conclave/core/conversation"
	"conclave/core/message"
	"conclave/core/mls"
	"conclave/core/secret"
)

// Keys of the database.
const (
	docPrefix    = "m/doc/"    // + conversation: doc
	statePrefix  = "m/mls/"    // + conversation: snapshot of the group
	ledgerPrefix = "m/ledger/" // + conversation / device
	ownPrefix    = "m/own/"    // + conversation / counter: what this device said
)

// keepOwn is how many of its own contents a device keeps for those who miss one.
const keepOwn = 1000

// errStoring says that the database failed: nothing of the step happened.
var errStoring = errors.New("messenger: storing a conversation")

// A conv is one conversation in memory. The lock of the Messenger guards it, but for
// committing.
type conv struct {
	id      ID
	group   *mls.Group // nil: none was stored
	doc     doc
	ledgers map[ID]*message.Ledger // by device
	touched map[ID]bool            // ledgers to be stored
	dirty   bool                   // the group changed since it was stored
	flushes bool                   // a goroutine sends what waits
	more    bool                   // something came meanwhile

	queued    []vault.Change // contents that are numbered and not stored yet
	delivered []message.ID   // of others, to be told
	answers   []message.Body // to be said
	answered  map[uint64]int // how often a counter was sent again
	sent      map[ID]uint64  // row of what this device sent lately

	changed    chan struct{} // closed when the place in the log moves
	committing chan struct{} // holds one value while this device commits
}

// A doc is what is stored of a conversation beside the group.
type doc struct {
	Created  bool   `json:"created"`            // the server has the group
	Cursor   uint64 `json:"cursor"`             // last row of the log that is stored here
	Counter  uint64 `json:"counter"`            // of this device's last content
	SentTo   uint64 `json:"sent_to"`            // counter up to which the server has them
	Previous []byte `json:"previous,omitempty"` // digest of the last content
	Pending  *own   `json:"pending,omitempty"`  // commit of this device
	Merged   ID     `json:"merged,omitzero"`    // the last of its commits that was merged
	Direct   ID     `json:"direct,omitzero"`    // the other user of a direct conversation
	Broken   string `json:"broken,omitempty"`   // id of a text: why it cannot be followed
	Leaving  bool   `json:"leaving,omitempty"`  // this user asked to be let go
}

// An own is a commit of this device that may be at the server.
type own struct {
	ID      ID       `json:"id"`
	Epoch   uint64   `json:"epoch"`
	Message []byte   `json:"message"`
	Added   []added  `json:"added,omitempty"`
	Removed [][]byte `json:"removed,omitempty"`
	Tree    []byte   `json:"tree,omitempty"`
}

type added struct {
	User    ID     `json:"user"`
	Device  ID     `json:"device"`
	Welcome []byte `json:"welcome"`
}

func newConv(id ID) *conv {
	return &conv{
		id: id, ledgers: make(map[ID]*message.Ledger), touched: make(map[ID]bool),
		answered: make(map[uint64]int), sent: make(map[ID]uint64),
		changed: make(chan struct{}), committing: make(chan struct{}, 1),
	}
}

// load reads a conversation.
func (m *Messenger) load(ctx context.Context, id ID) (*conv, error) {
	c := newConv(id)
	b, err := m.cfg.DB.Get(ctx, docPrefix+id.String())
	if err == nil {
		err = json.Unmarshal(b, &c.doc)
	}
	if err != nil {
		return nil, fmt.Errorf("messenger: reading a conversation: %w", err)
	}
	b, err = m.cfg.DB.Get(ctx, statePrefix+id.String())
	if errors.Is(err, vault.ErrMissing) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("messenger: reading a group: %w", err)
	}
	state := secret.Own(b)
	defer state.Erase()
	if c.group, err = m.cfg.Keys.Client().Restore(state); err != nil {
		c.group, c.doc.Broken = nil, NoticeLost
	}
	return c, nil
}

// save stores what changed of a conversation together with a batch of the history,
// which may be nil, and more. If that fails, the conversation is read again, as it
// was before. The lock is held.
func (m *Messenger) save(ctx context.Context, c *conv, b *history.Batch, more ...vault.Change) error {
	err := m.store(ctx, c, b, more)
	if err == nil {
		c.dirty = false
		clear(c.touched)
		close(c.changed)
		c.changed = make(chan struct{})
		return nil
	}
	old, again := m.load(ctx, c.id)
	if again == nil {
		c.group, c.doc = old.group, old.doc
		clear(c.ledgers)
		clear(c.touched)
		c.dirty = false
	} else {
		c.group = nil
	}
	return fmt.Errorf("%w: %w", errStoring, err)
}

func (m *Messenger) store(ctx context.Context, c *conv, b *history.Batch, changes []vault.Change) error {
	text, err := json.Marshal(&c.doc)
	if err != nil {
		return err
	}
	changes = append(changes, vault.Change{Key: docPrefix + c.id.String(), Value: text})
	if c.dirty && c.group != nil {
		state := c.group.Snapshot()
		defer state.Erase()
		changes = append(changes, vault.Change{Key: statePrefix + c.id.String(), Value: state.Expose()})
	}
	for device := range c.touched {
		changes = append(changes, vault.Change{Key: ledgerKey(c.id, device), Value: c.ledgers[device].Encode()})
	}
	if b != nil {
		changes = append(changes, b.Changes()...)
	}
	return m.cfg.DB.Apply(ctx, changes)
}

// leased makes something that uses up keys, and stores the group first if MLS asks for
// that. The lock is held.
func (m *Messenger) leased(ctx context.Context, c *conv, makes func() error) error {
	c.dirty = true
	err := makes()
	if !errors.Is(err, mls.ErrSaveFirst) {
		return err
	}
	if err := m.save(ctx, c, nil); err != nil {
		return err
	}
	c.dirty = true
	return makes()
}

func ledgerKey(c, device ID) string { return ledgerPrefix + c.String() + "/" + device.String() }

func ownKey(c ID, counter uint64) string {
	return fmt.Sprintf("%s%v/%016x", ownPrefix, c, counter)
}

// ledger returns what follows the contents of a device.
func (m *Messenger) ledger(ctx context.Context, c *conv, device ID) (*message.Ledger, error) {
	if l := c.ledgers[device]; l != nil {
		return l, nil
	}
	b, err := m.cfg.DB.Get(ctx, ledgerKey(c.id, device))
	switch {
	case errors.Is(err, vault.ErrMissing):
		c.ledgers[device] = message.Joining()
	case err != nil:
		return nil, err
	default:
		l, err := message.ParseLedger(b)
		if err != nil {
			return nil, err
		}
		c.ledgers[device] = l
	}
	return c.ledgers[device], nil
}

// follows reports whether this device is in the group, and in its present epoch.
func (c *conv) follows() bool {
	return c.group != nil && !c.group.IsRemoved() && c.doc.Broken == ""
}

// state returns what the members agreed on.
func (c *conv) state() (*conversation.State, error) {
	data, ok := c.group.Extensions().Find(conversation.ExtensionType)
	if !ok {
		return nil, conversation.ErrState
	}
	return conversation.Parse(data)
}

// A leaf is a device in a group.
type leaf struct {
	index        mls.LeafIndex
	user, device ID
}

// leaves returns all devices of a group, in the order of their leaves.
func leaves(members []mls.Member) ([]leaf, error) {
	out := make([]leaf, len(members))
	for i := range members {
		user, device, ok := keypackages.ParseCredential(members[i].Credential)
		if !ok {
			return nil, ErrGhost
		}
		out[i] = leaf{members[i].Index, ID(user), ID(device)}
	}
	return out, nil
}

// reached waits until the log is read up to a row, or cannot be read further.
func (m *Messenger) reached(ctx context.Context, c *conv, seq uint64) error {
	return m.wait(ctx, c, func() bool { return c.doc.Cursor >= seq || !c.follows() })
}

// wait returns when done says so, which is asked under the lock whenever the
// conversation moves.
func (m *Messenger) wait(ctx context.Context, c *conv, done func() bool) error {
	for {
		m.mu.Lock()
		ok, changed := done(), c.changed
		m.unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
