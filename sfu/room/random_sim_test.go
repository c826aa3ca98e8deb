package room_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"conclave/api"
	"conclave/internal/netem/link"
)

// randomProfile draws a link as people have them.
func randomProfile(rng *rand.Rand) link.Profile {
	rates := []int64{250_000, 400_000, 700_000, 1_200_000, 2_500_000, 6_000_000, 20_000_000}
	p := link.Profile{
		Rate:  rates[rng.IntN(len(rates))],
		Queue: []int{15_000, 32_000, 64_000, 128_000}[rng.IntN(4)],
		Delay: time.Duration(5+rng.IntN(60)) * time.Millisecond,
	}
	if rng.IntN(3) == 0 {
		p.Loss = 0.03 * rng.Float64()
	}
	if rng.IntN(3) == 0 {
		p.Jitter = time.Duration(rng.IntN(25)) * time.Millisecond
	}
	return p
}

// TestSimProfiles holds for links whose rate changes at random every few seconds
// that there is a picture nearly always.
func TestSimProfiles(t *testing.T) {
	for seed := range seeds(8) {
		rng := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(t, seed)
		newSVC(w, 1, 1_500_000)
		profile := randomProfile(rng)
		p := w.pipe(profile)
		v := newViewer(w, 2, p, link.Profile{Delay: profile.Delay, Loss: profile.Loss, Jitter: profile.Jitter})
		v.interval = []int{50, 100}[seed%2]
		v.show(2, 1280, 720, 1)
		for w.at() < 80*second {
			w.run(w.at() + time.Duration(3000+rng.IntN(7000))*time.Millisecond)
			w.set(p, randomProfile(rng).Rate)
		}
		s := v.slots[0]
		freeze, at := s.freeze(5*second, 80*second)
		var frozen time.Duration // beyond half a second
		for i, x := range s.shown[1:] {
			if d := x.at - s.shown[i].at; x.at > 5*second && d > 500*time.Millisecond {
				frozen += d - 500*time.Millisecond
			}
		}
		gap, _ := v.voiceGap()
		t.Logf("seed %d, %v queue, %v, loss %.3f, jitter %v: longest freeze %v at %v, frozen %.3f of the time, lost %.4f, voice gap %v, dropped %d",
			seed, profile.Queue, profile.Delay, profile.Loss, profile.Jitter, freeze, at, frozen.Seconds()/75, s.lost(5*second, 79*second), gap, p.link.Stats().Dropped)
		if freeze > 4*second || frozen.Seconds()/75 > 0.05 {
			t.Error("too long without a picture")
			v.dump(at-3*second, at+freeze+second)
		}
	}
}

// A history is a meeting in which anything happens.
type history struct {
	t   *testing.T
	rng *rand.Rand
	w   *world

	steady time.Duration // since when nothing has happened
	sent   map[*viewer][]tally
	most   map[*viewer][]float64 // estimate, each 100 ms

	sending map[[2]uint32]time.Duration // when a seat was last sent a stream
}

// TestSimHistories holds for random histories of views, joins, leaves and links:
// numbers go on without a gap, no number has two contents, no more is sent for a
// second than the estimate and a half, sound never waits for pictures, and what fits
// is playing after three seconds.
func TestSimHistories(t *testing.T) {
	for seed := range seeds(12) {
		h := &history{
			t: t, rng: rand.New(rand.NewPCG(seed, 9)), w: newWorld(t, seed),
			sent: map[*viewer][]tally{}, most: map[*viewer][]float64{}, sending: map[[2]uint32]time.Duration{},
		}
		h.run()
		if h.w.gaps > 0 {
			t.Errorf("seed %d: %d gaps in the numbers", seed, h.w.gaps)
		}
	}
}

func (h *history) run() {
	w := h.w
	for seat := range uint32(4) {
		h.camera(seat + 1)
	}
	for seat := range uint32(3) {
		p := randomProfile(h.rng)
		p.Loss = 0 // what is lost on the way has its own tests
		v := newViewer(w, 20+seat, w.pipe(p), link.Profile{Delay: p.Delay})
		h.look(v)
	}
	w.each = h.watch
	next := uint32(5)
	for range 14 {
		switch h.rng.IntN(5) {
		case 0:
			v := w.viewers[h.rng.IntN(len(w.viewers))]
			w.set(v.pipe, randomProfile(h.rng).Rate)
		case 1, 2:
			h.look(w.viewers[h.rng.IntN(len(w.viewers))])
		case 3:
			if len(w.cameras) > 1 {
				h.leave(h.rng.IntN(len(w.cameras)))
			}
		default:
			h.camera(next)
			next++
			h.look(w.viewers[h.rng.IntN(len(w.viewers))])
		}
		h.steady = w.at()
		w.run(w.at() + time.Duration(500+h.rng.IntN(7000))*time.Millisecond)
	}
}

