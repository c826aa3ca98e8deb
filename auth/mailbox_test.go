package auth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"conclave/api"
)

func (h *harness) mailbox(s *api.SignedIn, after uint64) *api.Mailbox {
	h.Helper()
	return call[api.Mailbox](h, "GET", fmt.Sprintf("/api/v1/mailbox?after=%d", after), s.Token, nil)
}

func letter(size int) *api.MailboxPost { return &api.MailboxPost{Body: make([]byte, size)} }

func TestMailbox(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	_, tablet := ada.addDevice("tablet")
	after := h.mailbox(ada.first, 0).Next
	toUser, toEndpoint := "/api/v1/mailbox/"+ada.user.String(), "/api/v1/mailbox/"+ada.first.Session.Endpoint
	call[api.Empty](h, "POST", toUser, kofi.first.Token, &api.MailboxPost{Body: []byte("to all")})
	call[api.Empty](h, "POST", toEndpoint, kofi.first.Token, &api.MailboxPost{Body: []byte("to one")})
	got := h.mailbox(ada.first, after)
	if len(got.Messages) != 2 || string(got.Messages[0].Body) != "to all" || got.Messages[0].ToEndpoint ||
		string(got.Messages[1].Body) != "to one" || !got.Messages[1].ToEndpoint || got.Next != got.Messages[1].Seq {
		t.Fatalf("mailbox %+v", got)
	}
	if m := got.Messages[0]; m.Kind != "message" || m.FromUser != kofi.user.String() || m.FromEndpoint != kofi.first.Session.Endpoint {
		t.Errorf("sender %+v", m)
	}
	if all := h.mailbox(ada.first, 0); len(all.Messages) <= 2 {
		t.Errorf("what was read is gone: %+v", all)
	}
	if other := h.mailbox(tablet, after); len(other.Messages) != 1 || string(other.Messages[0].Body) != "to all" {
		t.Errorf("the other device's mailbox %+v", other)
	}
	if rest := h.mailbox(ada.first, got.Next); len(rest.Messages) != 0 || rest.Next != got.Next {
		t.Errorf("rest %+v", rest)
	}
	h.pass(10 * time.Minute)
	if old := h.mailbox(ada.first, 0); len(old.Messages) != 0 {
		t.Errorf("after 10 minutes: %+v", old)
	}
	h.refused(api.CodeMalformed, "GET", "/api/v1/mailbox?after=-1", ada.first.Token, nil)
	h.refused(api.CodeMalformed, "GET", "/api/v1/mailbox?wait_ms=soon", ada.first.Token, nil)
}

func TestMailboxBounds(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	toUser := "/api/v1/mailbox/" + ada.user.String()
	for _, size := range []int{0, api.MaxMailboxBody + 1} {
		h.refused(api.CodeTooLarge, "POST", toUser, kofi.first.Token, letter(size))
	}
	h.refused(api.CodeMalformed, "POST", "/api/v1/mailbox/ada", kofi.first.Token, letter(1))
	h.refused(api.CodeNotFound, "POST", "/api/v1/mailbox/0123456789abcdef0123456789abcdef", kofi.first.Token, letter(1))
	for range 16 {
		call[api.Empty](h, "POST", toUser, kofi.first.Token, letter(api.MaxMailboxBody))
	}
	h.refused(api.CodeMailboxFull, "POST", toUser, kofi.first.Token, letter(1))
	// Others and the user's own devices still come through.
	call[api.Empty](h, "POST", toUser, h.newPerson("noor").first.Token, letter(1))
	call[api.Empty](h, "POST", toUser, ada.first.Token, letter(1))
	// A sender may not fill everybody's.
	left := 60 - 17
	for _, handle := range []string{"grace", "alan", "edsger"} {
		to := "/api/v1/mailbox/" + h.newPerson(handle).first.Session.Endpoint
		for range min(left, 16) {
			call[api.Empty](h, "POST", to, kofi.first.Token, letter(1))
			left--
		}
	}
	toEndpoint := "/api/v1/mailbox/" + ada.first.Session.Endpoint
	h.refused(api.CodeSlowDown, "POST", toEndpoint, kofi.first.Token, letter(1))
	h.pass(10 * time.Minute)
	call[api.Empty](h, "POST", toUser, kofi.first.Token, letter(1))
}

// TestStrangersCannotFillMailboxes holds that who knows the ids of somebody's
// mailboxes cannot keep that person's own devices, and word of sign-ins, out.
func TestStrangersCannotFillMailboxes(t *testing.T) {
	h := newHarness(t, nil)
	ada := h.newPerson("ada")
	_, tablet := ada.addDevice("tablet")
	boxes := []string{ada.user.String(), ada.first.Session.Endpoint}
	senders := make([]*person, 6)
	for i := range senders {
		senders[i] = h.newPerson("s" + string(rune('a'+i)))
		for _, to := range boxes {
			for range 16 {
				call[api.Empty](h, "POST", "/api/v1/mailbox/"+to, senders[i].first.Token, letter(1))
			}
			h.refused(api.CodeMailboxFull, "POST", "/api/v1/mailbox/"+to, senders[i].first.Token, letter(1))
		}
	}
	late := h.newPerson("late")
	for _, to := range boxes {
		h.refused(api.CodeMailboxFull, "POST", "/api/v1/mailbox/"+to, late.first.Token, letter(1))
		call[api.Empty](h, "POST", "/api/v1/mailbox/"+to, tablet.Token, letter(1))
	}
	thief := h.login("ada", "thief")
	all := h.mailbox(ada.first, 0).Messages
	if n := len(all); n == 0 || !slices.ContainsFunc(all, func(m api.MailboxMessage) bool {
		return m.Kind == "sign-in" && m.FromEndpoint == thief.Session.Endpoint
	}) {
		t.Errorf("%d messages, and no word of the sign-in", n)
	}
}

