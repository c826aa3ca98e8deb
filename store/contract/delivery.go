package contract

import (
	"errors"
	"reflect"
	"sync"
	"testing"

	"conclave/delivery"
)

var most = delivery.StoreLimits{Devices: 4, Groups: 3, Inbox: 3}

func device(n int) delivery.Device { return delivery.Device{User: id(100 + n), ID: id(n)} }

// appendOf returns message n of a device in an epoch of group id(1).
func appendOf(n, from int, epoch uint64) *delivery.Append {
	return &delivery.Append{
		Group: id(1), Sender: id(from), ClientID: id(1000 + n), Epoch: epoch, Time: uint64(10 * n), Message: []byte{byte(n), 7},
	}
}

// sentAs fails unless a row was taken like that.
func sentAs(t *testing.T, what string, got delivery.Sent, err error, want delivery.Sent) {
	t.Helper()
	if err != nil || got != want {
		t.Errorf("%s = %+v, %v; want %+v", what, got, err, want)
	}
}

// group makes group id(1) with devices 1 and 2; its head is then 1 and its epoch 1.
func group(t *testing.T, s delivery.Store) {
	t.Helper()
	done(t, "CreateGroup", s.CreateGroup(t.Context(), id(1), device(1), most))
	got, err := s.AppendCommit(t.Context(), &delivery.Commit{
		Append: *appendOf(1, 1, 0), Added: []delivery.Added{{Device: device(2), Welcome: []byte("welcome")}}, Tree: []byte("tree"),
	}, most)
	sentAs(t, "the first commit", got, err, delivery.Sent{Seq: 1, Epoch: 1, Head: 1})
}

func testLog(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Delivery()
	_, err := s.AppendMessage(ctx, appendOf(1, 1, 0))
	refused(t, "AppendMessage to no group", err, delivery.ErrGroupUnknown)
	group(t, s)
	done(t, "CreateGroup again", s.CreateGroup(ctx, id(1), device(1), most))
	refused(t, "CreateGroup of another", s.CreateGroup(ctx, id(1), device(3), most), delivery.ErrGroupTaken)

	got, err := s.AppendMessage(ctx, appendOf(2, 2, 1))
	sentAs(t, "AppendMessage", got, err, delivery.Sent{Seq: 2, Epoch: 1, Head: 2})
	_, err = s.AppendMessage(ctx, appendOf(3, 3, 1))
	refused(t, "AppendMessage of a stranger", err, delivery.ErrGroupUnknown)
	_, err = s.AppendMessage(ctx, appendOf(4, 1, 0))
	stale := new(delivery.StaleError)
	if !errors.As(err, &stale) || *stale != (delivery.StaleError{Epoch: 1, Head: 2}) {
		t.Errorf("a message of an old epoch: %v", err)
	}
	got, err = s.AppendCommit(ctx, &delivery.Commit{Append: *appendOf(5, 1, 1)}, most)
	sentAs(t, "AppendCommit", got, err, delivery.Sent{Seq: 3, Epoch: 2, Head: 3})
	again := delivery.Sent{Seq: 2, Epoch: 2, Head: 3, Again: true}
	got, err = s.AppendMessage(ctx, appendOf(2, 2, 1))
	sentAs(t, "a retry in a later epoch", got, err, again)
	retry := appendOf(2, 2, 2)
	got, err = s.AppendMessage(ctx, retry)
	sentAs(t, "a retry sealed again", got, err, again)
	got, err = s.AppendCommit(ctx, &delivery.Commit{Append: *appendOf(5, 1, 1)}, most)
	sentAs(t, "a retry of a commit", got, err, delivery.Sent{Seq: 3, Epoch: 2, Head: 3, Again: true})

	rows, err := s.Rows(ctx, id(1), 1, 10, 1000)
	want := []delivery.Row{
		{Seq: 2, Kind: delivery.KindMessage, Sender: id(2), ClientID: id(1002), Epoch: 1, Time: 20, Message: []byte{2, 7}},
		{Seq: 3, Kind: delivery.KindCommit, Sender: id(1), ClientID: id(1005), Epoch: 1, Time: 50, Message: []byte{5, 7}},
	}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("Rows = %v, %v; want %v", rows, err, want)
	}
	if rows, err := s.Rows(ctx, id(1), 1, 10, 3); err != nil || len(rows) != 1 {
		t.Errorf("Rows of 3 bytes: %d, %v", len(rows), err)
	}
	if rows, err := s.Rows(ctx, id(1), 0, 2, 1); err != nil || len(rows) != 1 {
		t.Errorf("Rows of one byte: %d, %v", len(rows), err)
	}
}

