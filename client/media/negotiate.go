package media

import (
	"context"
	"log/slog"
	"net"

	"conclave/client/meeting"
)

// negotiate runs job, which takes time, in a goroutine of its own. An error is
// logged: the other side then lacks an answer, and what follows is the same as
// when that was lost on its way.
func (p *Participant) negotiate(what string, job func(context.Context) error) {
	p.work.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, offerWait)
		defer cancel()
		if err := job(ctx); err != nil && p.ctx.Err() == nil {
			p.log.Warn("negotiation came to nothing", slog.String("what", what), slog.Any("error", err))
		}
	})
}

// joined starts afresh with a new seat: new keys, new peer connections.
func (p *Participant) joined(j meeting.Joined) {
	p.servers = j.IceServers
	if j.Resumed {
		// An answer to a Publish may have been lost with the connection.
		if p.publisher != nil && !p.publisher.started.Load() {
			p.publish(false)
		}
		return
	}
	p.seat = j.Seat
	p.dropKeys()
	p.lastStreams = meeting.Streams{}
	p.closeMedia()
	if p.cfg.Video != nil || p.cfg.Audio != nil {
		pub, err := newPublisher(p.servers, clips{p.cfg.Video, p.cfg.Audio}, p.keys, &p.stats, p.stateChanged("sending", func() { p.publish(true) }))
		if err != nil {
			p.log.Error("nothing is sent", slog.Any("error", err))
			return
		}
		p.publisher = pub
		p.publish(false)
	}
}

// publish offers the sending peer connection.
func (p *Participant) publish(restart bool) {
	pub := p.publisher
	if pub == nil {
		return
	}
	p.negotiate("publish", func(ctx context.Context) error {
		offer, err := pub.offer(ctx, restart)
		if err != nil {
			return err
		}
		return p.conn.Publish(offer, pub.streams())
	})
}

func (p *Participant) takeAnswer(out meeting.Published) {
	if p.publisher == nil {
		return
	}
	if err := p.publisher.answered(out.SDP); err != nil {
		p.log.Warn("server's answer cannot be used", slog.Any("error", err))
		return
	}
	if err := p.conn.SetState(meeting.State{Mic: p.publisher.audio != nil, Camera: p.publisher.video != nil}); err != nil {
		p.log.Debug("state not sent", slog.Any("error", err))
	}
}

// takeKeys begins to use the keys of an epoch. Those to receive with wait in
// lastKeys as long as there is nothing to receive.
func (p *Participant) takeKeys(k meeting.Keys) {
	if err := p.keys.install(k, p.conn.Lease); err != nil {
		p.log.Error("nothing is sent in this epoch", slog.Uint64("epoch", k.Epoch), slog.Any("error", err))
	}
	if p.subscriber != nil {
		p.subscriber.opener.putKeys(p.ctx, k)
		return
	}
	erase(p.lastKeys.Receive)
	p.lastKeys = k
}

// dropKeys stops sending and opening at once.
func (p *Participant) dropKeys() {
	p.keys.clear()
	if p.subscriber != nil {
		p.subscriber.opener.revoke()
	}
	erase(p.lastKeys.Receive)
	p.lastKeys = meeting.Keys{}
}

// takeStreams asks for all streams of others, as large as they come.
func (p *Participant) takeStreams(s meeting.Streams) {
	p.lastStreams = s
	if !p.cfg.Receive {
		return
	}
	if p.subscriber != nil {
		p.subscriber.opener.put(p.ctx, s)
	}
	var view []meeting.ViewItem
	for _, stream := range s.Streams {
		isVideo := stream.StreamKind == meeting.Camera || stream.StreamKind == meeting.Screen
		if stream.Seat == p.seat || !stream.Active || !isVideo || len(view) == viewItems {
			continue
		}
		view = append(view, meeting.ViewItem{Stream: stream.Stream, Width: viewWidth, Height: viewHeight, Priority: 2})
	}
	if err := p.conn.View(view); err != nil {
		p.log.Debug("view not sent", slog.Any("error", err))
	}
}

// answerOffer answers the server's offer of what it sends.
func (p *Participant) answerOffer(offer meeting.SubscribeOffer) {
	if p.subscriber == nil && !p.startReceiving() {
		return
	}
	sub := p.subscriber
	sub.opener.put(p.ctx, offer.Slots)
	p.negotiate("subscribe", func(ctx context.Context) error {
		answer, err := sub.answer(ctx, offer.SDP)
		if err != nil {
			return err
		}
		return p.conn.AnswerSubscribe(offer.Generation, answer)
	})
}

// startReceiving makes the receiving peer connection and reports whether that
// worked.
func (p *Participant) startReceiving() bool {
	var packets net.PacketConn
	var err error
	if p.cfg.Packets != nil {
		packets, err = p.cfg.Packets()
	}
	var sub *subscriber
	if err == nil {
		sub, err = newSubscriber(p.servers, packets, newOpener(&p.stats, p.cfg.OnFrame), p.stateChanged("receiving", p.restartSubscribe))
	}
	if err != nil {
		p.log.Error("nothing is received", slog.Any("error", err))
		return false
	}
	p.subscriber = sub
	if p.lastKeys.Epoch != 0 {
		sub.opener.putKeys(p.ctx, p.lastKeys) // which erases them
		p.lastKeys = meeting.Keys{}
	}
	sub.opener.put(p.ctx, p.lastStreams)
	return true
}

// restartSubscribe asks for new candidates when the receiving connection failed.
func (p *Participant) restartSubscribe() {
	if err := p.conn.RestartSubscribe(); err != nil {
		p.log.Debug("receiving not restarted", slog.Any("error", err))
	}
}

// closeMedia ends both peer connections.
func (p *Participant) closeMedia() {
	if p.publisher != nil {
		if err := p.publisher.close(); err != nil {
			p.log.Debug("closing the sending peer connection", slog.Any("error", err))
		}
		p.publisher = nil
	}
	if p.subscriber != nil {
		if err := p.subscriber.close(); err != nil {
			p.log.Debug("closing the receiving peer connection", slog.Any("error", err))
		}
		p.subscriber = nil
	}
}
