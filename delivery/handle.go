package delivery

import (
	"context"
	"errors"
	"log/slog"

	"conclave/api"
	"conclave/core/mlswire"
)

// A malformedError says what is wrong with a request.
type malformedError string

func (e malformedError) Error() string { return string(e) }

// errLarge says that a part of a request is over its bound.
var errLarge = errors.New("larger than the server takes")

// Handle answers a request of a device, other than Hello. It never returns nil.
func (s *Service) Handle(ctx context.Context, d Device, req *api.DeliveryRequest) *api.DeliveryFrame {
	f, err := s.answer(ctx, d, req)
	if err != nil {
		f = s.refusal(err)
	}
	f.Request = req.GetRequest()
	return f
}

func (s *Service) answer(ctx context.Context, d Device, req *api.DeliveryRequest) (*api.DeliveryFrame, error) {
	switch b := req.GetBody().(type) {
	case *api.DeliveryRequest_CreateGroup:
		return s.createGroup(ctx, d, b.CreateGroup)
	case *api.DeliveryRequest_SendMessage:
		return s.sendMessage(ctx, d, b.SendMessage)
	case *api.DeliveryRequest_SendCommit:
		return s.sendCommit(ctx, d, b.SendCommit)
	case *api.DeliveryRequest_Ack:
		return s.ack(d, b.Ack)
	case *api.DeliveryRequest_Rewind:
		return s.rewind(ctx, d, b.Rewind)
	case *api.DeliveryRequest_AckInbox:
		return s.ackInbox(ctx, d, b.AckInbox)
	case *api.DeliveryRequest_Ephemeral:
		return s.sendEphemeral(ctx, d, b.Ephemeral)
	case *api.DeliveryRequest_Rejoin:
		return s.sendRejoin(ctx, d, b.Rejoin)
	case *api.DeliveryRequest_ListGroups:
		return s.listGroups(ctx, d)
	case *api.DeliveryRequest_Alive:
		return done(), nil
	}
	return nil, malformedError("this server does not know the request")
}

func done() *api.DeliveryFrame {
	return &api.DeliveryFrame{Body: &api.DeliveryFrame_Done{Done: &api.Done{}}}
}

// refusal says an error to a device.
func (s *Service) refusal(err error) *api.DeliveryFrame {
	r := &api.Refusal{Text: err.Error()}
	stale, often, malformed := new(StaleError), new(OftenError), malformedError("")
	switch {
	case errors.As(err, &malformed):
		r.Code = api.RefusalCode_REFUSAL_CODE_MALFORMED
	case errors.Is(err, errLarge):
		r.Code = api.RefusalCode_REFUSAL_CODE_TOO_LARGE
	case errors.Is(err, ErrGroupUnknown):
		r.Code = api.RefusalCode_REFUSAL_CODE_GROUP_UNKNOWN
	case errors.Is(err, ErrGroupTaken):
		r.Code = api.RefusalCode_REFUSAL_CODE_GROUP_TAKEN
	case errors.As(err, &stale):
		r.Code, r.Epoch, r.Head = api.RefusalCode_REFUSAL_CODE_STALE_EPOCH, stale.Epoch, stale.Head
	case errors.Is(err, ErrMany):
		r.Code = api.RefusalCode_REFUSAL_CODE_TOO_MANY
	case errors.As(err, &often):
		r.Code, r.RetryMs = api.RefusalCode_REFUSAL_CODE_SLOW_DOWN, uint64(max(often.Wait.Milliseconds(), 1))
	case errors.Is(err, ErrGone):
		r.Code = api.RefusalCode_REFUSAL_CODE_GONE
	case s.cfg.Full(err):
		r.Code = api.RefusalCode_REFUSAL_CODE_FULL
	default:
		r.Code, r.Text = api.RefusalCode_REFUSAL_CODE_INTERNAL, "internal error; the server's log says more"
		s.cfg.Log.Error("a request for delivery failed", slog.Any("error", err))
	}
	s.mu.Lock()
	s.count.Refused[r.Code]++
	s.mu.Unlock()
	return &api.DeliveryFrame{Body: &api.DeliveryFrame_Refusal{Refusal: r}}
}

// id reads an id of 16 bytes.
func id(b []byte) ([16]byte, error) {
	if len(b) != 16 {
		return [16]byte{}, malformedError("an id has 16 bytes")
	}
	return [16]byte(b), nil
}

// within says that a part is too large.
func within(b []byte, most int) error {
	if len(b) > most {
		return errLarge
	}
	return nil
}

// sealed checks that a message is what the request says of it.
func sealed(message []byte, group [16]byte, epoch uint64, commit bool) error {
	h, err := mlswire.Peek(message)
	if err != nil || h.WireFormat != mlswire.WireFormatPrivateMessage && h.WireFormat != mlswire.WireFormatPublicMessage {
		return malformedError("not a message of MLS")
	}
	if string(h.GroupID) != string(group[:]) || h.Epoch != epoch || (h.ContentType == mlswire.ContentTypeCommit) != commit {
		return malformedError("the message is of another group, epoch or kind")
	}
	return nil
}