func testMembers(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Delivery()
	group(t, s)
	m, err := s.Membership(ctx, id(1), id(2))
	if want := (delivery.Membership{Group: id(1), Epoch: 1, Head: 1, First: 1, Joined: 1, Acked: 1, Devices: 2}); err != nil || m != want {
		t.Errorf("Membership = %+v, %v; want %+v", m, err, want)
	}
	_, err = s.Membership(ctx, id(1), id(3))
	refused(t, "Membership of a stranger", err, delivery.ErrGroupUnknown)
	if list, err := s.GroupDevices(ctx, id(1)); err != nil || !reflect.DeepEqual(list, []delivery.Device{device(1), device(2)}) {
		t.Errorf("GroupDevices = %v, %v", list, err)
	}
	_, err = s.AppendMessage(ctx, appendOf(2, 2, 1))
	done(t, "AppendMessage", err)
	_, err = s.AppendCommit(ctx, &delivery.Commit{Append: *appendOf(3, 1, 1), Removed: [][16]byte{id(2), id(77)}}, most)
	done(t, "removing", err)
	_, err = s.AppendMessage(ctx, appendOf(4, 2, 2))
	refused(t, "AppendMessage of who was removed", err, delivery.ErrGroupUnknown)
	if m, err := s.Membership(ctx, id(1), id(2)); err != nil || m.Left != 3 || m.Devices != 1 {
		t.Errorf("of who was removed: %+v, %v", m, err)
	}
	done(t, "Ack beyond the head", s.Ack(ctx, []delivery.Ack{{Group: id(1), Device: id(2), Seq: 2}, {Group: id(1), Device: id(1), Seq: 99}, {Group: id(5), Device: id(1), Seq: 1}}))
	if m, err := s.Membership(ctx, id(1), id(1)); err != nil || m.Acked != 3 {
		t.Errorf("Acked = %d, %v", m.Acked, err)
	}
	done(t, "Ack backwards", s.Ack(ctx, []delivery.Ack{{Group: id(1), Device: id(1), Seq: 1}}))
	if m, err := s.Membership(ctx, id(1), id(1)); err != nil || m.Acked != 3 {
		t.Errorf("Acked = %d, %v", m.Acked, err)
	}
	done(t, "the last Ack", s.Ack(ctx, []delivery.Ack{{Group: id(1), Device: id(2), Seq: 3}}))
	if list, err := s.Memberships(ctx, id(2)); err != nil || len(list) != 0 {
		t.Errorf("who has all is still there: %v, %v", list, err)
	}
	_, err = s.AppendCommit(ctx, &delivery.Commit{Append: *appendOf(5, 1, 2), Removed: [][16]byte{id(1)}, Added: []delivery.Added{{Device: device(1)}}}, most)
	done(t, "adding anew", err)
	if m, err := s.Membership(ctx, id(1), id(1)); err != nil || m.Joined != 4 || m.Left != 0 {
		t.Errorf("added anew: %+v, %v", m, err)
	}
	var many []delivery.Added
	for n := range 5 {
		many = append(many, delivery.Added{Device: device(20 + n)})
	}
	_, err = s.AppendCommit(ctx, &delivery.Commit{Append: *appendOf(6, 1, 3), Added: many}, most)
	refused(t, "too many devices", err, delivery.ErrMany)
	got, err := s.AppendMessage(ctx, appendOf(7, 1, 3))
	sentAs(t, "after a commit that was refused", got, err, delivery.Sent{Seq: 5, Epoch: 3, Head: 5})
	done(t, "a second group", s.CreateGroup(ctx, id(2), device(1), most))
	done(t, "a third group", s.CreateGroup(ctx, id(3), device(1), most))
	refused(t, "a fourth group", s.CreateGroup(ctx, id(4), device(1), most), delivery.ErrMany)

	gone, err := s.RemoveDevice(ctx, id(1))
	if err != nil || !reflect.DeepEqual(gone, [][16]byte{id(1), id(2), id(3)}) {
		t.Errorf("RemoveDevice = %v, %v", gone, err)
	}
	done(t, "CreateGroup", s.CreateGroup(ctx, id(8), device(5), most))
	done(t, "CreateGroup", s.CreateGroup(ctx, id(9), delivery.Device{User: device(5).User, ID: id(6)}, most))
	done(t, "KeepDevices", s.KeepDevices(ctx, device(5).User, [][16]byte{id(6)}))
	a, err1 := s.Memberships(ctx, id(5))
	b, err2 := s.Memberships(ctx, id(6))
	if len(a) != 0 || len(b) != 1 || err1 != nil || err2 != nil {
		t.Errorf("KeepDevices left %d and %d", len(a), len(b))
	}
}

