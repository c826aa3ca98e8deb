package conn

import (
	"time"

	"conclave/client/meeting"
)

// The methods below are those of [meeting.Meeting] with the same names. They
// return its errors, or ErrClosed.

// SendChat sends text to all members and returns the message's id.
func (c *Conn) SendChat(text string) (id string, err error) {
	err = c.do(func(m *meeting.Meeting, now time.Time) error {
		var err error
		id, err = m.SendChat(now, text)
		return err
	})
	return id, err
}

// RetryChat sends a message again that ended in meeting.ChatFailed.
func (c *Conn) RetryChat(id string) error {
	return c.do(func(m *meeting.Meeting, now time.Time) error { return m.RetryChat(now, id) })
}

// SetState tells all members what s says.
func (c *Conn) SetState(s meeting.State) error {
	return c.do(func(m *meeting.Meeting, now time.Time) error { return m.SetState(now, s) })
}

// Publish offers the sending peer connection.
func (c *Conn) Publish(sdp string, streams []meeting.PublishedStream) error {
	return c.do(func(m *meeting.Meeting, now time.Time) error { return m.Publish(now, sdp, streams) })
}

// AnswerSubscribe answers the SubscribeOffer of the same generation.
func (c *Conn) AnswerSubscribe(generation uint64, sdp string) error {
	return c.do(func(m *meeting.Meeting, now time.Time) error { return m.AnswerSubscribe(now, generation, sdp) })
}

// View says what is shown.
func (c *Conn) View(items []meeting.ViewItem) error {
	return c.do(func(m *meeting.Meeting, now time.Time) error { return m.View(now, items) })
}

// RequestKeyFrame asks for a key frame of a stream.
func (c *Conn) RequestKeyFrame(stream meeting.StreamID) error {
	return c.do(func(m *meeting.Meeting, now time.Time) error { return m.RequestKeyFrame(now, stream) })
}

// RestartSubscribe asks for a SubscribeOffer with new ICE credentials.
func (c *Conn) RestartSubscribe() error {
	return c.do(func(m *meeting.Meeting, now time.Time) error { return m.RestartSubscribe(now) })
}

// Lease hands out n frame counters of a context.
func (c *Conn) Lease(context uint8, n uint64) (from, to uint64, err error) {
	err = c.do(func(m *meeting.Meeting, _ time.Time) error {
		var err error
		from, to, err = m.Lease(context, n)
		return err
	})
	return from, to, err
}

// Stats returns what was refused so far.
func (c *Conn) Stats() (s meeting.Stats, err error) {
	err = c.do(func(m *meeting.Meeting, _ time.Time) error {
		s = m.Stats()
		return nil
	})
	return s, err
}

// Leave gives the seat up.
func (c *Conn) Leave() error {
	return c.do(func(m *meeting.Meeting, now time.Time) error { return m.Leave(now) })
}
