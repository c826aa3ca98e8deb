package srtp

import (
	"bytes"
	"testing"
)

// fuzzOpener opens packets with an opener of each profile and wants them all
// refused, without a trace: whoever fuzzes does not know the keys.
func fuzzOpener(t *testing.T, b []byte, open func(*Opener, []byte) ([]byte, error)) {
	t.Helper()
	for _, p := range profiles {
		_, opener, err := New(p, material(p, 200), true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open(opener, bytes.Clone(b)); err == nil {
			t.Fatalf("%s: a forged packet opens", p.name())
		}
		if len(opener.rtp.active)+len(opener.rtcp.active) != 0 {
			t.Fatalf("%s: a forged packet leaves a source", p.name())
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, p := range profiles {
		client, _, _, _ := connect(f, p)
		f.Add(client.Seal(nil, rtpHeaderOf(1, 2), []byte("payload"), 2))
	}
	f.Add([]byte{0x9F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xBE, 0xDE, 0xFF, 0xFF})
	f.Add([]byte{0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xBE, 0xDE, 0, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOpener(t, b, (*Opener).Open) })
}

func FuzzOpenRTCP(f *testing.F) {
	for _, p := range profiles {
		client, _, _, _ := connect(f, p)
		b, err := client.SealRTCP(nil, []byte{0x80, 201, 0, 1, 0, 0, 0, 7})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOpener(t, b, (*Opener).OpenRTCP) })
}

// FuzzSeal checks that what was sealed opens, and that what has no RTP header is
// not sealed.
func FuzzSeal(f *testing.F) {
	f.Add([]byte("payload"), rtpHeaderOf(1, 2), uint64(2))
	f.Add([]byte{}, append([]byte{0x92}, make([]byte, 23)...), uint64(0))
	f.Fuzz(func(t *testing.T, payload, header []byte, index uint64) {
		index &= maxIndex &^ (0xFFFFFFFF << 16) // the opener begins with a rollover counter of 0
		for _, p := range profiles {
			client, _, _, opener := connect(t, p)
			b := client.Seal(nil, header, payload, index)
			if n, ok := headerSize(header); !ok || n != len(header) || header[2] != byte(index>>8) || header[3] != byte(index) {
				if len(b) != 0 {
					t.Fatalf("%s: a packet with header %x is sealed", p.name(), header)
				}
				continue
			}
			got, err := opener.Open(b)
			if err != nil || !bytes.Equal(got[:len(header)], header) || !bytes.Equal(got[len(header):], payload) {
				t.Fatalf("%s: Open(Seal(%x, %x)) = %x, %v", p.name(), header, payload, got, err)
			}
		}
	})
}
