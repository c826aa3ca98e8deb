package meeting

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"conclave/api"
)

const modelGrace = 10 * time.Second

// A modelServer is an honest server of one meeting, as simple as api/conclave.proto
// allows. Hostile tests change what it sends through edit.
type modelServer struct {
	now      func() time.Time
	seats    []*modelSeat
	nextSeat uint32
	epoch    uint64
	known    bool // the meeting exists
	log      []modelEvent
	limit    int
	leftOut  int // commits that would have put somebody out who was there
	// edit may change or drop (nil) a frame before it is sent to a seat.
	edit func(to *modelSeat, f *api.ServerFrame) *api.ServerFrame
	// meddle may change a Join before it is looked at.
	meddle func(j *api.Join)
	// refuse may refuse a frame of a client with an error.
	refuse func(from *modelSeat, f *api.ClientFrame) *api.Error
}

type modelSeat struct {
	id           uint32
	announcement []byte
	token        []byte
	member       bool
	conn         *modelConn // nil while away
	awaySince    time.Time
}

type modelEvent struct {
	event  *api.Event
	sealed map[uint32][]byte // of an EpochBegan
}

// A modelConn is the server's end of a connection.
type modelConn struct {
	send  func([]byte)
	close func()
	seat  *modelSeat
}

func (s *modelServer) seat(id uint32) *modelSeat {
	for _, o := range s.seats {
		if o.id == id {
			return o
		}
	}
	return nil
}

func (s *modelServer) sendTo(seat *modelSeat, f *api.ServerFrame) {
	if seat.conn == nil {
		return
	}
	if s.edit != nil {
		if f = s.edit(seat, proto.Clone(f).(*api.ServerFrame)); f == nil {
			return
		}
	}
	b, err := proto.Marshal(f)
	if err != nil {
		panic(err)
	}
	seat.conn.send(b)
}

func (s *modelServer) record(e *api.Event, sealed map[uint32][]byte) uint64 {
	e.Sequence = uint64(len(s.log)) + 1
	s.log = append(s.log, modelEvent{e, sealed})
	for _, o := range s.seats {
		s.sendTo(o, s.log[len(s.log)-1].frame(o.id))
	}
	return e.GetSequence()
}

func (e modelEvent) frame(to uint32) *api.ServerFrame {
	ev := proto.Clone(e.event).(*api.Event)
	if b := ev.GetEpochBegan(); b != nil {
		b.Sealed = e.sealed[to]
	}
	return &api.ServerFrame{Body: &api.ServerFrame_Event{Event: ev}}
}

func (s *modelServer) receive(c *modelConn, frame []byte) {
	var f api.ClientFrame
	if err := proto.Unmarshal(frame, &f); err != nil {
		panic(err)
	}
	if j := f.GetJoin(); j != nil {
		s.join(c, f.GetRequest(), j)
		return
	}
	seat := c.seat
	if seat == nil || seat.conn != c {
		return
	}
	if s.refuse != nil {
		if e := s.refuse(seat, &f); e != nil {
			s.reply(seat, f.GetRequest(), &api.Reply{Body: &api.Reply_Error{Error: e}})
			return
		}
	}
	switch b := f.GetBody().(type) {
	case *api.ClientFrame_Ping:
		s.reply(seat, f.GetRequest(), &api.Reply{Body: &api.Reply_Pong{Pong: &api.Pong{}}})
	case *api.ClientFrame_Leave:
		s.remove(seat)
	case *api.ClientFrame_Commit:
		s.commit(seat, f.GetRequest(), b.Commit)
	case *api.ClientFrame_Data:
		if !seat.member {
			s.reply(seat, f.GetRequest(), &api.Reply{Body: &api.Reply_Error{Error: &api.Error{
				Code: api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT, CurrentEpoch: s.epoch,
			}}})
			return
		}
		n := s.record(&api.Event{Body: &api.Event_DataSent{
			DataSent: &api.DataSent{Seat: seat.id, Sealed: b.Data.GetSealed()},
		}}, nil)
		s.accepted(seat, f.GetRequest(), n)
	case *api.ClientFrame_Publish:
		s.reply(seat, f.GetRequest(), &api.Reply{Body: &api.Reply_Published{
			Published: &api.Published{Sdp: "answer to " + b.Publish.GetSdp()},
		}})
	}
}

func (s *modelServer) join(c *modelConn, request uint64, j *api.Join) {
	refuse := func(e *api.Error) {
		b, _ := proto.Marshal(&api.ServerFrame{Body: &api.ServerFrame_Reply{Reply: &api.Reply{
			Request: request, Body: &api.Reply_Error{Error: e},
		}}})
		c.send(b)
	}
	if s.meddle != nil {
		s.meddle(j)
	}
	if r := j.GetResume(); r != nil {
		seat := s.seat(r.GetSeat())
		if seat == nil || !bytes.Equal(seat.token, r.GetToken()) {
			refuse(&api.Error{Code: api.ErrorCode_ERROR_CODE_SEAT_GONE})
			return
		}
		s.resume(c, request, seat, r.GetLastEvent())
		return
	}
	switch {
	case !isAdmitted(j):
		refuse(&api.Error{Code: api.ErrorCode_ERROR_CODE_NOT_ADMITTED})
		return
	case !s.known && !j.GetCreate():
		refuse(&api.Error{Code: api.ErrorCode_ERROR_CODE_MEETING_UNKNOWN})
		return
	case s.limit > 0 && len(s.seats) >= s.limit:
		refuse(&api.Error{Code: api.ErrorCode_ERROR_CODE_MEETING_FULL, Limit: uint32(s.limit)})
		return
	}
	s.known = true
	s.nextSeat++
	seat := &modelSeat{id: s.nextSeat, announcement: j.GetAnnouncement(), token: make([]byte, 16)}
	rand.Read(seat.token)
	s.record(&api.Event{Body: &api.Event_SeatJoined{SeatJoined: &api.SeatJoined{
		Seat: &api.Seat{Seat: seat.id, Announcement: seat.announcement},
	}}}, nil)
	s.seats = append(s.seats, seat)
	seat.conn, c.seat = c, seat
	s.reply(seat, request, &api.Reply{Body: &api.Reply_Joined{Joined: s.joined(seat, uint64(len(s.log)), false)}})
}

