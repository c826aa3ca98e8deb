package messenger

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"conclave/api"
	"conclave/client/courier"
	"conclave/client/directory"
	"conclave/client/history"
	"conclave/client/keypackages"
	"conclave/client/vault"
	"conclave/core/identity"
	"conclave/core/message"
	"conclave/core/suite"
	"conclave/delivery"
)

// A world is a delivery service, a directory and a KeyPackage store in memory, whose
// faults a test chooses.
type world struct {
	t *testing.T

	mu      sync.Mutex
	records map[identity.UserID]*identity.Record
	packs   map[identity.DeviceID]*packs
	logs    map[ID]*log
	inboxes map[ID][]*api.InboxItem
	online  map[ID]*phone
	items   uint64
	// service, unless nil, delivers in place of the world.
	service *delivery.Service
	// drop leaves a row out for a device, as a server does that withholds it.
	drop func(device ID, row *api.Row) *api.Row
}

type packs struct {
	waiting [][]byte
	last    []byte
}

type log struct {
	epoch   uint64
	rows    []*api.Row
	devices map[ID]uint64 // by device: the row after which it reads
	left    map[ID]uint64
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, records: make(map[identity.UserID]*identity.Record), packs: make(map[identity.DeviceID]*packs),
		logs: make(map[ID]*log), inboxes: make(map[ID][]*api.InboxItem), online: make(map[ID]*phone),
	}
}

// A phone is one device with its Messenger.
type phone struct {
	*Messenger
	w      *world
	user   identity.UserID
	device identity.DeviceID
	signer *suite.SigningKey
	db     *disk
	keys   *keypackages.Store
	stop   func()

	frames chan *api.DeliveryFrame
	mu     sync.Mutex
	cursor map[ID]uint64
	inbox  uint64
	cut    bool
	// attachment is to the world's service.
	attachment *delivery.Attachment
	events     []Event
	bell       chan struct{} // closed at the next event
}

// A disk may be full.
type disk struct {
	*vault.Memory
	full bool
}

func (d *disk) Apply(ctx context.Context, changes []vault.Change) error {
	if d.full {
		return vault.ErrFull
	}
	return d.Memory.Apply(ctx, changes)
}

// device makes a device of a user, lists it, and lets it run.
func (w *world) device(user byte) *phone {
	w.t.Helper()
	of, err := suite.Lookup(suite.Default)
	if err != nil {
		w.t.Fatal(err)
	}
	p := &phone{w: w, user: identity.UserID{user}, signer: of.GenerateSigningKey(), db: &disk{Memory: vault.NewMemory()}, bell: make(chan struct{})}
	public := [32]byte(p.signer.Public())
	p.device = identity.NewDeviceID(public)
	w.mu.Lock()
	r := w.records[p.user]
	next := &identity.Record{User: p.user}
	if r != nil {
		*next = *r
	}
	next.Devices = append(slices.Clone(next.Devices), identity.Device{ID: p.device, SignatureKey: public, Class: identity.Native})
	w.records[p.user] = next
	w.packs[p.device] = &packs{}
	w.mu.Unlock()
	p.start()
	return p
}

