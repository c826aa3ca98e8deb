package layer

import (
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	var m Meter
	if got := m.Total(epoch, Top); got != 0 {
		t.Errorf("an empty meter says %v", got)
	}
	// 10 kbit/s times (1 + 3*spatial + temporal) for two seconds.
	now := epoch
	for range 200 {
		for s := range int8(3) {
			for tid := range int8(3) {
				m.Add(now, Layer{s, tid}, int(12.5*float64(1+3*s+tid)*2)/2)
			}
		}
		now = now.Add(10 * time.Millisecond)
	}
	for _, tt := range []struct {
		name string
		got  int64
		want int64
	}{
		{"Rate(S0T0)", int64(m.Rate(now, Layer{0, 0})), 9600},
		{"Rate(S2T2)", int64(m.Rate(now, Layer{2, 2})), 89600},
		{"Total(S0T0)", int64(m.Total(now, Layer{0, 0})), 9600},
		{"Total(S1T1)", int64(m.Total(now, Layer{1, 1})), 9600 + 20000 + 40000 + 49600},
		{"Encoding(S1T1)", int64(m.Encoding(now, Layer{1, 1})), 40000 + 49600},
		{"Total(None)", int64(m.Total(now, None)), 0},
	} {
		if tt.got < tt.want*97/100 || tt.got > tt.want*103/100 {
			t.Errorf("%s = %d bit/s, want %d", tt.name, tt.got, tt.want)
		}
	}
	if got := m.Total(now.Add(500*time.Millisecond), Layer{0, 0}); got < 4000 || got > 6000 {
		t.Errorf("half a second after the end it says %v, want about half", got)
	}
	if got := m.Total(now.Add(10*time.Second), Top); got != 0 {
		t.Errorf("ten seconds after the end it says %v", got)
	}
	m.Add(now, Layer{-1, 100}, 5) // an earlier time and no such layer: no panic
}