func testInbox(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Delivery()
	group(t, s)
	items, err := s.Inbox(ctx, id(2), 0, 10, 1000)
	if err != nil || len(items) != 1 || string(items[0].Data) != "welcome" || string(items[0].Tree) != "tree" || items[0].Commit != 1 || items[0].Kind != delivery.InboxWelcome {
		t.Fatalf("Inbox = %+v, %v", items, err)
	}
	first := items[0].Seq
	rejoin := delivery.InboxItem{Kind: delivery.InboxRejoin, Device: id(2), Group: id(1), From: device(1), Data: []byte("please")}
	done(t, "PutInbox", s.PutInbox(ctx, []delivery.InboxItem{rejoin, rejoin, rejoin}, most))
	items, err = s.Inbox(ctx, id(2), first, 10, 1000)
	if err != nil || len(items) != 2 || items[0].From != device(1) || items[0].Seq <= first || items[1].Seq <= items[0].Seq {
		t.Fatalf("Inbox = %+v, %v: the last is left out", items, err)
	}
	done(t, "AckInbox", s.AckInbox(ctx, id(2), items[0].Seq))
	if left, err := s.Inbox(ctx, id(2), 0, 10, 1000); err != nil || len(left) != 1 || left[0].Seq != items[1].Seq {
		t.Errorf("after AckInbox: %+v, %v", left, err)
	}
	_, err = s.AppendCommit(ctx, &delivery.Commit{Append: *appendOf(2, 1, 1), Removed: [][16]byte{id(2)}}, most)
	done(t, "removing", err)
	if left, err := s.Inbox(ctx, id(2), items[1].Seq, 10, 1000); err != nil || len(left) != 1 || left[0].Kind != delivery.InboxRemoved || left[0].Commit != 2 {
		t.Errorf("after removing: %+v, %v", left, err)
	}
}

// testAppends appends at the same time: all numbers are taken, each once.
func testAppends(t *testing.T, open Open) {
	const n = 40
	s := opened(t, open).Delivery()
	group(t, s)
	var mu sync.Mutex
	seen := make(map[uint64]bool)
	var wg sync.WaitGroup
	for i := range n {
		for range 2 { // each is sent twice
			wg.Go(func() {
				got, err := s.AppendMessage(t.Context(), appendOf(10+i, 1+i%2, 1))
				mu.Lock()
				defer mu.Unlock()
				if err != nil || got.Seq < 2 || got.Seq > n+1 {
					t.Errorf("AppendMessage = %+v, %v", got, err)
				}
				seen[got.Seq] = true
			})
		}
	}
	wg.Wait()
	rows, err := s.Rows(t.Context(), id(1), 1, 2*n, 1<<20)
	if err != nil || len(rows) != n || len(seen) != n {
		t.Errorf("%d rows, %d numbers: %v", len(rows), len(seen), err)
	}
	for i := range rows {
		if rows[i].Seq != uint64(i)+2 {
			t.Errorf("row %d has number %d", i, rows[i].Seq)
		}
	}
}

// testCommits commits at the same time: one wins.
func testCommits(t *testing.T, open Open) {
	s := opened(t, open).Delivery()
	group(t, s)
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := s.AppendCommit(t.Context(), &delivery.Commit{Append: *appendOf(10+i, 1+i%2, 1)}, most)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, delivery.ErrStale) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if m, err := s.Membership(t.Context(), id(1), id(1)); err != nil || won != 1 || m.Epoch != 2 || m.Head != 2 {
		t.Errorf("%d commits won; %+v, %v", won, m, err)
	}
}

func testSweep(t *testing.T, open Open) {
	ctx, s := t.Context(), opened(t, open).Delivery()
	group(t, s)
	for n := 2; n <= 5; n++ {
		_, err := s.AppendMessage(ctx, appendOf(n, 1, 1))
		done(t, "AppendMessage", err)
	}
	first := func(want uint64) {
		t.Helper()
		if m, err := s.Membership(ctx, id(1), id(1)); err != nil || m.First != want {
			t.Errorf("First = %d, %v; want %d", m.First, err, want)
		}
	}
	sweep := func(before uint64, most, want int) {
		t.Helper()
		if n, err := s.Sweep(ctx, before, most); err != nil || n != want {
			t.Errorf("Sweep = %d, %v; want %d", n, err, want)
		}
	}
	sweep(0, 100, 0)
	done(t, "Ack", s.Ack(ctx, []delivery.Ack{{Group: id(1), Device: id(1), Seq: 5}, {Group: id(1), Device: id(2), Seq: 3}}))
	sweep(0, 2, 2)
	first(3)
	sweep(0, 100, 1)
	sweep(0, 100, 0)
	first(4)
	sweep(50, 100, 1)
	first(5)
	rows, err := s.Rows(ctx, id(1), 0, 100, 1000)
	if err != nil || len(rows) != 5 || len(rows[3].Message) != 0 || len(rows[4].Message) == 0 {
		t.Errorf("Rows = %v, %v", rows, err)
	}
	got, err := s.AppendMessage(ctx, appendOf(2, 1, 1))
	sentAs(t, "a retry of what is deleted", got, err, delivery.Sent{Seq: 2, Epoch: 1, Head: 5, Again: true})
}