func (s *Service) createGroup(ctx context.Context, d Device, r *api.CreateGroup) (*api.DeliveryFrame, error) {
	group, err := id(r.GetGroup())
	if err != nil {
		return nil, err
	}
	if err := s.rates.allow(d.ID, actCommit, s.cfg.Now()); err != nil {
		return nil, err
	}
	if err := s.cfg.Store.CreateGroup(ctx, group, d, s.cfg.Limits.Store); err != nil {
		return nil, err
	}
	s.reattach(d.ID)
	return done(), nil
}

// reattach lets a device that is connected look which groups it is in.
func (s *Service) reattach(device [16]byte) { s.cfg.Bus.Publish(Notice{Device: device}) }

// appendOf reads what messages and commits have in common.
func (s *Service) appendOf(d Device, group, client, message []byte, epoch uint64, commit bool) (Append, error) {
	g, err := id(group)
	if err != nil {
		return Append{}, err
	}
	c, err := id(client)
	if err != nil {
		return Append{}, err
	}
	a := Append{Group: g, Sender: d.ID, ClientID: c, Epoch: epoch, Time: s.millis(), Message: message}
	most := MaxMessage
	if commit {
		most = MaxCommit
	}
	if err := within(message, most); err != nil {
		return a, err
	}
	return a, sealed(message, g, epoch, commit)
}

func (s *Service) sendMessage(ctx context.Context, d Device, r *api.SendMessage) (*api.DeliveryFrame, error) {
	a, err := s.appendOf(d, r.GetGroup(), r.GetClientMessageId(), r.GetMessage(), r.GetEpoch(), false)
	if err != nil {
		return nil, err
	}
	if err := s.rates.allow(d.ID, actMessage, s.cfg.Now()); err != nil {
		return nil, err
	}
	sent, err := s.cfg.Store.AppendMessage(ctx, &a)
	if err != nil {
		return nil, err
	}
	s.stored(&a, KindMessage, sent)
	return sentFrame(sent), nil
}

// stored tells everybody of a row.
func (s *Service) stored(a *Append, kind Kind, sent Sent) {
	s.mu.Lock()
	if sent.Again {
		s.count.Again++
	} else {
		s.count.Appended++
	}
	s.mu.Unlock()
	if sent.Again {
		return
	}
	row := Row{Seq: sent.Seq, Kind: kind, Sender: a.Sender, ClientID: a.ClientID, Epoch: a.Epoch, Time: a.Time, Message: a.Message}
	s.recent.add(a.Group, row.wire())
	s.cfg.Bus.Publish(Notice{Group: a.Group, Head: sent.Seq})
}

func sentFrame(s Sent) *api.DeliveryFrame {
	return &api.DeliveryFrame{Body: &api.DeliveryFrame_Sent{Sent: &api.Sent{Seq: s.Seq, Epoch: s.Epoch, Head: s.Head}}}
}

func (s *Service) sendCommit(ctx context.Context, d Device, r *api.SendCommit) (*api.DeliveryFrame, error) {
	a, err := s.appendOf(d, r.GetGroup(), r.GetClientMessageId(), r.GetMessage(), r.GetEpoch(), true)
	if err != nil {
		return nil, err
	}
	c := &Commit{Append: a, Tree: r.GetRatchetTree()}
	if err := commitOf(c, r); err != nil {
		return nil, err
	}
	if err := s.rates.allow(d.ID, actCommit, s.cfg.Now()); err != nil {
		return nil, err
	}
	sent, err := s.cfg.Store.AppendCommit(ctx, c, s.cfg.Limits.Store)
	if err != nil {
		return nil, err
	}
	s.stored(&c.Append, KindCommit, sent)
	if !sent.Again {
		for _, gone := range c.Removed {
			s.reattach(gone)
		}
		for i := range c.Added {
			s.reattach(c.Added[i].ID)
		}
	}
	return sentFrame(sent), nil
}

// commitOf reads who comes and goes.
func commitOf(c *Commit, r *api.SendCommit) error {
	if len(r.GetAdded()) > MaxAdded || len(r.GetRemoved()) > MaxAdded {
		return ErrMany
	}
	if err := within(c.Tree, MaxTree); err != nil {
		return err
	}
	for _, in := range r.GetAdded() {
		user, err := id(in.GetUser())
		if err != nil {
			return err
		}
		device, err := id(in.GetDevice())
		if err != nil {
			return err
		}
		if err := within(in.GetWelcome(), MaxWelcome); err != nil {
			return err
		}
		if h, err := mlswire.Peek(in.GetWelcome()); err != nil || h.WireFormat != mlswire.WireFormatWelcome {
			return malformedError("not a Welcome")
		}
		c.Added = append(c.Added, Added{Device: Device{User: user, ID: device}, Welcome: in.GetWelcome()})
	}
	for _, in := range r.GetRemoved() {
		device, err := id(in)
		if err != nil {
			return err
		}
		c.Removed = append(c.Removed, device)
	}
	return nil
}

// attachment returns the one of a device, or nil.
func (s *Service) attachment(device [16]byte) *Attachment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.online[device]
}