// start lets a device run, with what its database has.
func (p *phone) start() {
	p.w.t.Helper()
	var err error
	p.keys, err = keypackages.New(keypackages.Config{
		Server: p, Directory: p, Vault: p.db, User: p.user, Device: p.device, Signer: p.signer, Now: time.Now, MLS: MLS(),
	})
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.Messenger, err = Open(p.w.t.Context(), Config{
		User: p.user, Device: p.device, Signer: p.signer, Keys: p.keys, People: p, Link: p, DB: p.db, Now: time.Now, OnEvent: p.event,
	})
	if err != nil {
		p.w.t.Fatal(err)
	}
	if err := p.keys.Refill(p.w.t.Context()); err != nil {
		p.w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(p.w.t.Context())
	m, done := p.Messenger, make(chan struct{}, 2)
	p.frames = make(chan *api.DeliveryFrame, 4096)
	frames := p.frames
	go func() {
		if err := m.Run(ctx); err != nil {
			p.w.t.Error(err)
		}
		done <- struct{}{}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		for {
			select {
			case f := <-frames:
				m.News(f)
			case <-ctx.Done():
				return
			}
		}
	}()
	p.stop = func() { cancel(); <-done; <-done }
	p.connect()
	p.w.t.Cleanup(func() { cancel() })
}

// connect sends what is not acknowledged.
func (p *phone) connect() {
	id := ID(p.device)
	p.w.mu.Lock()
	p.mu.Lock()
	p.cut, p.inbox, p.cursor = false, 0, make(map[ID]uint64)
	p.mu.Unlock()
	p.w.online[id] = p
	p.w.push(id)
	p.w.mu.Unlock()
	if p.w.service != nil {
		p.attach()
	}
	p.Online()
}

// restart ends the Messenger and opens it again from its database.
func (p *phone) restart() {
	p.disconnect()
	p.stop()
	p.start()
}

func (p *phone) disconnect() {
	if p.attachment != nil {
		p.attachment.Close()
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	delete(p.w.online, ID(p.device))
	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
}

func (p *phone) event(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
	close(p.bell)
	p.bell = make(chan struct{})
}

// until waits for something to hold, looking again at each event.
func (p *phone) until(what string, holds func() bool) {
	p.w.t.Helper()
	for {
		p.mu.Lock()
		bell := p.bell
		p.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-bell:
		case <-time.After(100 * time.Millisecond):
		case <-p.w.t.Context().Done():
			p.w.t.Fatal("never: " + what)
		}
	}
}

// push sends a device what it has not got. The world is locked.
func (w *world) push(id ID) {
	p := w.online[id]
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for group, l := range w.logs {
		from, in := l.devices[id]
		if !in {
			continue
		}
		from = max(from, p.cursor[group])
		end := uint64(len(l.rows))
		if left := l.left[id]; left > 0 {
			end = left
		}
		if end <= from {
			continue
		}
		var rows []*api.Row
		for _, r := range l.rows[from:end] {
			if w.drop != nil {
				r = w.drop(id, r)
			}
			rows = append(rows, r)
		}
		p.frames <- &api.DeliveryFrame{Body: &api.DeliveryFrame_Rows{Rows: &api.Rows{Group: bytes.Clone(group[:]), Rows: rows, Head: end}}}
		p.cursor[group] = end
	}
	for _, i := range w.inboxes[id] {
		if i.Seq > p.inbox {
			p.frames <- &api.DeliveryFrame{Body: &api.DeliveryFrame_InboxItem{InboxItem: i}}
			p.inbox = i.Seq
		}
	}
}

func (w *world) tell(l *log) {
	for id := range l.devices {
		w.push(id)
	}
}

func (w *world) put(id ID, i *api.InboxItem) {
	w.items++
	i.Seq = w.items
	w.inboxes[id] = append(w.inboxes[id], i)
	w.push(id)
}

func refuse(code api.RefusalCode, l *log) error {
	e := &courier.RefusalError{Code: code}
	if l != nil {
		e.Epoch, e.Head = l.epoch, uint64(len(l.rows))
	}
	return e
}

// Call is the delivery service.
func (p *phone) Call(ctx context.Context, req *api.DeliveryRequest) (*api.DeliveryFrame, error) {
	w, self := p.w, ID(p.device)
	w.mu.Lock()
	defer w.mu.Unlock()
	p.mu.Lock()
	cut := p.cut
	p.mu.Unlock()
	if cut {
		return nil, courier.ErrOffline
	}
	if w.service != nil {
		w.mu.Unlock()
		defer w.mu.Lock() // for the unlock that is deferred
		return p.ask(ctx, req)
	}
	done := &api.DeliveryFrame{Body: &api.DeliveryFrame_Done{Done: &api.Done{}}}
	switch b := req.Body.(type) {
	case *api.DeliveryRequest_CreateGroup:
		w.logs[ID(b.CreateGroup.Group)] = &log{devices: map[ID]uint64{self: 0}, left: make(map[ID]uint64)}
	case *api.DeliveryRequest_SendMessage:
		s := b.SendMessage
		return w.append(p, ID(s.Group), s.Epoch, api.RowKind_ROW_KIND_MESSAGE, s.ClientMessageId, s.Message)
	case *api.DeliveryRequest_SendCommit:
		return w.commit(p, b.SendCommit)
	case *api.DeliveryRequest_AckInbox:
		w.inboxes[self] = slices.DeleteFunc(w.inboxes[self], func(i *api.InboxItem) bool { return i.Seq <= b.AckInbox.Seq })
	case *api.DeliveryRequest_Ack:
		if l := w.logs[ID(b.Ack.Group)]; l != nil {
			if _, in := l.devices[self]; in {
				l.devices[self] = max(l.devices[self], b.Ack.Seq)
			}
		}
	case *api.DeliveryRequest_Rejoin:
		for id := range w.logs[ID(b.Rejoin.Group)].devices {
			if id != self {
				w.put(id, &api.InboxItem{Body: &api.InboxItem_Rejoin{Rejoin: &api.RejoinItem{
					Group: b.Rejoin.Group, User: p.user[:], Device: p.device[:], Payload: b.Rejoin.Payload,
				}}})
			}
		}
	case *api.DeliveryRequest_Ephemeral:
		for id := range w.logs[ID(b.Ephemeral.Group)].devices {
			if o := w.online[id]; o != nil && id != self {
				o.frames <- &api.DeliveryFrame{Body: &api.DeliveryFrame_Ephemeral{Ephemeral: &api.EphemeralNews{Group: b.Ephemeral.Group, Payload: b.Ephemeral.Payload}}}
			}
		}
	case *api.DeliveryRequest_ListGroups:
		return &api.DeliveryFrame{Body: &api.DeliveryFrame_Groups{Groups: &api.Groups{}}}, nil
	}
	return done, nil
}

func (w *world) append(p *phone, group ID, epoch uint64, kind api.RowKind, id, sealed []byte) (*api.DeliveryFrame, error) {
	l, self := w.logs[group], ID(p.device)
	if l == nil {
		return nil, refuse(api.RefusalCode_REFUSAL_CODE_GROUP_UNKNOWN, nil)
	}
	for _, r := range l.rows {
		if bytes.Equal(r.Sender, p.device[:]) && bytes.Equal(r.ClientMessageId, id) {
			return sentAt(r.Seq, l), nil
		}
	}
	if _, in := l.devices[self]; !in || l.left[self] > 0 {
		return nil, refuse(api.RefusalCode_REFUSAL_CODE_GROUP_UNKNOWN, nil)
	}
	if epoch != l.epoch {
		return nil, refuse(api.RefusalCode_REFUSAL_CODE_STALE_EPOCH, l)
	}
	l.rows = append(l.rows, &api.Row{
		Seq: uint64(len(l.rows)) + 1, Kind: kind, Sender: p.device[:], ClientMessageId: id, Epoch: epoch, Message: sealed,
	})
	if kind == api.RowKind_ROW_KIND_MESSAGE {
		w.tell(l)
	}
	return sentAt(uint64(len(l.rows)), l), nil
}

func sentAt(seq uint64, l *log) *api.DeliveryFrame {
	return &api.DeliveryFrame{Body: &api.DeliveryFrame_Sent{Sent: &api.Sent{Seq: seq, Epoch: l.epoch, Head: uint64(len(l.rows))}}}
}

func (w *world) commit(p *phone, c *api.SendCommit) (*api.DeliveryFrame, error) {
	l := w.logs[ID(c.Group)]
	if l == nil {
		return nil, refuse(api.RefusalCode_REFUSAL_CODE_GROUP_UNKNOWN, nil)
	}
	before := len(l.rows)
	reply, err := w.append(p, ID(c.Group), c.Epoch, api.RowKind_ROW_KIND_COMMIT, c.ClientMessageId, c.Message)
	if err != nil || len(l.rows) == before {
		return reply, err
	}
	seq := uint64(len(l.rows))
	l.epoch++
	for _, d := range c.Removed {
		l.left[ID(d)] = seq
	}
	w.tell(l)
	for _, a := range c.Added {
		l.devices[ID(a.Device)] = seq
		delete(l.left, ID(a.Device))
		w.put(ID(a.Device), &api.InboxItem{Body: &api.InboxItem_Welcome{Welcome: &api.WelcomeItem{
			Group: c.Group, Commit: seq, Welcome: a.Welcome, RatchetTree: c.RatchetTree,
		}}})
	}
	return sentAt(seq, l), nil
}

// LookupUser is the directory.
func (p *phone) LookupUser(_ context.Context, user identity.UserID) (*directory.Contact, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	r := p.w.records[user]
	if r == nil {
		return nil, directory.ErrUnknown
	}
	c := *r
	return &directory.Contact{User: user, Record: &c, Handle: fmt.Sprint("user", user[0]), State: directory.StateOK}, nil
}

func (p *phone) Contact(user identity.UserID) *directory.Contact {
	c, _ := p.LookupUser(context.Background(), user)
	return c
}

// Raise keeps no alarms.
func (p *phone) Raise(_ context.Context, a directory.Alarm, _ string, _ []byte) (directory.Alarm, error) {
	return a, nil
}

// PutKeyPackages is the server's.
func (p *phone) PutKeyPackages(_ context.Context, in *api.KeyPackagesPut) (*api.KeyPackageCount, error) {
	p.w.mu.Lock()
	k := p.w.packs[p.device]
	k.waiting = append(k.waiting, in.KeyPackages...)
	if in.LastResort != nil {
		k.last = in.LastResort
	}
	p.w.mu.Unlock()
	return p.KeyPackages(context.Background())
}

func (p *phone) KeyPackages(context.Context) (*api.KeyPackageCount, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	k := p.w.packs[p.device]
	return &api.KeyPackageCount{Count: len(k.waiting), LastResort: k.last != nil}, nil
}

func (p *phone) ClaimKeyPackages(_ context.Context, in *api.KeyPackagesClaim) (*api.KeyPackagesClaimed, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	out := &api.KeyPackagesClaimed{}
	for _, text := range in.Devices {
		d, err := identity.ParseDeviceID(text)
		if err != nil {
			return nil, err
		}
		if k := p.w.packs[d]; k != nil && len(k.waiting) > 0 {
			out.KeyPackages = append(out.KeyPackages, api.ClaimedKeyPackage{Device: text, KeyPackage: k.waiting[0]})
			k.waiting = k.waiting[1:]
		}
	}
	return out, nil
}

// say sends a text and waits until the server has it.
func (p *phone) say(in ID, text string) ID {
	p.w.t.Helper()
	id, err := p.Send(p.w.t.Context(), in, message.Text{Text: text})
	if err != nil {
		p.w.t.Fatal(err)
	}
	if _, err := p.Sent(p.w.t.Context(), in, id); err != nil {
		p.w.t.Fatal(err)
	}
	return id
}

// texts returns what a device shows, oldest first.
func (p *phone) texts(in ID) []string {
	list, err := p.History().Messages(p.w.t.Context(), in, history.Position{}, 1000)
	if err != nil {
		return nil
	}
	var out []string
	for i := range list {
		if list[i].Kind == history.KindText {
			out = append(out, list[i].Text)
		}
	}
	return out
}

// reads waits until a device shows just these texts.
func (p *phone) reads(in ID, want ...string) {
	p.w.t.Helper()
	p.until(fmt.Sprint(want), func() bool { return slices.Equal(p.texts(in), want) })
}
