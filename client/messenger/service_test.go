package messenger

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
	"conclave/client/courier"
	"conclave/client/history"
	"conclave/core/conversation"
	"conclave/core/message"
	"conclave/delivery"
	"conclave/internal/testkit/deliverykit"
)

// attach connects a device to the service. What is sent passes the wire's encoding.
func (p *phone) attach() {
	p.w.t.Helper()
	frames := p.frames
	var err error
	p.attachment, err = p.w.service.Attach(p.w.t.Context(), delivery.Device{User: p.user, ID: p.device}, func(f *api.DeliveryFrame) error {
		frames <- again(p.w.t, f)
		return nil
	})
	if err != nil {
		p.w.t.Fatal(err)
	}
}

// again encodes and decodes a frame.
func again(t *testing.T, f *api.DeliveryFrame) *api.DeliveryFrame {
	b, err := proto.Marshal(f)
	out := new(api.DeliveryFrame)
	if err == nil {
		err = proto.Unmarshal(b, out)
	}
	if err != nil {
		t.Error(err)
	}
	return out
}

// ask has the service answer as a courier does.
func (p *phone) ask(ctx context.Context, req *api.DeliveryRequest) (*api.DeliveryFrame, error) {
	f := again(p.w.t, p.w.service.Handle(ctx, delivery.Device{User: p.user, ID: p.device}, req))
	if r := f.GetRefusal(); r != nil {
		return nil, &courier.RefusalError{
			Code: r.GetCode(), Text: r.GetText(), Wait: time.Duration(r.GetRetryMs()) * time.Millisecond,
			Epoch: r.GetEpoch(), Head: r.GetHead(), First: r.GetFirst(),
		}
	}
	return f, nil
}

// TestService has three users on five devices talk over the service that servers run:
// devices come and go, are restarted, lose their state, leave and are removed.
func TestService(t *testing.T) {
	w := newWorld(t)
	w.service = deliverykit.Start(t, delivery.Limits{})
	ada, ada2, bob, bob2, eve := w.device(1), w.device(1), w.device(2), w.device(2), w.device(3)
	all := []*phone{ada, ada2, bob, bob2, eve}
	id, refused, err := ada.NewGroup(t.Context(), "Lab", []ID{{2}, {3}})
	if err != nil || len(refused) > 0 {
		t.Fatal(refused, err)
	}
	first := ada.say(id, "one")
	for _, p := range all {
		p.reads(id, "one")
	}
	bob.disconnect()
	eve.say(id, "two")
	if _, err := bob.Send(t.Context(), id, message.Text{Text: "three"}); err != nil {
		t.Fatal(err)
	}
	bob.restart()
	for _, p := range all {
		p.reads(id, "one", "two", "three")
		p.restart()
	}
	ada.until("ticks", func() bool {
		h, err := ada.History().Message(t.Context(), id, first)
		return err == nil && h.State == history.StateDelivered
	})
	w.changes(t, id, ada, bob)
	eve.disconnect()
	eve.stop()
	if err := eve.db.Put(t.Context(), statePrefix+id.String(), []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	eve.start()
	eve.until("back", func() bool { return eve.hasGroup(id) })
	eve.say(id, "four")
	bob2.reads(id, "one", "two", "three", "four")
	if err := eve.Leave(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	ada2.until("eve is gone", func() bool {
		list, err := ada2.Members(t.Context(), id)
		return err == nil && len(list) == 2
	})
	if err := ada2.Remove(t.Context(), id, ID{2}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*phone{bob, bob2} {
		p.until("told", func() bool {
			c, err := p.History().Conversation(t.Context(), id)
			return err == nil && c.Left
		})
	}
	ada.say(id, "five")
	ada2.reads(id, "one", "two", "three", "four", "five")
	if got := bob.texts(id); slices.Contains(got, "five") {
		t.Errorf("who was removed reads %v", got)
	}
}

// changes has two devices change the group at once.
func (w *world) changes(t *testing.T, id ID, ada, bob *phone) {
	t.Helper()
	if err := ada.SetRole(t.Context(), id, ID{2}, conversation.Owner); err != nil {
		t.Fatal(err)
	}
	bob.until("owner", func() bool {
		list, err := bob.Members(t.Context(), id)
		return err == nil && list[1].Role == conversation.Owner
	})
	errs := make(chan error, 2)
	go func() { errs <- ada.Rename(t.Context(), id, "Laboratory") }()
	go func() { errs <- bob.SetRole(t.Context(), id, ID{3}, conversation.Admin) }()
	for range 2 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}
