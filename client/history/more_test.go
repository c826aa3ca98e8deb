package history

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestConversations(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	w.do(func(b *Batch) error {
		return b.SetConversation(ctx, Conversation{ID: ID{8}, Title: "Pinned", Pinned: true})
	},
		func(b *Batch) error {
			return b.SetConversation(ctx, Conversation{ID: ID{7}, Title: "Quiet", Muted: true})
		})
	w.add(at(1, 1, ada, strings.Repeat("ж", 500)))
	w.do(func(b *Batch) error {
		return b.Change(ctx, talk, func(c *Conversation) { c.Draft, c.Archived, c.Disappearing, c.Unread = "to be", true, time.Hour, 50 })
	})
	all, err := w.h.Conversations(ctx)
	if err != nil || len(all) != 3 || all[0].Title != "Pinned" || all[1].Title != "Talk" || !all[2].Muted {
		t.Errorf("conversations %+v, %v", all, err)
	}
	c := all[1]
	if c.Draft != "to be" || !c.Archived || c.Disappearing != time.Hour || c.Unread != 1 || c.Last.Text != strings.Repeat("ж", maxGlance/2) {
		t.Errorf("conversation %+v, %+v", c, c.Last)
	}
}

func TestExpire(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	if _, ok, err := w.h.NextExpiry(ctx); ok || err != nil {
		t.Errorf("nothing expires: %v, %v", ok, err)
	}
	soon, late := at(2, 2, ada, "soon"), at(3, 0, self, "late")
	soon.ExpiresAfter, late.ExpiresAfter = time.Minute, time.Hour
	soon.Sent = start.Add(-24 * time.Hour) // what the sender says does not count
	w.add(at(1, 1, ada, "stays"), late, soon)
	w.do(func(b *Batch) error { return b.Sent(ctx, talk, ID{3}, 3) }, func(b *Batch) error { return b.Receive(ctx, talk, ID{3}, ada, ada, true, start) })
	due, ok, err := w.h.NextExpiry(ctx)
	if want := soon.Arrived.Add(time.Minute); !ok || err != nil || !due.Equal(want) {
		t.Errorf("next %v, %v; want %v", due, err, want)
	}
	gone := 0
	expire := func(now time.Time) func(b *Batch) error {
		return func(b *Batch) (err error) {
			gone, err = b.Expire(ctx, now)
			return err
		}
	}
	w.do(expire(due.Add(-time.Second)))
	w.wants("stays", "soon", "late")
	w.do(expire(due))
	w.wants("stays", "late")
	if c := w.conversation(); gone != 1 || c.Unread != 1 {
		t.Errorf("%d gone, %d unread", gone, c.Unread)
	}
	w.do(expire(due.Add(time.Hour)))
	w.wants("stays")
	if c := w.conversation(); c.Last.Text != "stays" {
		t.Errorf("the list shows %q", c.Last.Text)
	}
	keys, err := w.db.Keys(ctx, "h/")
	if err != nil || len(keys) != 3 { // the conversation, a message and its index
		t.Errorf("left: %q, %v", keys, err)
	}
}

func TestForget(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	for i := range 3 {
		var all []Message
		for j := range 200 {
			m := at(byte(j), uint64(i*200+j+1), ada, "x")
			m.ID[1], m.ID[2], m.ExpiresAfter = byte(i), 1, time.Hour
			all = append(all, m)
		}
		w.add(all...)
	}
	calls, gone := 0, false
	for ; !gone && calls < 9; calls++ {
		w.do(func(b *Batch) (err error) {
			gone, err = b.Forget(ctx, talk)
			return err
		})
	}
	for n := 1; n > 0; {
		w.do(func(b *Batch) (err error) {
			n, err = b.Expire(ctx, start.Add(24*time.Hour))
			return err
		})
	}
	keys, err := w.db.Keys(ctx, "h/")
	if err != nil || len(keys) != 0 || calls != 2 {
		t.Errorf("%d calls; left %d, %v", calls, len(keys), err)
	}
}

