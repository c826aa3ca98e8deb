package share

import (
	"testing"
	"time"

	"conclave/sfu/bwe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

// svc is a camera in L3T3: 8 useful layers of 9.
func svc() []LayerRate {
	return []LayerRate{
		{Layer{0, 0}, 60_000},
		{Layer{0, 1}, 90_000},
		{Layer{0, 2}, 120_000},
		{Layer{1, 0}, 200_000},
		{Layer{1, 1}, 300_000},
		{Layer{1, 2}, 400_000},
		{Layer{2, 0}, 800_000},
		{Layer{2, 1}, 1_200_000},
		{Layer{2, 2}, 1_600_000},
	}
}

var best = Layer{2, 2}

func stream(id uint32, p Priority) Stream {
	return Stream{ID: id, Priority: p, Want: best, Rates: svc()}
}

func layers(d Decision) []Layer {
	var l []Layer
	for _, c := range d.Choices {
		l = append(l, c.Layer)
	}
	return l
}

// TestFirstAllocation holds what streams get that were not shown before.
func TestFirstAllocation(t *testing.T) {
	thumb := func(id uint32) Stream {
		s := stream(id, Thumbnail)
		s.Want = Layer{0, 2}
		return s
	}
	audio := func(id uint32) Stream { return Stream{ID: id, Priority: Audio} }
	for _, tt := range []struct {
		name    string
		budget  bwe.BitRate
		streams []Stream
		want    []Layer
	}{
		{"nothing shown", 1_000_000, nil, nil},
		{"all fits", 10_000_000, []Stream{stream(1, Large), thumb(2)}, []Layer{best, {0, 2}}},
		{"margin counts", 1_700_000, []Stream{stream(1, Large)}, []Layer{{2, 1}}},
		{"large before thumbnails", 300_000, []Stream{thumb(2), thumb(3), stream(1, Large)}, []Layer{{0, 1}, {0, 0}, {0, 2}}},
		{"rest to thumbnails", 600_000, []Stream{thumb(2), thumb(3), stream(1, Large)}, []Layer{{0, 0}, {0, 0}, {1, 2}}},
		{"large before thumbnails, none left", 150_000, []Stream{thumb(2), thumb(3), stream(1, Large)}, []Layer{Off, Off, {0, 2}}},
		{"screen before large", 1_000_000, []Stream{stream(1, Large), stream(9, Screen)}, []Layer{{0, 1}, {2, 0}}},
		{"equals share low layers first", 360_000, []Stream{stream(1, Large), stream(2, Large), stream(3, Large)}, []Layer{{0, 2}, {0, 1}, {0, 1}}},
		{"equals, not all fit", 140_000, []Stream{stream(1, Large), stream(2, Large), stream(3, Large)}, []Layer{{0, 0}, {0, 0}, Off}},
		{"audio reserved", 200_000, []Stream{stream(1, Large), audio(2)}, []Layer{{0, 2}, {0, 0}}},
		{"audio takes room", 150_000, []Stream{stream(1, Large), audio(2)}, []Layer{{0, 0}, {0, 0}}},
		{"audio never paused", 10_000, []Stream{stream(1, Large), audio(2), audio(3)}, []Layer{Off, {0, 0}, {0, 0}}},
		{"want is a limit", 10_000_000, []Stream{{ID: 1, Priority: Large, Want: Layer{1, 1}, Rates: svc()}}, []Layer{{1, 1}}},
		{"want off", 10_000_000, []Stream{{ID: 1, Priority: Large, Want: Off, Rates: svc()}}, []Layer{Off}},
		{"nothing measured", 0, []Stream{{ID: 1, Priority: Large, Want: best}}, []Layer{{0, 0}}},
		{"one layer", 2_000_000, []Stream{{ID: 1, Priority: Large, Want: best, Rates: []LayerRate{{Layer{0, 0}, 500_000}}}}, []Layer{{0, 0}}},
		{"one layer too big", 500_000, []Stream{{ID: 1, Priority: Large, Want: best, Rates: []LayerRate{{Layer{0, 0}, 500_000}}}}, []Layer{Off}},
		{"upper layers not sent now", 10_000_000, []Stream{{ID: 1, Priority: Large, Want: best, Rates: append(svc()[:6:6], LayerRate{Layer{2, 2}, 0})}}, []Layer{{1, 2}}},
		{"better and cheaper wins", 10_000_000, []Stream{{ID: 1, Priority: Large, Want: Layer{0, 2}, Rates: []LayerRate{{Layer{0, 1}, 90_000}, {Layer{0, 2}, 80_000}}}}, []Layer{{0, 2}}},
		{"hostile layers", 10_000_000, []Stream{{ID: 1, Priority: Large, Want: best, Rates: []LayerRate{{Layer{-1, 0}, 10}, {Layer{0, -3}, 10}, {Layer{0, 0}, -5}, {Layer{127, 127}, 1}}}}, []Layer{{0, 0}}},
		{"order of rates is free", 10_000_000, []Stream{{ID: 1, Priority: Large, Want: best, Rates: []LayerRate{{best, 500_000}, {Layer{0, 0}, 60_000}}}}, []Layer{best}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := NewAllocator().Allocate(at(0), tt.budget, tt.streams)
			if diff := cmp.Diff(tt.want, layers(d)); diff != "" {
				t.Errorf("layers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestScreenPrefersPixels holds the order of quality: a screen is read, a
// face is watched.
func TestScreenPrefersPixels(t *testing.T) {
	for _, tt := range []struct {
		p    Priority
		want Layer
	}{{Screen, Layer{1, 0}}, {Large, Layer{0, 2}}} {
		d := NewAllocator().Allocate(at(0), 230_000, []Stream{stream(1, tt.p)})
		if got := d.Choices[0].Layer; got != tt.want {
			t.Errorf("priority %d: layer %v, want %v", tt.p, got, tt.want)
		}
	}
}

// TestDownAtOnceUpLater holds the hysteresis.
func TestDownAtOnceUpLater(t *testing.T) {
	a := NewAllocator()
	s := []Stream{stream(1, Large)}
	step := func(ms int, budget bwe.BitRate) Layer {
		t.Helper()
		return a.Allocate(at(ms), budget, s).Choices[0].Layer
	}
	for _, tt := range []struct {
		ms     int
		budget bwe.BitRate
		want   Layer
	}{
		{0, 3_000_000, best},
		{100, 1_600_000, best},                // within the margin: keeps what it has
		{200, 1_599_000, Layer{2, 1}},         // does not fit: down at once
		{300, 1_700_000, Layer{2, 1}},         // fits without the margin only
		{400, 100_000, Layer{0, 1}},           // far down
		{500, 40_000, Off},                    // paused
		{600, 3_000_000, Off},                 // could rise, waits
		{1200, 3_000_000, Off},                //
		{1250, 50_000, Off},                   // no longer: starts again
		{1400, 3_000_000, Off},                //
		{2099, 3_000_000, Off},                //
		{2100, 3_000_000, best},               // all the way
		{3000, 400_000, Layer{1, 2}},          // soon after the rise: the wait doubles
		{3100, 120_000, Layer{0, 2}},          // the same fall
		{3200, 3_000_000, Layer{0, 2}},        //
		{3200 + 1399, 3_000_000, Layer{0, 2}}, //
		{3200 + 1400, 3_000_000, best},        //
		{60_000, 310_000, Layer{1, 1}},        // long after the rise
		{60_100, 3_000_000, Layer{1, 1}},      //
		{60_100 + 699, 3_000_000, Layer{1, 1}},
		{60_100 + 700, 3_000_000, best}, // the usual wait
	} {
		if got := step(tt.ms, tt.budget); got != tt.want {
			t.Errorf("at %d ms with %v: %v, want %v", tt.ms, tt.budget, got, tt.want)
		}
	}
}

// TestKeyFrame holds that a key frame, which makes the rates look higher for a
// second, does not undo the step up that asked for it, and that a lasting rise does.
func TestKeyFrame(t *testing.T) {
	a := NewAllocator()
	s := stream(1, Large)
	a.Allocate(at(0), 1_800_000, []Stream{s})
	higher := s
	higher.Rates = svc()
	for i := range higher.Rates {
		higher.Rates[i].Rate = higher.Rates[i].Rate * 3 / 2
	}
	for ms := 100; ms <= 1000; ms += 100 {
		if got := a.Allocate(at(ms), 1_800_000, []Stream{higher}).Choices[0].Layer; got != best {
			t.Fatalf("at %d ms with a budget that is the same: %v, want %v", ms, got, best)
		}
	}
	if got := a.Allocate(at(1100), 1_000_000, []Stream{higher}).Choices[0].Layer; got == best {
		t.Error("a lower budget has no effect")
	}
	a = NewAllocator()
	a.Allocate(at(0), 1_800_000, []Stream{s})
	for ms := 100; ms <= 8000; ms += 100 {
		if got := a.Allocate(at(ms), 1_800_000, []Stream{higher}).Choices[0].Layer; got != best {
			return
		}
	}
	t.Error("a lasting rise has no effect")
}

// TestRiseTakesFromLower holds that a stream of higher priority that may rise
// takes the room of a lower one.
func TestRiseTakesFromLower(t *testing.T) {
	a := NewAllocator()
	large, thumb := stream(1, Large), stream(2, Thumbnail)
	large.Want, thumb.Want = Layer{0, 0}, Layer{0, 2}
	a.Allocate(at(0), 200_000, []Stream{large, thumb})
	large.Want = best
	d := a.Allocate(at(100), 200_000, []Stream{large, thumb})
	if diff := cmp.Diff([]Layer{{0, 0}, {0, 2}}, layers(d)); diff != "" {
		t.Errorf("before the hold (-want +got):\n%s", diff)
	}
	d = a.Allocate(at(900), 200_000, []Stream{large, thumb})
	if diff := cmp.Diff([]Layer{{0, 2}, {0, 0}}, layers(d)); diff != "" {
		t.Errorf("after the hold (-want +got):\n%s", diff)
	}
}

// TestDemand holds what the estimator is told.
func TestDemand(t *testing.T) {
	for _, tt := range []struct {
		name             string
		budget           bwe.BitRate
		streams          []Stream
		used, next, full bwe.BitRate
	}{
		{"satisfied", 5_000_000, []Stream{stream(1, Large)}, 1_600_000, 0, 0},
		{"one step and all", 500_000, []Stream{stream(1, Large)}, 400_000, 1_320_000, 1_760_000},
		{"paused thumbnail is the cheaper step", 500_000, []Stream{stream(1, Large), {ID: 2, Priority: Thumbnail, Want: Layer{0, 0}, Rates: []LayerRate{{Layer{}, 100_000}}}}, 400_000, 550_000, 1_870_000},
		{"audio counts its reservation", 100_000, []Stream{{ID: 1, Priority: Audio, Rates: []LayerRate{{Layer{}, 1000}}}}, audioReserve, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := NewAllocator().Allocate(at(0), tt.budget, tt.streams)
			if d.Used != tt.used || !isClose(d.Next, tt.next) || !isClose(d.Full, tt.full) {
				t.Errorf("used, next, full = %d, %d, %d, want %d, %d, %d", d.Used, d.Next, d.Full, tt.used, tt.next, tt.full)
			}
		})
	}
}

// isClose reports whether two rates differ by rounding only.
func isClose(a, b bwe.BitRate) bool { return a-b <= 2 && b-a <= 2 }

// TestNextSuffices holds that the estimate which Next asks for is enough.
func TestNextSuffices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		streams := drawStreams(t)
		budget := bwe.BitRate(rapid.Int64Range(0, 8_000_000).Draw(t, "budget"))
		d := NewAllocator().Allocate(at(0), budget, streams)
		if d.Next == 0 {
			return
		}
		more := NewAllocator().Allocate(at(0), max(d.Next, budget), streams)
		if more.Used < d.Used {
			t.Errorf("with %d: used %d, with %d: %d", budget, d.Used, d.Next, more.Used)
		}
		all := NewAllocator().Allocate(at(0), d.Full, streams)
		if all.Next != 0 {
			t.Errorf("with Full = %d somebody still wants more: %+v", d.Full, all)
		}
	})
}

func drawStreams(t *rapid.T) []Stream {
	n := rapid.IntRange(0, 12).Draw(t, "streams")
	var streams []Stream
	for i := range n {
		s := Stream{
			ID:       uint32(i),
			Priority: rapid.SampledFrom([]Priority{0, Thumbnail, Large, Screen, Audio}).Draw(t, "priority"),
			Want:     Layer{int8(rapid.IntRange(-1, 3).Draw(t, "S")), int8(rapid.IntRange(-1, 3).Draw(t, "T"))},
		}
		for range rapid.IntRange(0, 20).Draw(t, "layers") {
			s.Rates = append(s.Rates, LayerRate{
				Layer{int8(rapid.IntRange(-1, 4).Draw(t, "s")), int8(rapid.IntRange(-1, 4).Draw(t, "t"))},
				bwe.BitRate(rapid.Int64Range(-1000, 3_000_000).Draw(t, "rate")),
			})
		}
		streams = append(streams, s)
	}
	return streams
}

// TestInvariants drives one allocator through arbitrary budgets and views.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := NewAllocator()
		ms := 0
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			ms += rapid.IntRange(0, 3000).Draw(t, "ms")
			streams := drawStreams(t)
			budget := bwe.BitRate(rapid.Int64Range(0, 8_000_000).Draw(t, "budget"))
			d := a.Allocate(at(ms), budget, streams)
			if len(d.Choices) != len(streams) {
				t.Fatalf("%d choices for %d streams", len(d.Choices), len(streams))
			}
			var video, audio bwe.BitRate
			for i, c := range d.Choices {
				s := streams[i]
				switch {
				case c.ID != s.ID:
					t.Fatalf("choice %d is for %d, want %d", i, c.ID, s.ID)
				case s.Priority >= Audio && c.Layer == Off:
					t.Errorf("audio %d is paused", s.ID)
				case s.Priority >= Audio:
					audio += c.Rate
				case c.Layer != Off && (c.Layer.Spatial > s.Want.Spatial || c.Layer.Temporal > s.Want.Temporal):
					t.Errorf("stream %d got %v, wants %v", s.ID, c.Layer, s.Want)
				default:
					video += c.Rate
				}
			}
			if video > 0 && video+audio > budget {
				t.Errorf("video %d and audio %d exceed %d", video, audio, budget)
			}
		}
	})
}

