package delivery_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"conclave/api"
	"conclave/core/mlswire"
	"conclave/delivery"
	"conclave/internal/testkit/deliverykit"
)

func id(n int) [16]byte { return [16]byte{15: byte(n), 14: byte(n >> 8)} }

func dev(n int) delivery.Device { return delivery.Device{User: id(1000 + n), ID: id(n)} }

// sealed is a message as a server sees it.
func sealed(group [16]byte, epoch uint64, kind mlswire.ContentType, text string) []byte {
	m := &mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatPrivateMessage, PrivateMessage: &mlswire.PrivateMessage{
		GroupID: group[:], Epoch: epoch, ContentType: kind, EncryptedSenderData: []byte("who"), Ciphertext: []byte(text),
	}}
	return m.Marshal()
}

// A client is a device that is connected, or was.
type client struct {
	t testing.TB
	s *delivery.Service
	d delivery.Device
	a *delivery.Attachment

	mu    sync.Mutex
	rows  []*api.Row
	items []*api.InboxItem
	other int
	bell  chan struct{}
	mute  bool // does not acknowledge
}

func attach(t testing.TB, s *delivery.Service, n int) *client {
	t.Helper()
	c := &client{t: t, s: s, d: dev(n), bell: make(chan struct{})}
	c.connect()
	return c
}

func (c *client) connect() {
	c.t.Helper()
	var err error
	if c.a, err = c.s.Attach(c.t.Context(), c.d, c.take); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) take(f *api.DeliveryFrame) error {
	c.mu.Lock()
	switch {
	case f.GetRows() != nil:
		c.rows = append(c.rows, f.GetRows().GetRows()...)
	case f.GetInboxItem() != nil:
		c.items = append(c.items, f.GetInboxItem())
	default:
		c.other++
	}
	mute := c.mute
	close(c.bell)
	c.bell = make(chan struct{})
	c.mu.Unlock()
	if r := f.GetRows(); r != nil && !mute {
		last := r.GetRows()[len(r.GetRows())-1].GetSeq()
		c.s.Handle(c.t.Context(), c.d, &api.DeliveryRequest{Body: &api.DeliveryRequest_Ack{Ack: &api.Ack{Group: r.GetGroup(), Seq: last}}})
	}
	return nil
}

// until waits for something to hold of what came.
func (c *client) until(holds func() bool) {
	c.t.Helper()
	for {
		c.mu.Lock()
		ok, bell := holds(), c.bell
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-bell:
		case <-c.t.Context().Done():
			c.t.Fatal("it never came")
		}
	}
}

// has waits for the rows 1..n after first, in order, each once.
func (c *client) has(first uint64, n int) {
	c.t.Helper()
	c.until(func() bool { return len(c.rows) >= n })
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range c.rows {
		if r.GetSeq() != first+uint64(i)+1 {
			c.t.Fatalf("row %d has number %d", i, r.GetSeq())
		}
	}
}

func (c *client) create(group [16]byte) {
	c.t.Helper()
	c.ok(&api.DeliveryRequest{Body: &api.DeliveryRequest_CreateGroup{CreateGroup: &api.CreateGroup{Group: group[:]}}})
}

func (c *client) ok(req *api.DeliveryRequest) *api.DeliveryFrame {
	c.t.Helper()
	f := c.s.Handle(c.t.Context(), c.d, req)
	if f.GetRefusal() != nil {
		c.t.Fatalf("refused: %v", f.GetRefusal())
	}
	return f
}

func (c *client) refused(req *api.DeliveryRequest, want api.RefusalCode) {
	c.t.Helper()
	req.Request = 77
	f := c.s.Handle(c.t.Context(), c.d, req)
	if f.GetRefusal().GetCode() != want || f.GetRequest() != 77 {
		c.t.Errorf("%v: %v, want %v", req, f, want)
	}
}

func message(group [16]byte, epoch uint64, n int) *api.DeliveryRequest {
	client := id(n)
	return &api.DeliveryRequest{Body: &api.DeliveryRequest_SendMessage{SendMessage: &api.SendMessage{
		Group: group[:], ClientMessageId: client[:], Epoch: epoch, Message: sealed(group, epoch, mlswire.ContentTypeApplication, fmt.Sprint(n)),
	}}}
}

// commit adds and removes devices.
func commit(group [16]byte, epoch uint64, n int, add, remove []int) *api.DeliveryRequest {
	client := id(n)
	c := &api.SendCommit{Group: group[:], ClientMessageId: client[:], Epoch: epoch, Message: sealed(group, epoch, mlswire.ContentTypeCommit, "commit")}
	for _, n := range add {
		d := dev(n)
		welcome := (&mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatWelcome, Welcome: &mlswire.Welcome{CipherSuite: 1}}).Marshal()
		c.Added = append(c.Added, &api.AddedDevice{User: d.User[:], Device: d.ID[:], Welcome: welcome})
	}
	for _, n := range remove {
		d := dev(n)
		c.Removed = append(c.Removed, d.ID[:])
	}
	return &api.DeliveryRequest{Body: &api.DeliveryRequest_SendCommit{SendCommit: c}}
}