// ack notes how far a device got. It is written a little later.
func (s *Service) ack(d Device, r *api.Ack) (*api.DeliveryFrame, error) {
	group, err := id(r.GetGroup())
	if err != nil {
		return nil, err
	}
	a := s.attachment(d.ID)
	if a == nil || !a.reads(group) {
		return nil, ErrGroupUnknown
	}
	key := ackKey{group, d.ID}
	s.mu.Lock()
	s.acks[key] = max(s.acks[key], r.GetSeq())
	s.mu.Unlock()
	a.acknowledge(group, r.GetSeq())
	return done(), nil
}

// reads reports whether the device is in a group.
func (a *Attachment) reads(group [16]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cursors[group] != nil
}

func (s *Service) rewind(ctx context.Context, d Device, r *api.Rewind) (*api.DeliveryFrame, error) {
	group, err := id(r.GetGroup())
	if err != nil {
		return nil, err
	}
	if err := s.rates.allow(d.ID, actRewind, s.cfg.Now()); err != nil {
		return nil, err
	}
	m, err := s.cfg.Store.Membership(ctx, group, d.ID)
	if err != nil {
		return nil, err
	}
	if r.GetAfter() < m.Joined || r.GetAfter()+1 < m.First || r.GetAfter() > m.Head {
		return nil, ErrGone
	}
	if a := s.attachment(d.ID); a != nil {
		a.rewind(group, r.GetAfter())
	}
	return done(), nil
}

func (s *Service) ackInbox(ctx context.Context, d Device, r *api.AckInbox) (*api.DeliveryFrame, error) {
	if err := s.cfg.Store.AckInbox(ctx, d.ID, r.GetSeq()); err != nil {
		return nil, err
	}
	if a := s.attachment(d.ID); a != nil {
		a.acknowledgeInbox()
	}
	return done(), nil
}

func (s *Service) sendEphemeral(ctx context.Context, d Device, r *api.Ephemeral) (*api.DeliveryFrame, error) {
	group, err := id(r.GetGroup())
	if err != nil {
		return nil, err
	}
	if err := within(r.GetPayload(), MaxEphemeral); err != nil {
		return nil, err
	}
	h, err := mlswire.Peek(r.GetPayload())
	if err != nil || h.WireFormat != mlswire.WireFormatPrivateMessage || string(h.GroupID) != string(group[:]) {
		return nil, malformedError("not a message of this group")
	}
	if err := s.rates.allow(d.ID, actEphemeral, s.cfg.Now()); err != nil {
		return nil, err
	}
	if err := s.present(ctx, group, d.ID); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.count.Ephemeral++
	s.mu.Unlock()
	s.cfg.Bus.Publish(Notice{Group: group, Device: d.ID, Ephemeral: r.GetPayload()})
	return done(), nil
}

// present returns nil if a device is in a group now.
func (s *Service) present(ctx context.Context, group, device [16]byte) error {
	m, err := s.cfg.Store.Membership(ctx, group, device)
	if err == nil && m.Left > 0 {
		err = ErrGroupUnknown
	}
	return err
}

func (s *Service) sendRejoin(ctx context.Context, d Device, r *api.Rejoin) (*api.DeliveryFrame, error) {
	group, err := id(r.GetGroup())
	if err != nil {
		return nil, err
	}
	if err := within(r.GetPayload(), MaxRejoin); err != nil {
		return nil, err
	}
	if err := s.rates.allow(d.ID, actRewind, s.cfg.Now()); err != nil {
		return nil, err
	}
	if err := s.present(ctx, group, d.ID); err != nil {
		return nil, err
	}
	devices, err := s.cfg.Store.GroupDevices(ctx, group)
	if err != nil {
		return nil, err
	}
	var items []InboxItem
	for _, to := range devices {
		if to.ID != d.ID {
			items = append(items, InboxItem{Kind: InboxRejoin, Device: to.ID, Group: group, From: d, Data: r.GetPayload()})
		}
	}
	if err := s.cfg.Store.PutInbox(ctx, items, s.cfg.Limits.Store); err != nil {
		return nil, err
	}
	for i := range items {
		s.reattach(items[i].Device)
	}
	return done(), nil
}

func (s *Service) listGroups(ctx context.Context, d Device) (*api.DeliveryFrame, error) {
	if err := s.rates.allow(d.ID, actRewind, s.cfg.Now()); err != nil {
		return nil, err
	}
	list, err := s.cfg.Store.Memberships(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	out := &api.Groups{}
	for i := range list {
		m := &list[i]
		if m.Left > 0 {
			continue
		}
		h := &api.GroupHead{Group: m.Group[:], Epoch: m.Epoch, Head: m.Head, First: m.First, Acked: m.Acked}
		devices, err := s.cfg.Store.GroupDevices(ctx, m.Group)
		if err != nil {
			return nil, err
		}
		for i := range devices {
			h.Devices = append(h.Devices, &api.GroupDevice{User: devices[i].User[:], Device: devices[i].ID[:]})
		}
		out.Groups = append(out.Groups, h)
	}
	return &api.DeliveryFrame{Body: &api.DeliveryFrame_Groups{Groups: out}}, nil
}