// isAdmitted reports whether a device has shown that it holds the link.
func isAdmitted(j *api.Join) bool {
	key := ed25519.PublicKey(j.GetAdmissionKey())
	id := sha256.Sum256(append([]byte("Conclave 1.0 meeting id"), key...))
	meeting := strings.ToLower(base32.StdEncoding.EncodeToString(id[:10]))
	if len(key) != ed25519.PublicKeySize || meeting != j.GetMeeting() {
		return false
	}
	hash := sha256.Sum256(j.GetAnnouncement())
	signed := "Conclave 1.0 admission\x10" + j.GetMeeting() + string(hash[:])
	return ed25519.Verify(key, []byte(signed), j.GetAdmission())
}

func (s *modelServer) resume(c *modelConn, request uint64, seat *modelSeat, after uint64) {
	old := seat.conn
	seat.conn, c.seat = c, seat
	s.reply(seat, request, &api.Reply{Body: &api.Reply_Joined{Joined: s.joined(seat, after, true)}})
	for _, e := range s.log[min(after, uint64(len(s.log))):] {
		s.sendTo(seat, e.frame(seat.id))
	}
	if old != nil {
		old.close()
		return
	}
	s.record(&api.Event{Body: &api.Event_SeatBack{SeatBack: &api.SeatBack{Seat: seat.id}}}, nil)
}

func (s *modelServer) joined(seat *modelSeat, last uint64, resumed bool) *api.Joined {
	j := &api.Joined{
		Seat: seat.id, Token: seat.token, Epoch: s.epoch, LastEvent: last,
		GraceMs: uint32(modelGrace.Milliseconds()), Limit: 50, Resumed: resumed,
	}
	for _, o := range s.seats {
		j.Seats = append(j.Seats, &api.Seat{Seat: o.id, Announcement: o.announcement, Away: o.conn == nil})
	}
	return j
}

func (s *modelServer) commit(seat *modelSeat, request uint64, c *api.Commit) {
	ok := c.GetEpoch() == s.epoch+1 && (s.epoch == 0 || seat.member)
	sealed := make(map[uint32][]byte)
	for _, k := range c.GetSealed() {
		ok = ok && s.seat(k.GetSeat()) != nil
		sealed[k.GetSeat()] = k.GetSealed()
	}
	for _, o := range s.seats {
		if ok && o.member && o != seat && sealed[o.id] == nil {
			s.leftOut++
			ok = false
		}
	}
	if !ok {
		s.reply(seat, request, &api.Reply{Body: &api.Reply_Error{Error: &api.Error{
			Code: api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT, CurrentEpoch: s.epoch,
		}}})
		return
	}
	s.epoch++
	for _, o := range s.seats {
		o.member = o == seat || sealed[o.id] != nil
	}
	n := s.record(&api.Event{Body: &api.Event_EpochBegan{EpochBegan: &api.EpochBegan{
		Epoch: s.epoch, CommitterSeat: seat.id, Header: c.GetHeader(),
	}}}, sealed)
	s.accepted(seat, request, n)
}

func (s *modelServer) accepted(seat *modelSeat, request, sequence uint64) {
	s.reply(seat, request, &api.Reply{Body: &api.Reply_Accepted{
		Accepted: &api.Accepted{Epoch: s.epoch, Sequence: sequence},
	}})
}

func (s *modelServer) reply(seat *modelSeat, request uint64, r *api.Reply) {
	if request == 0 {
		return
	}
	r.Request = request
	s.sendTo(seat, &api.ServerFrame{Body: &api.ServerFrame_Reply{Reply: r}})
}

// lost notes that a connection has ended.
func (s *modelServer) lost(c *modelConn) {
	if c.seat == nil || c.seat.conn != c {
		return
	}
	c.seat.conn, c.seat.awaySince = nil, s.now()
	s.record(&api.Event{Body: &api.Event_SeatAway{SeatAway: &api.SeatAway{Seat: c.seat.id}}}, nil)
}

func (s *modelServer) remove(seat *modelSeat) {
	s.seats = slices.DeleteFunc(s.seats, func(o *modelSeat) bool { return o == seat })
	seat.conn = nil
	s.record(&api.Event{Body: &api.Event_SeatLeft{SeatLeft: &api.SeatLeft{Seat: seat.id}}}, nil)
	if !slices.ContainsFunc(s.seats, func(o *modelSeat) bool { return o.member }) {
		s.epoch = 0
	}
}

// tick gives up the seats that were away too long.
func (s *modelServer) tick() {
	for _, o := range slices.Clone(s.seats) {
		if o.conn == nil && s.now().Sub(o.awaySince) >= modelGrace {
			s.remove(o)
		}
	}
}