// TestHandsOn checks the way of messages: to all who are in the group, in order, once,
// over reconnects.
func TestHandsOn(t *testing.T) {
	s, g := deliverykit.Start(t, delivery.Limits{}), id(500)
	a, b := attach(t, s, 1), attach(t, s, 2)
	a.create(g)
	a.ok(commit(g, 0, 1, []int{2, 3}, nil))
	b.until(func() bool { return len(b.items) == 1 })
	for n := 2; n < 400; n++ {
		a.ok(message(g, 1, n))
		if n%100 == 0 {
			b.a.Close()
			b.connect()
		}
		if n%50 == 0 {
			a.ok(message(g, 1, n)) // a retry
		}
	}
	a.has(0, 399)
	b.has(1, 398)
	late := attach(t, s, 3) // joined by the commit, was never there
	late.has(1, 398)
	late.until(func() bool { return len(late.items) == 1 })
}

// TestRemoved checks that who is removed gets the commit that says so, and no more.
func TestRemoved(t *testing.T) {
	s, g := deliverykit.Start(t, delivery.Limits{}), id(500)
	a, b := attach(t, s, 1), attach(t, s, 2)
	a.create(g)
	a.ok(commit(g, 0, 1, []int{2}, nil))
	a.ok(commit(g, 1, 2, nil, []int{2}))
	a.ok(message(g, 2, 3))
	a.has(0, 3)
	b.until(func() bool { return len(b.items) == 2 })
	b.has(1, 1)
	b.refused(message(g, 2, 4), api.RefusalCode_REFUSAL_CODE_GROUP_UNKNOWN)
	a.ok(commit(g, 2, 5, []int{2}, nil))
	a.ok(message(g, 3, 6))
	b.until(func() bool { return len(b.rows) == 2 })
	if last := b.rows[1].GetSeq(); last != 5 {
		t.Errorf("after coming back: row %d", last)
	}
}

// TestWindow checks that a device that acknowledges nothing gets no more than the
// window, holds up nobody, and gets the rest later.
func TestWindow(t *testing.T) {
	const n = 600
	s, g := deliverykit.Start(t, delivery.Limits{}), id(500)
	a, b := attach(t, s, 1), attach(t, s, 2)
	b.mute = true
	a.create(g)
	a.ok(commit(g, 0, 1, []int{2}, nil))
	for i := range n {
		a.ok(message(g, 1, 10+i))
	}
	a.has(0, n+1)
	b.until(func() bool { return len(b.rows) == 256 })
	b.mu.Lock()
	b.mute = false
	seq := b.rows[255].GetSeq()
	b.mu.Unlock()
	b.ok(&api.DeliveryRequest{Body: &api.DeliveryRequest_Ack{Ack: &api.Ack{Group: g[:], Seq: seq}}})
	b.has(1, n)
}

// TestReplaced ends the connection that a device had before.
func TestReplaced(t *testing.T) {
	s := deliverykit.Start(t, delivery.Limits{})
	a := attach(t, s, 1)
	old := a.a
	a.connect()
	<-old.Done()
	if err := old.Err(); !errors.Is(err, delivery.ErrReplaced) {
		t.Error(err)
	}
	if err := s.DeviceGone(t.Context(), a.d.ID); err != nil {
		t.Fatal(err)
	}
	<-a.a.Done()
}

// TestEphemeral goes to those who are there, and to nobody else.
func TestEphemeral(t *testing.T) {
	s, g := deliverykit.Start(t, delivery.Limits{}), id(500)
	a, b, c := attach(t, s, 1), attach(t, s, 2), attach(t, s, 3)
	a.create(g)
	a.ok(commit(g, 0, 1, []int{2}, nil))
	b.until(func() bool { return len(b.items) == 1 })
	say := &api.DeliveryRequest{Body: &api.DeliveryRequest_Ephemeral{Ephemeral: &api.Ephemeral{Group: g[:], Payload: sealed(g, 1, 1, "typing")}}}
	c.refused(say, api.RefusalCode_REFUSAL_CODE_GROUP_UNKNOWN)
	a.ok(say)
	b.until(func() bool { return b.other == 1 })
	if a.other+c.other > 0 {
		t.Error("it went to others")
	}
	b.ok(&api.DeliveryRequest{Body: &api.DeliveryRequest_Rejoin{Rejoin: &api.Rejoin{Group: g[:], Payload: []byte("signed")}}})
	a.until(func() bool { return len(a.items) == 1 && string(a.items[0].GetRejoin().GetPayload()) == "signed" })
}