func (h *history) camera(seat uint32) {
	switch h.rng.IntN(4) {
	case 0:
		newScreen(h.w, seat)
	case 1:
		newSimulcast(h.w, seat)
	case 2:
		newSVC(h.w, seat, 600_000)
	default:
		newSVC(h.w, seat, 1_500_000)
	}
}

func (h *history) leave(i int) {
	w := h.w
	seat := w.cameras[i].seat
	w.cameras = slices.Delete(w.cameras, i, i+1)
	w.room.Leave(w.now, seat, &w.out)
	w.flush()
	for id, s := range w.streams {
		if s.GetSeat() == seat {
			delete(w.streams, id)
		}
	}
}

// look makes a viewer show one stream large and some others small.
func (h *history) look(v *viewer) {
	var items []*api.ViewItem
	for id, s := range h.w.streams {
		if s.GetKind() == api.StreamKind_STREAM_KIND_MICROPHONE {
			continue
		}
		items = append(items, &api.ViewItem{Stream: id})
	}
	slices.SortFunc(items, func(a, b *api.ViewItem) int { return int(a.GetStream()) - int(b.GetStream()) })
	h.rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	items = items[:min(len(items), 1+h.rng.IntN(4))]
	for i, item := range items {
		item.Priority, item.Width, item.Height = 1, 320, 180
		if i == 0 {
			item.Priority, item.Width, item.Height = 2, 1280, 720
		}
		if h.w.streams[item.GetStream()].GetKind() == api.StreamKind_STREAM_KIND_SCREEN {
			item.Priority, item.Width, item.Height = 3, 1280, 720
		}
	}
	v.view(items)
}

// watch holds the invariants, each 100 ms.
func (h *history) watch(ms int) {
	if ms%100 != 0 {
		return
	}
	for _, v := range h.w.viewers {
		h.watchRate(v)
		h.watchPictures(v)
	}
}

// watchRate holds that what was sent in a second is not much more than the estimate
// was at most around that time. A key frame of each stream may come upon it.
func (h *history) watchRate(v *viewer) {
	e := h.w.room.Bandwidth(v.seat)
	if e == nil {
		return
	}
	h.sent[v] = append(h.sent[v], v.sent)
	h.most[v] = append(h.most[v], float64(e.Rate()))
	n := len(h.sent[v])
	if n < 31 {
		return
	}
	a, b := h.sent[v][n-21], h.sent[v][n-1]
	rate := float64(b.video+b.repair+b.probes-a.video-a.repair-a.probes) * 8 / 2 // sound is never held back
	if most := slices.Max(h.most[v][n-31:]); rate > 1.5*most+200_000 {
		h.t.Errorf("at %v: seat %d was sent %.0f kbit/s for two seconds, the estimate was %.0f at most", h.w.at(), v.seat, rate/1000, most/1000)
		h.sent[v] = nil // say it once
	}
}

// watchPictures holds that what fits is playing.
func (h *history) watchPictures(v *viewer) {
	// A state is told each 200 ms. A meeting that begins has to find out what its
	// paths carry.
	wait := 3500 * time.Millisecond
	if h.steady == 0 {
		wait = 7 * second
	}
	if h.w.at()-h.steady < wait {
		return
	}
	room := float64(v.pipe.link.Profile().Rate)
	need := 60_000.0 * float64(len(h.w.cameras)) // voices
	for range v.states {
		need += 150_000
	}
	if need*2 > room {
		return
	}
	for _, st := range v.states {
		key := [2]uint32{v.seat, st.GetStream()}
		if st.GetReason() == api.StreamState_REASON_SENDING || h.w.streams[st.GetStream()] == nil {
			h.sending[key] = h.w.at()
		}
		if since := max(h.sending[key], h.steady); h.w.at()-since > wait {
			h.t.Errorf("at %v: seat %d has had %v of stream %d since %v although %0.f of %.0f kbit/s would do", h.w.at(), v.seat, st.GetReason(), st.GetStream(), since, need/1000, room/1000)
			v.dump(h.steady, h.w.at())
			h.steady = h.w.at()
		}
	}
	if h.w.at()-h.steady < max(wait, 6*second) {
		return
	}
	playing := 0
	for _, t := range v.slots {
		if t.countSince(h.w.at()-3*second) > 0 {
			playing++
		}
	}
	if playing < len(v.states) {
		h.t.Errorf("at %v: seat %d plays %d of %d streams", h.w.at(), v.seat, playing, len(v.states))
		v.dump(h.steady, h.w.at())
		h.steady = h.w.at()
	}
}
