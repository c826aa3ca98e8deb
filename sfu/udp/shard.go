package udp

import (
	"errors"
	"log/slog"
	"net"
	"time"

	"conclave/sfu/rtp"
	"conclave/sfu/udp/batch"
)

// A shard is a socket and the goroutine that reads it. All its fields belong to
// that goroutine.
type shard struct {
	t         *Transport
	socket    *batch.Socket
	batch     *batch.ReadBatch
	datagrams [][]byte // of one group
	intake    intake

	waited time.Time     // when it last waited for the rest of a picture
	pause  time.Duration // until it may wait again
	timer  *time.Timer   // of rest; nil before it
}

func (t *Transport) newShard(s *batch.Socket, i int, v6 bool) *shard {
	return &shard{
		t: t, socket: s, batch: batch.NewReadBatch(s),
		intake: intake{t: t, send: t.newSender(i, v6), in: make([]rtp.Inbound, 0, 64)},
	}
}

// run serves the socket until it is closed.
func (s *shard) run() {
	for {
		n, err := s.socket.Read(s.batch)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.t.log.Error("a media socket does not work any more", slog.Any("error", err))
			}
			return
		}
		if s.unfinished(n) {
			n = s.gather(s.t.clock(), n)
		}
		s.serve(n)
		if s.socket.RTCP() && n < fewReports && !s.rest() {
			return
		}
	}
}

const (
	// reportPause is how long RTCP waits to be read together with what comes after
	// it: a receiver reports ten to twenty times a second, and to wake up for
	// each cost a fifth of the server's time with 100 receivers.
	reportPause = 5 * time.Millisecond
	// fewReports is a number of datagrams after which the shard rests. When there
	// are more it reads on, so that nothing is dropped.
	fewReports = 16
)

// rest waits for more RTCP. It reports false when the transport is closed.
func (s *shard) rest() bool {
	if s.timer == nil {
		s.timer = time.NewTimer(reportPause)
	} else {
		s.timer.Reset(reportPause)
	}
	select {
	case <-s.timer.C:
		return true
	case <-s.t.closing:
		return false
	}
}

const (
	// leastPause and mostPause are the time from one wait for the rest of a picture
	// to the next: the first while waits find something, which bounds them to a tenth
	// of a processor; the other where packets come one by one.
	leastPause = 2 * time.Millisecond
	mostPause  = 128 * time.Millisecond
	// maxWaits is how often it waits for one picture at most, about 100 µs each.
	maxWaits = 2
	// fullPacket is how long a packet is, in bytes, that others of its picture
	// follow at once. Sound is shorter.
	fullPacket = 600
)

// unfinished reports whether the last of n datagrams is a full packet of video that
// does not end its picture. Cameras send a picture as one burst, whose packets
// arrive some µs apart; the first of them wakes the shard.
func (s *shard) unfinished(n int) bool {
	b := s.batch.Message(n - 1).Data
	return len(b) >= fullPacket && classify(b) == classMedia && b[1]&0x80 == 0
}

// gather waits a moment for the rest of a picture. In one batch each receiver gets
// it in one message, which halves what sending costs against single packets. Where
// nothing came it waits seldom.
func (s *shard) gather(now time.Time, n int) int {
	if now.Sub(s.waited) < s.pause {
		return n
	}
	s.waited = now
	s.pause = min(max(2*s.pause, leastPause), mostPause)
	for range maxWaits {
		s.socket.Wait()
		before := n
		if n = s.socket.More(s.batch); n == before {
			break
		}
		s.pause = leastPause
		if !s.unfinished(n) {
			break
		}
	}
	return n
}

// serve takes the n datagrams of a batch: those that follow each other from one
// address together, then sends what came of it.
func (s *shard) serve(n int) {
	now := s.t.clock()
	for i := 0; i < n; {
		m := s.batch.Message(i)
		l := link{route: route{m.From, m.To}}
		s.datagrams = s.datagrams[:0]
		for ; i < n; i++ {
			m = s.batch.Message(i)
			if m.From != l.remote || m.To != l.local {
				break
			}
			s.datagrams = append(s.datagrams, m.Data)
		}
		s.intake.group(now, &l, s.t.demux.find(l.route), s.datagrams)
	}
	s.intake.flush()
}