// TestConflict lets fifty devices commit at once: one wins each epoch.
func TestConflict(t *testing.T) {
	const n = 50
	s, g := deliverykit.Start(t, delivery.Limits{}), id(500)
	a := attach(t, s, 1)
	a.create(g)
	var all []int
	for i := range n {
		all = append(all, 2+i)
	}
	a.ok(commit(g, 0, 1, all, nil))
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for epoch := uint64(1); ; {
				f := s.Handle(t.Context(), dev(2+i), commit(g, epoch, 100+i, nil, nil))
				if f.GetSent() != nil {
					return
				}
				if epoch = f.GetRefusal().GetEpoch(); f.GetRefusal().GetCode() != api.RefusalCode_REFUSAL_CODE_STALE_EPOCH {
					t.Error(f)
					return
				}
			}
		})
	}
	wg.Wait()
	a.has(0, n+1)
	for i, r := range a.rows {
		if r.GetEpoch() != uint64(i) {
			t.Fatalf("row %d ends epoch %d", i, r.GetEpoch())
		}
	}
}

// TestHostile sends what no client sends. Nothing of it changes a thing.
func TestHostile(t *testing.T) {
	s, g := deliverykit.Start(t, delivery.Limits{Messages: delivery.Rate{Second: 1, Burst: 3}}), id(500)
	a, b := attach(t, s, 1), attach(t, s, 2)
	a.create(g)
	a.create(g)
	b.refused(&api.DeliveryRequest{Body: &api.DeliveryRequest_CreateGroup{CreateGroup: &api.CreateGroup{Group: g[:]}}}, api.RefusalCode_REFUSAL_CODE_GROUP_TAKEN)
	malformed := api.RefusalCode_REFUSAL_CODE_MALFORMED
	a.refused(&api.DeliveryRequest{}, malformed)
	for _, req := range []*api.DeliveryRequest{
		{Body: &api.DeliveryRequest_CreateGroup{}},
		{Body: &api.DeliveryRequest_SendMessage{}},
		{Body: &api.DeliveryRequest_SendCommit{}},
		{Body: &api.DeliveryRequest_Ack{}},
		{Body: &api.DeliveryRequest_Rewind{}},
		{Body: &api.DeliveryRequest_Ephemeral{}},
		{Body: &api.DeliveryRequest_Rejoin{}},
		{Body: &api.DeliveryRequest_Hello{}},
	} {
		a.refused(req, malformed)
	}
	other := message(g, 0, 1)
	other.GetSendMessage().Message = sealed(id(9), 0, mlswire.ContentTypeApplication, "x")
	a.refused(other, malformed)
	epoch := message(g, 0, 1)
	epoch.GetSendMessage().Epoch = 5
	a.refused(epoch, malformed)
	kind := commit(g, 0, 1, nil, nil)
	kind.GetSendCommit().Message = sealed(g, 0, mlswire.ContentTypeApplication, "x")
	a.refused(kind, malformed)
	large := message(g, 0, 1)
	large.GetSendMessage().Message = sealed(g, 0, mlswire.ContentTypeApplication, strings.Repeat("x", 65<<10))
	a.refused(large, api.RefusalCode_REFUSAL_CODE_TOO_LARGE)
	junk := commit(g, 0, 1, []int{2}, nil)
	junk.GetSendCommit().Added[0].Welcome = []byte("junk")
	a.refused(junk, malformed)
	b.refused(message(g, 0, 1), api.RefusalCode_REFUSAL_CODE_GROUP_UNKNOWN)
	b.refused(&api.DeliveryRequest{Body: &api.DeliveryRequest_Ack{Ack: &api.Ack{Group: g[:], Seq: 1}}}, api.RefusalCode_REFUSAL_CODE_GROUP_UNKNOWN)
	a.refused(message(g, 3, 1), api.RefusalCode_REFUSAL_CODE_STALE_EPOCH)
	a.refused(&api.DeliveryRequest{Body: &api.DeliveryRequest_Rewind{Rewind: &api.Rewind{Group: g[:], After: 99}}}, api.RefusalCode_REFUSAL_CODE_GONE)
	a.ok(message(g, 0, 2))
	a.ok(message(g, 0, 3))
	a.refused(message(g, 0, 4), api.RefusalCode_REFUSAL_CODE_SLOW_DOWN)
	a.has(0, 2)
	a.ok(&api.DeliveryRequest{Body: &api.DeliveryRequest_Rewind{Rewind: &api.Rewind{Group: g[:]}}})
	a.until(func() bool { return len(a.rows) == 4 && a.rows[2].GetSeq() == 1 })
}

// BenchmarkSend is one message to a group of 100 devices, until all have it.
func BenchmarkSend(b *testing.B) {
	const n = 100
	s, g := deliverykit.Start(b, delivery.Limits{Messages: delivery.Rate{Second: 1e9, Burst: 1 << 30}}), id(500)
	a := attach(b, s, 1)
	a.create(g)
	var all []*client
	var add []int
	for i := range n {
		add = append(add, 2+i)
	}
	a.ok(commit(g, 0, 1, add, nil))
	for i := range n {
		all = append(all, attach(b, s, 2+i))
	}
	b.ResetTimer()
	for i := range b.N {
		a.ok(message(g, 1, 200+i))
		for _, c := range all {
			c.until(func() bool { return len(c.rows) > i })
		}
	}
}