func TestSearch(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	other := at(6, 1, bob, "tea again")
	other.Conversation = ID{8}
	file := at(5, 5, ada, "look")
	file.Kind, file.File = KindFile, &File{Name: "Teapot.PNG"}
	notice := at(7, 7, ada, "tea")
	notice.Kind = KindNotice
	w.do(func(b *Batch) error { return b.SetConversation(ctx, Conversation{ID: ID{8}}) })
	w.add(at(1, 1, ada, "TEA, at five?"), at(2, 2, bob, "a steady hand"), at(3, 3, ada, "ΤΈΛΟΣ"), at(4, 4, ada, "我们喝茶吧"), file, other, notice, at(8, 0, self, "Teatime"))
	for _, c := range []struct {
		in    ID
		query string
		limit int
		want  string
	}{
		{ID{}, "tea", 9, "8651"},
		{ID{}, "tea", 2, "86"},
		{talk, "tea", 9, "851"},
		{talk, "  five  TEA!", 9, "1"},
		{talk, "eady", 9, ""},
		{talk, "τέλος", 9, "3"},
		{talk, "喝茶", 9, "4"},
		{talk, "teapot png", 9, "5"},
		{talk, "?!", 9, ""},
		{talk, "", 9, ""},
		{talk, "tea", 0, ""},
		{ID{8}, "TEA AGAIN", 9, "6"},
	} {
		found, err := w.h.Search(ctx, c.in, c.query, c.limit)
		got := ""
		for _, m := range found {
			got += string('0' + m.ID[0])
		}
		if err != nil || got != c.want {
			t.Errorf("Search(%q, %d) = %q, %v; want %q", c.query, c.limit, got, err, c.want)
		}
	}
}

// TestSearchPages finds what is further back than a page.
func TestSearchPages(t *testing.T) {
	w := newWorld(t)
	var all []Message
	for i := range 2*page + 10 {
		m := at(byte(i%200), uint64(i+1), ada, "hay")
		m.ID[1] = byte(1 + i/200)
		if i%page == 0 {
			m.Text = "needle"
		}
		all = append(all, m)
	}
	w.add(all...)
	found, err := w.h.Search(t.Context(), talk, "needle", 9)
	if err != nil || len(found) != 3 {
		t.Errorf("%d found, %v; want 3", len(found), err)
	}
}

func TestExport(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	file := at(2, 2, bob, "")
	file.Kind, file.File = KindFile, &File{"a\nb.txt", "text/plain", 12, []byte("the key")}
	secret := at(4, 4, ada, "burn after reading")
	secret.ExpiresAfter = time.Hour
	forged := at(1, 1, ada, "hi\n2026-11-24 02:00  bob: I owe you\x1b[2J\u202e\u2028x")
	forged.Content = []byte("encoded")
	w.add(forged, file, at(3, 3, bob, "gone"), secret, at(5, 0, self, "not yet"))
	w.do(func(b *Batch) error { return b.Erase(ctx, talk, ID{3}, bob, false, start) })
	var text, lines bytes.Buffer
	err := w.h.ExportText(ctx, talk, &text, func(user ID) string { return map[ID]string{self: "me", ada: "ada\n", bob: "bob"}[user] })
	want := "2026-11-24 02:00  ada<U+000A>: hi\n    2026-11-24 02:00  bob: I owe you<U+001B>[2J<U+202E><U+2028>x\n" +
		"2026-11-24 02:00  bob: [file a<U+000A>b.txt, 12 bytes]\n" +
		"2026-11-24 02:00  bob: (deleted)\n" +
		"2026-11-24 02:00  me: not yet\n"
	if err != nil || text.String() != want {
		t.Errorf("text:\n%s\nwant:\n%s%v", text.String(), want, err)
	}
	if err := w.h.ExportJSON(ctx, talk, &lines); err != nil {
		t.Fatal(err)
	}
	var got []Line
	for line := range strings.Lines(lines.String()) {
		var l Line
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	if len(got) != 4 || got[0].Text != forged.Text || got[1].Name != "a\nb.txt" || got[2].Deleted.IsZero() || got[3].State != StateSending {
		t.Errorf("lines %+v", got)
	}
	for _, hidden := range []string{"dGhlIGtleQ", "ZW5jb2RlZA", "burn", "gone"} { // base64 of the key and of the content
		if strings.Contains(lines.String(), hidden) {
			t.Errorf("the export shows %q", hidden)
		}
	}
}