// TestForgets holds that memory follows the streams shown.
func TestForgets(t *testing.T) {
	a := NewAllocator()
	for i := range 1000 {
		a.Allocate(at(i*100), 1_000_000, []Stream{stream(uint32(i), Large), stream(uint32(i+1), Large)})
	}
	if len(a.memories) != 2 {
		t.Errorf("%d streams remembered, want 2", len(a.memories))
	}
	many := make([]Stream, MaxStreams+10)
	for i := range many {
		many[i] = stream(uint32(i), Thumbnail)
	}
	if d := a.Allocate(at(0), 1e9, many); d.Choices[MaxStreams].Layer != Off || d.Choices[MaxStreams-1].Layer != best {
		t.Errorf("choices at the limit: %v, %v", d.Choices[MaxStreams-1], d.Choices[MaxStreams])
	}
}

func TestAllocateAllocs(t *testing.T) {
	a := NewAllocator()
	s := []Stream{stream(1, Large), stream(2, Thumbnail), {ID: 3, Priority: Audio}}
	ms := 0
	got := testing.AllocsPerRun(1000, func() {
		ms += 100
		a.Allocate(at(ms), bwe.BitRate(ms%3000)*1000, s)
	})
	if got != 0 {
		t.Errorf("a decision allocates %v times, want 0", got)
	}
}