// TestOneSenderCannotFillTheServer holds that letters to one's own mailboxes count
// against who sends them, until they are gone.
func TestOneSenderCannotFillTheServer(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	_, tablet := ada.addDevice("tablet")
	_, watch := ada.addDevice("watch")
	for _, to := range []*api.SignedIn{tablet, watch} {
		for range 128 {
			call[api.Empty](h, "POST", "/api/v1/mailbox/"+to.Session.Endpoint, ada.first.Token, letter(1))
		}
	}
	toFirst := "/api/v1/mailbox/" + ada.first.Session.Endpoint
	h.refused(api.CodeMailboxFull, "POST", toFirst, tablet.Token, letter(1))
	call[api.Empty](h, "POST", toFirst, kofi.first.Token, letter(1))
	call[api.Empty](h, "DELETE", "/api/v1/account/sessions/"+watch.Session.Endpoint, ada.first.Token, nil)
	for range 128 - 1 {
		call[api.Empty](h, "POST", toFirst, tablet.Token, letter(1))
	}
	call[api.Empty](h, "POST", "/api/v1/mailbox/"+ada.user.String(), ada.first.Token, letter(1))
	h.refused(api.CodeMailboxFull, "POST", "/api/v1/mailbox/"+ada.user.String(), ada.first.Token, letter(1))
	h.pass(10 * time.Minute)
	h.mailbox(tablet, 0)
	call[api.Empty](h, "POST", toFirst, tablet.Token, letter(1))
}

// TestMailboxWithoutKeys holds that a session without keys talks with the devices
// of its own user only, and does not read what is for them.
func TestMailboxWithoutKeys(t *testing.T) {
	h := newHarness(t, nil)
	ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
	s := h.login("ada", "new phone")
	call[api.Empty](h, "POST", "/api/v1/mailbox/"+ada.first.Session.Endpoint, s.Token, letter(1))
	call[api.Empty](h, "POST", "/api/v1/mailbox/"+s.Session.Endpoint, ada.first.Token, letter(2))
	call[api.Empty](h, "POST", "/api/v1/mailbox/"+ada.user.String(), kofi.first.Token, letter(3))
	for _, to := range []string{ada.user.String(), kofi.user.String(), kofi.first.Session.Endpoint} {
		h.refused(api.CodeNotBound, "POST", "/api/v1/mailbox/"+to, s.Token, letter(1))
	}
	if got := h.mailbox(s, 0); len(got.Messages) != 1 || len(got.Messages[0].Body) != 2 {
		t.Errorf("mailbox %+v, want its own message only", got)
	}
}

// poll waits for mail in another goroutine.
func (h *harness) poll(ctx context.Context, s *api.SignedIn, after uint64) <-chan *httptest.ResponseRecorder {
	done := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		done <- h.send(ctx, "GET", fmt.Sprintf("/api/v1/mailbox?after=%d&wait_ms=60000", after), s.Token, nil)
	}()
	return done
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		ada, kofi := h.newPerson("ada"), h.newPerson("kofi")
		_, tablet := ada.addDevice("tablet")
		after := h.mailbox(ada.first, 0).Next
		begin := time.Now()
		poll := h.poll(t.Context(), ada.first, after)
		synctest.Wait()
		call[api.Empty](h, "POST", "/api/v1/mailbox/"+ada.user.String(), kofi.first.Token, letter(1))
		resp := <-poll
		var box api.Mailbox
		if err := json.NewDecoder(resp.Body).Decode(&box); err != nil || len(box.Messages) != 1 || time.Since(begin) != 0 {
			t.Errorf("poll %+v, %v after %v, want the message at once", box, err, time.Since(begin))
		}
		// Nothing comes: it ends after 25 s, whatever was asked.
		if resp = <-h.poll(t.Context(), ada.first, box.Next); resp.Code != 200 || time.Since(begin) != 25*time.Second {
			t.Errorf("empty poll: %d after %v", resp.Code, time.Since(begin))
		}
		// The client leaves.
		ctx, cancel := context.WithCancel(t.Context())
		poll = h.poll(ctx, ada.first, box.Next)
		synctest.Wait()
		cancel()
		<-poll
		// The device is removed while it waits.
		poll = h.poll(t.Context(), tablet, box.Next)
		synctest.Wait()
		begin = time.Now()
		ada.devices = ada.devices[:1]
		ada.publish(ada.first.Token, ada.record(ada.devices))
		if resp = <-poll; resp.Code != http.StatusUnauthorized || time.Since(begin) != 0 {
			t.Errorf("poll of a removed device: %d after %v, want 401 at once", resp.Code, time.Since(begin))
		}
		// Four polls of one session, and no more.
		for range 4 {
			h.poll(t.Context(), ada.first, box.Next)
		}
		synctest.Wait()
		if resp = <-h.poll(t.Context(), ada.first, box.Next); resp.Code != http.StatusTooManyRequests {
			t.Errorf("fifth poll: %d, want 429", resp.Code)
		}
		// The server shuts down.
		h.service.Close()
		h.service.Close()
		synctest.Wait()
		begin = time.Now()
		if resp = <-h.poll(t.Context(), ada.first, box.Next); resp.Code != 200 || time.Since(begin) != 0 {
			t.Errorf("poll after the end: %d after %v", resp.Code, time.Since(begin))
		}
	})
}
