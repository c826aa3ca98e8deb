package messenger

import (
	"errors"
	"slices"
	"testing"

	"conclave/api"
	"conclave/client/history"
	"conclave/client/vault"
	"conclave/core/conversation"
	"conclave/core/identity"
	"conclave/core/message"
	"conclave/core/mls"
)

// TestConversation has three users on five devices talk, with every device restarted
// in between.
func TestConversation(t *testing.T) {
	w := newWorld(t)
	ada, ada2, bob, bob2, eve := w.device(1), w.device(1), w.device(2), w.device(2), w.device(3)
	all := []*phone{ada, ada2, bob, bob2, eve}
	id, refused, err := ada.NewGroup(t.Context(), "Lab", []ID{{2}, {3}})
	if err != nil || len(refused) > 0 {
		t.Fatal(refused, err)
	}
	first := ada.say(id, "hello")
	for _, p := range all {
		p.reads(id, "hello")
	}
	bob.say(id, "hi")
	eve.say(id, "good evening")
	for _, p := range all {
		p.reads(id, "hello", "hi", "good evening")
		p.restart()
	}
	if _, err := ada2.Send(t.Context(), id, message.Edit{Target: message.ID(first), Text: "hello all"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		p.reads(id, "hello all", "hi", "good evening")
	}
	ada.until("ticks", func() bool {
		h, err := ada.History().Message(t.Context(), id, first)
		return err == nil && h.State == history.StateDelivered
	})
	members, err := eve.Members(t.Context(), id)
	if err != nil || len(members) != 3 || len(members[0].Devices) != 2 || members[0].Role != conversation.Owner {
		t.Errorf("Members = %+v, %v", members, err)
	}
}

// talk returns a direct conversation in which bob read "one" from ada.
func talk(t *testing.T) (w *world, ada, bob *phone, id ID) {
	t.Helper()
	w = newWorld(t)
	ada, bob = w.device(1), w.device(2)
	id, err := ada.Direct(t.Context(), ID{2})
	if err != nil {
		t.Fatal(err)
	}
	ada.say(id, "one")
	bob.reads(id, "one")
	return w, ada, bob, id
}

// TestDirect finds the same conversation from both sides.
func TestDirect(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.device(1), w.device(2)
	id, err := ada.Direct(t.Context(), ID{2})
	if err != nil {
		t.Fatal(err)
	}
	ada.say(id, "psst")
	bob.reads(id, "psst")
	if back, err := bob.Direct(t.Context(), ID{1}); err != nil || back != id {
		t.Errorf("Direct = %v, %v; want %v", back, err, id)
	}
	if err := bob.MarkRead(t.Context(), id, 100); err != nil {
		t.Fatal(err)
	}
	ada.until("read", func() bool {
		list, err := ada.History().Messages(t.Context(), id, history.Position{}, 10)
		return err == nil && slices.ContainsFunc(list, func(m history.Message) bool { return m.State == history.StateRead })
	})
	notes, err := ada.Direct(t.Context(), ID{1})
	if err != nil || notes == id {
		t.Fatal(notes, err)
	}
	ada.say(notes, "to do")
}

// TestRemove checks that who is removed reads nothing more, and that the rules of the
// group hold for all.
func TestRemove(t *testing.T) {
	w := newWorld(t)
	ada, bob, eve := w.device(1), w.device(2), w.device(3)
	id, _, err := ada.NewGroup(t.Context(), "Lab", []ID{{2}, {3}})
	if err != nil {
		t.Fatal(err)
	}
	ada.say(id, "one")
	eve.reads(id, "one")
	bob.reads(id, "one")
	if err := bob.Remove(t.Context(), id, ID{3}); err == nil {
		t.Fatal("a member removed another")
	}
	if err := ada.Remove(t.Context(), id, ID{3}); err != nil {
		t.Fatal(err)
	}
	ada.say(id, "two")
	bob.reads(id, "one", "two")
	eve.until("told", func() bool {
		c, err := eve.History().Conversation(t.Context(), id)
		return err == nil && c.Left
	})
	eve.reads(id, "one")
	if _, err := eve.Send(t.Context(), id, message.Text{Text: "still here"}); err == nil {
		t.Error("who was removed could send")
	}
}

// TestLeave checks that the others let somebody go who asks for it.
func TestLeave(t *testing.T) {
	w := newWorld(t)
	ada, bob, eve := w.device(1), w.device(2), w.device(3)
	id, _, err := ada.NewGroup(t.Context(), "Lab", []ID{{2}, {3}})
	if err != nil {
		t.Fatal(err)
	}
	ada.say(id, "one")
	bob.reads(id, "one")
	if err := bob.Leave(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	eve.until("bob is gone", func() bool {
		list, err := eve.Members(t.Context(), id)
		return err == nil && len(list) == 2
	})
	ada.say(id, "two")
	eve.reads(id, "one", "two")
	eve2 := w.device(3)
	eve.Follow(t.Context())
	ada.say(id, "three")
	eve2.reads(id, "three")
	if err := eve2.Leave(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	ada.until("both devices are gone", func() bool {
		list, err := ada.Members(t.Context(), id)
		return err == nil && len(list) == 1
	})
	if err := ada.Leave(t.Context(), id); err == nil {
		t.Error("the last owner left")
	}
}

// TestHalfDeparture checks that a proposal to remove one of two devices stops nobody,
// and removes nobody.
func TestHalfDeparture(t *testing.T) {
	w := newWorld(t)
	ada, bob, bob2 := w.device(1), w.device(2), w.device(2)
	id, _, err := ada.NewGroup(t.Context(), "Lab", []ID{{2}})
	if err != nil {
		t.Fatal(err)
	}
	ada.say(id, "one")
	bob.reads(id, "one")
	bob2.reads(id, "one")
	func() {
		bob.Messenger.mu.Lock()
		defer bob.unlock()
		c := bob.convs[id]
		all, err := leaves(c.group.Members())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(l leaf) bool { return l.device == ID(bob2.device) })
		c.dirty = true
		sealed, err := c.group.ProposeRemove(all[i].index, mls.SendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, err := w.append(bob, id, c.group.Epoch(), api.RowKind_ROW_KIND_MESSAGE, []byte("half a departure"), sealed); err != nil {
			t.Fatal(err)
		}
	}()
	ada.say(id, "two")
	bob2.reads(id, "one", "two")
	if list, err := ada.Members(t.Context(), id); err != nil || len(list) != 2 || len(list[1].Devices) != 2 {
		t.Errorf("Members = %+v, %v", list, err)
	}
}

// TestOffline checks that what was written without a connection goes out once, in
// order, also after a restart.
func TestOffline(t *testing.T) {
	_, ada, bob, id := talk(t)
	ada.disconnect()
	for _, text := range []string{"two", "three", "four"} {
		if _, err := ada.Send(t.Context(), id, message.Text{Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	ada.restart()
	bob.reads(id, "one", "two", "three", "four")
	ada.reads(id, "one", "two", "three", "four")
}

// TestConflicts has many devices change a group at once: all changes are made, one
// after another, and all end in one state.
func TestConflicts(t *testing.T) {
	const n = 5
	w := newWorld(t)
	var all []*phone
	var users []ID
	for i := range byte(n) {
		all = append(all, w.device(i+1))
		users = append(users, ID{i + 1})
	}
	id, _, err := all[0].NewGroup(t.Context(), "Lab", users[1:])
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < n; i++ {
		if err := all[0].SetRole(t.Context(), id, users[i], conversation.Owner); err != nil {
			t.Fatal(err)
		}
	}
	all[0].say(id, "go")
	errs := make(chan error, n)
	for i, p := range all {
		p.reads(id, "go")
		go func() {
			q := usual
			q.Disappearing = uint32(i) + 100
			errs <- p.SetPolicy(t.Context(), id, q)
		}()
	}
	for range all {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	all[1].say(id, "done")
	for _, p := range all {
		p.reads(id, "go", "done")
	}
}

// TestGhost refuses a commit that adds a device which is in nobody's list.
func TestGhost(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.device(1), w.device(2)
	id, _, err := ada.NewGroup(t.Context(), "Lab", []ID{{2}})
	if err != nil {
		t.Fatal(err)
	}
	ada.say(id, "one")
	bob.reads(id, "one")
	ghost := w.device(2)
	list, _, err := ada.keys.Claim(t.Context(), identity.UserID{2}, []identity.DeviceID{ghost.device})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	w.mu.Lock() // the list that others are shown has no such device
	r := *w.records[identity.UserID{2}]
	r.Devices = r.Devices[:1]
	w.records[identity.UserID{2}] = &r
	w.mu.Unlock()
	c, err := ada.find(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := ada.admit(t.Context(), c, []newcomer{{ID{2}, list[0]}}); err != nil {
		t.Fatal(err)
	}
	bob.until("told", func() bool {
		bob.mu.Lock()
		defer bob.mu.Unlock()
		return slices.ContainsFunc(bob.events, func(e Event) bool { return e.Kind == EventTrouble && e.Text == NoticeGhost })
	})
}

// TestWithheld checks that a message which the server keeps back is missed by name,
// asked for again and read (MS-23).
func TestWithheld(t *testing.T) {
	w, ada, bob, id := talk(t)
	w.mu.Lock()
	held := false
	w.drop = func(device ID, row *api.Row) *api.Row {
		if device != ID(bob.device) || row.Kind != api.RowKind_ROW_KIND_MESSAGE || ID(row.Sender) != ID(ada.device) || held {
			return row
		}
		held = true
		return &api.Row{Seq: row.Seq, Kind: row.Kind, Sender: row.Sender, ClientMessageId: row.ClientMessageId, Epoch: row.Epoch, Message: []byte{1}}
	}
	w.mu.Unlock()
	ada.say(id, "two")
	ada.say(id, "three")
	bob.until("what was held back", func() bool {
		got := bob.texts(id)
		slices.Sort(got)
		return slices.Equal(got, []string{"one", "three", "two"})
	})
	list, err := bob.History().Messages(t.Context(), id, history.Position{}, 100)
	if err != nil || !slices.ContainsFunc(list, func(m history.Message) bool { return m.Text == NoticeMissing }) {
		t.Errorf("nobody was told: %v", err)
	}
}

// TestRejoin checks that a device which lost a group's state is let in again.
func TestRejoin(t *testing.T) {
	_, ada, bob, id := talk(t)
	bob.disconnect()
	bob.stop()
	if err := bob.db.Put(t.Context(), statePrefix+id.String(), []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	bob.start()
	bob.until("back", func() bool { return bob.hasGroup(id) })
	ada.say(id, "two")
	bob.reads(id, "one", "two")
	bob.say(id, "three")
	ada.reads(id, "one", "two", "three")
}

func (p *phone) hasGroup(id ID) bool {
	_, err := p.Members(p.w.t.Context(), id)
	return err == nil
}

// TestFullDisk checks that a Welcome which could not be stored is not acknowledged, and
// lets the device in when there is room.
func TestFullDisk(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.device(1), w.device(2)
	bob.disconnect()
	bob.stop()
	if _, err := ada.Direct(t.Context(), ID{2}); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	item := w.inboxes[ID(bob.device)][0]
	w.mu.Unlock()
	bob.db.full = true
	if err := bob.item(t.Context(), item); !errors.Is(err, vault.ErrFull) || bob.Messenger.inbox != 0 {
		t.Errorf("on a full disk: %v, acknowledged up to %d", err, bob.Messenger.inbox)
	}
	bob.db.full = false
	if err := bob.item(t.Context(), item); err != nil || bob.Messenger.inbox != item.Seq {
		t.Errorf("with room: %v, acknowledged up to %d", err, bob.Messenger.inbox)
	}
	if !bob.hasGroup(ID(item.GetWelcome().GetGroup())) {
		t.Error("bob is not in")
	}
}
