package udp

import (
	"errors"
	"log/slog"
	"net"

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
		s.serve(n)
	}
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
