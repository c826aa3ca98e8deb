package srtp

import (
	"errors"
	"testing"
)

// TestSources has a peer use one SSRC after another.
func TestSources(t *testing.T) {
	client, _, _, opener := connect(t, AEADAES128GCM)
	open := func(ssrc uint32, index uint64) error {
		_, err := opener.Open(client.Seal(nil, rtpHeaderOf(ssrc, index), []byte("payload"), index))
		return err
	}
	const total = maxSources + maxRetired
	for ssrc := range uint32(total) {
		if err := open(ssrc, 100); err != nil {
			t.Fatalf("source %d: Open() = %v", ssrc, err)
		}
		if err := open(0, 101+uint64(ssrc)); err != nil { // one that goes on
			t.Fatalf("source 0 beside %d: Open() = %v", ssrc, err)
		}
	}
	if len(opener.rtp.active) != maxSources || len(opener.rtp.retired) != maxRetired {
		t.Errorf("%d sources active, %d retired", len(opener.rtp.active), len(opener.rtp.retired))
	}
	if err := open(total, 1); !errors.Is(err, ErrSources) {
		t.Errorf("Open() of one source too many = %v, want ErrSources", err)
	}
	if err := open(0, 5000); err != nil {
		t.Errorf("Open() of an active source = %v", err)
	}
}

// TestRetired: what a retired source sent before is no fresher for that, and it
// may come back.
func TestRetired(t *testing.T) {
	client, _, _, opener := connect(t, AEADAES128GCM)
	seal := func(ssrc uint32, index uint64) []byte {
		return client.Seal(nil, rtpHeaderOf(ssrc, index), []byte("payload"), index)
	}
	old := seal(1, 70000-1)
	for _, b := range [][]byte{seal(1, 60000), seal(1, 70000)} {
		if _, err := opener.Open(b); err != nil {
			t.Fatal(err)
		}
	}
	for ssrc := range uint32(maxSources) {
		if _, err := opener.Open(seal(100+ssrc, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if opener.rtp.active[1] != nil {
		t.Fatal("the source that was silent the longest is still active")
	}
	for _, b := range [][]byte{old, seal(1, 70000)} {
		if _, err := opener.Open(b); !errors.Is(err, ErrReplay) {
			t.Errorf("Open() of a retired source's past = %v, want ErrReplay", err)
		}
	}
	if _, err := opener.Open(seal(1, 70001)); err != nil {
		t.Errorf("Open() of a source that came back = %v", err)
	}
	if a, r := len(opener.rtp.active), len(opener.rtp.retired); a != maxSources || r != 1 {
		t.Errorf("%d sources are active and %d retired, want %d and 1", a, r, maxSources)
	}
}

func TestAllocs(t *testing.T) {
	if raceDetector {
		t.Log("not with the race detector: it makes pools lose things")
		return
	}
	for _, p := range profiles {
		want := 0.0
		if p == AES128CMHMACSHA1_80 {
			want = 1 // the cipher's stream
		}
		client, server, clientOpener, opener := connect(t, p)
		payload, dst := make([]byte, 1188), make([]byte, 0, 1200+p.RTCPOverhead())
		report := append([]byte{0x80, 201, 0, 1, 0, 0, 0, 7}, make([]byte, 60)...)
		header := rtpHeaderOf(1, 0)
		var index uint64
		step := func() {
			index++
			header[2], header[3] = byte(index>>8), byte(index)
			dst = client.Seal(dst[:0], header, payload, index)
		}
		if got := testing.AllocsPerRun(100, step); got != want {
			t.Errorf("%s: Seal allocates %v times, want %v", p.name(), got, want)
		}
		if got := testing.AllocsPerRun(100, func() {
			step()
			if _, err := opener.Open(dst); err != nil {
				t.Fatal(err)
			}
		}); got != 2*want {
			t.Errorf("%s: Seal and Open allocate %v times, want %v", p.name(), got, 2*want)
		}
		if got := testing.AllocsPerRun(100, func() {
			b, err := server.SealRTCP(dst[:0], report)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := clientOpener.OpenRTCP(b); err != nil {
				t.Fatal(err)
			}
		}); got != 2*want {
			t.Errorf("%s: SealRTCP and OpenRTCP allocate %v times, want %v", p.name(), got, 2*want)
		}
	}
}

// TestForgedAllocs: packets of made-up sources cost no memory.
func TestForgedAllocs(t *testing.T) {
	if raceDetector {
		t.Log("not with the race detector: it makes pools lose things")
		return
	}
	_, _, _, opener := connect(t, AEADAES128GCM)
	b := append(rtpHeaderOf(0, 0), make([]byte, 100)...)
	if got := testing.AllocsPerRun(1000, func() {
		b[8]++
		b[11] += 3
		if _, err := opener.Open(b); !errors.Is(err, ErrAuth) {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("a forged packet allocates %v times, want 0", got)
	}
}
