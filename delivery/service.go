package delivery

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"conclave/api"
)

// Times of a Service.
const (
	flushEvery = 200 * time.Millisecond // acknowledgements are written
	lookEvery  = 10 * time.Second       // heads are looked at, should a notice be lost
	sweepEvery = time.Minute            // rows are emptied that nobody needs
	sweepRows  = 5000                   // in one step
)

// Config is what a Service works with. Store and Bus are required.
type Config struct {
	Store  Store
	Bus    Bus
	Now    func() time.Time // time.Now
	Limits Limits
	Log    *slog.Logger // discards
	// Full reports whether an error of the store says that its disk is full. Nil never
	// does.
	Full func(error) bool
}

// A Service keeps and hands on the messages of groups. It may be used concurrently.
// Make it with [New].
type Service struct {
	cfg    Config
	rates  *rates
	recent *recent
	cancel func() // of the subscription

	mu     sync.Mutex
	online map[[16]byte]*Attachment              // by device
	groups map[[16]byte]map[*Attachment]struct{} // who reads a group
	acks   map[ackKey]uint64                     // to be written
	closed bool
	count  Stats
}

type ackKey struct{ group, device [16]byte }

// Stats are what a Service counted.
type Stats struct {
	Online    int    // devices now
	Appended  uint64 // messages and commits
	Again     uint64 // retries
	Pushed    uint64 // rows that went to devices
	Ephemeral uint64
	Refused   map[api.RefusalCode]uint64
}

// New returns a Service. The caller must call [Service.Close].
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Bus == nil {
		return nil, errors.New("delivery: a store and a bus are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Full == nil {
		cfg.Full = func(error) bool { return false }
	}
	cfg.Limits = cfg.Limits.orDefault()
	s := &Service{
		cfg: cfg, rates: newRates(cfg.Limits), recent: newRecent(),
		online: make(map[[16]byte]*Attachment), groups: make(map[[16]byte]map[*Attachment]struct{}),
		acks: make(map[ackKey]uint64), count: Stats{Refused: make(map[api.RefusalCode]uint64)},
	}
	s.cancel = cfg.Bus.Subscribe(s.notice)
	return s, nil
}

// Run writes acknowledgements, looks at heads and deletes what nobody needs, until ctx
// ends.
func (s *Service) Run(ctx context.Context) error {
	flush, look, sweep := time.NewTicker(flushEvery), time.NewTicker(lookEvery), time.NewTicker(sweepEvery)
	defer flush.Stop()
	defer look.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-flush.C:
			s.flush(ctx)
		case <-look.C:
			s.lookAtAll()
		case <-sweep.C:
			s.sweep(ctx)
		}
	}
}

// Close ends all attachments and writes what was acknowledged.
func (s *Service) Close() {
	s.cancel()
	s.mu.Lock()
	s.closed = true
	var all []*Attachment
	for _, a := range s.online {
		all = append(all, a)
	}
	s.mu.Unlock()
	for _, a := range all {
		a.end(ErrClosed)
		<-a.done
	}
	s.flush(context.Background())
}

// Stats returns what was counted so far.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.count
	out.Online = len(s.online)
	out.Refused = maps.Clone(s.count.Refused)
	return out
}

// flush writes acknowledgements. One that is lost is made again by the device.
func (s *Service) flush(ctx context.Context) {
	s.mu.Lock()
	acks := make([]Ack, 0, len(s.acks))
	for key, seq := range s.acks {
		acks = append(acks, Ack{Group: key.group, Device: key.device, Seq: seq})
	}
	clear(s.acks)
	s.mu.Unlock()
	if len(acks) == 0 {
		return
	}
	if err := s.cfg.Store.Ack(ctx, acks); err != nil && ctx.Err() == nil {
		s.cfg.Log.ErrorContext(ctx, "acknowledgements could not be stored; devices get these messages again", slog.Any("error", err))
	}
}

// sweep deletes messages that everybody has, or that are too old.
func (s *Service) sweep(ctx context.Context) {
	before := s.millis() - min(s.millis(), uint64(s.cfg.Limits.Retention.Milliseconds()))
	for ctx.Err() == nil {
		n, err := s.cfg.Store.Sweep(ctx, before, sweepRows)
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "old messages could not be deleted; it is tried again", slog.Any("error", err))
		}
		if err != nil || n < sweepRows {
			return
		}
	}
}

func (s *Service) millis() uint64 { return uint64(max(s.cfg.Now().UnixMilli(), 0)) }

// lookAtAll lets every attachment look whether there is something new.
func (s *Service) lookAtAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.online {
		a.poke(func(n *news) { n.all = true })
	}
}

// notice is told that there is something new, here or in another server.
func (s *Service) notice(n Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(n.Ephemeral) > 0:
		for a := range s.groups[n.Group] {
			if a.device.ID != n.Device {
				a.poke(func(w *news) { w.ephemeral(n) })
			}
		}
	case n.Device != [16]byte{}:
		if a := s.online[n.Device]; a != nil {
			a.poke(func(w *news) { w.all = true })
		}
	case n.Group != [16]byte{}:
		for a := range s.groups[n.Group] {
			a.poke(func(w *news) { w.groups[n.Group] = true })
		}
	default:
		for _, a := range s.online {
			a.poke(func(w *news) { w.all = true })
		}
	}
}

// DeviceGone takes a device that was removed from its account out of everything.
func (s *Service) DeviceGone(ctx context.Context, device [16]byte) error {
	// Members see it in the directory, and learn nothing from here.
	if _, err := s.cfg.Store.RemoveDevice(ctx, device); err != nil {
		return err
	}
	s.mu.Lock()
	a := s.online[device]
	s.mu.Unlock()
	if a != nil {
		a.end(ErrGroupUnknown)
	}
	return nil
}

// KeepDevices is [Service.DeviceGone] for all devices of a user but those.
func (s *Service) KeepDevices(ctx context.Context, user [16]byte, devices [][16]byte) error {
	if err := s.cfg.Store.KeepDevices(ctx, user, devices); err != nil {
		return err
	}
	keep := make(map[[16]byte]bool, len(devices))
	for _, d := range devices {
		keep[d] = true
	}
	s.mu.Lock()
	var gone []*Attachment
	for _, a := range s.online {
		if a.device.User == user && !keep[a.device.ID] {
			gone = append(gone, a)
		}
	}
	s.mu.Unlock()
	for _, a := range gone {
		a.end(ErrGroupUnknown)
	}
	return nil
}
