package session_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"conclave/core/session"
	"conclave/core/sframe"
)

func TestLease(t *testing.T) {
	d := newDevice(t, newLink(t), "Ada")
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := make(map[uint64]bool)
	for range 50 {
		wg.Go(func() {
			from, to, err := d.Lease(sframe.Camera, 10)
			if err != nil || to != from+10 {
				t.Errorf("Lease = %d, %d, %v", from, to, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for c := from; c < to; c++ {
				if seen[c] {
					t.Errorf("counter %d leased twice", c)
				}
				seen[c] = true
			}
		})
	}
	wg.Wait()
	if len(seen) != 500 {
		t.Errorf("%d counters leased, want 500", len(seen))
	}
	if from, _, err := d.Lease(sframe.Screen, 1); from != 0 || err != nil {
		t.Errorf("first lease of another context = %d, %v, want 0", from, err)
	}
	if _, _, err := d.Lease(sframe.Camera, math.MaxUint64); !errors.Is(err, sframe.ErrExhausted) {
		t.Errorf("Lease of too many = %v, want ErrExhausted", err)
	}
	if from, _, err := d.Lease(sframe.Camera, 1); from != 500 || err != nil {
		t.Errorf("lease after a refused one = %d, %v, want 500", from, err)
	}
	if _, _, err := d.Lease(5, 1); !errors.Is(err, sframe.ErrMalformed) {
		t.Errorf("Lease in context 5 = %v, want ErrMalformed", err)
	}
}

// A device joins once: its keys must not open an older epoch later, and its
// counters must not start again.
func TestDeviceJoinsOnce(t *testing.T) {
	m := newMeeting(t, 1)
	d := m.device(t, "Ada")
	p := m.commit(t, 0, []*session.Device{d}, nil)
	if _, err := session.Join(d, p.Header(), p.Sealed()[d.Hash()], m.lookup); !errors.Is(err, session.ErrDeviceUsed) {
		t.Errorf("joining twice = %v, want ErrDeviceUsed", err)
	}
	if _, err := session.Create(d, rand.Reader); !errors.Is(err, session.ErrDeviceUsed) {
		t.Errorf("Create after Join = %v, want ErrDeviceUsed", err)
	}
}

// Also when two try at once, one of them gets in.
func TestDeviceJoinsOnceConcurrently(t *testing.T) {
	m := newMeeting(t, 1)
	d := m.device(t, "Ada")
	p := m.propose(t, 0, []*session.Device{d}, nil)
	var joined atomic.Int32
	var wg, inside sync.WaitGroup
	inside.Add(8)
	// Nobody goes on before all have begun.
	meet := func(h session.AnnouncementHash) (session.Announcement, bool) {
		inside.Done()
		inside.Wait()
		return m.lookup(h)
	}
	for range 8 {
		wg.Go(func() {
			switch _, err := session.Join(d, p.Header(), p.Sealed()[d.Hash()], meet); {
			case err == nil:
				joined.Add(1)
			case !errors.Is(err, session.ErrDeviceUsed):
				t.Errorf("Join = %v, want ErrDeviceUsed", err)
			}
		})
	}
	wg.Wait()
	if joined.Load() != 1 {
		t.Errorf("%d of 8 got in, want 1", joined.Load())
	}
}

// Two devices made a meeting at the same time; the server took one. The other
// joins with the device it has.
func TestJoinAfterLosingCreate(t *testing.T) {
	m := newMeeting(t, 1)
	d := m.device(t, "Ada")
	lost, err := session.Create(d, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	lost.Discard()
	m.commit(t, 0, []*session.Device{d}, nil)
}

func TestSecretsDoNotPrint(t *testing.T) {
	m := newMeeting(t, 2)
	d := m.device(t, "Ada")
	p := m.propose(t, 0, []*session.Device{d}, nil)
	g := p.Group()
	seed, err := session.KEMPrivateKey(d).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, s := range [][]byte{session.BaseKey(g), session.SigningKey(d)[:32], seed} {
		b := s[:8]
		shown = append(shown, fmt.Sprintf("%x", b), fmt.Sprintf("%X", b), strings.Trim(fmt.Sprint(b), "[]"),
			strings.Trim(fmt.Sprintf("%o", b), "[]"), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"), fmt.Sprintf("%+q", b))
	}
	url := m.link.URL("")
	shown = append(shown, url[strings.Index(url, "#")+1:])
	holder := struct {
		link session.Link
		d    *session.Device
		g    *session.Group
		p    *session.Pending
	}{link: m.link, d: d, g: g, p: p}
	for _, v := range []any{m.link, &m.link, d, g, p, holder, &holder, g.Roster(), session.NewMessageID} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%s", "%d", "%q", "%o"} {
			text := fmt.Sprintf(verb, v)
			for _, s := range shown {
				if strings.Contains(text, s) {
					t.Errorf("%s of %T shows a secret", verb, v)
				}
			}
		}
		if b, err := json.Marshal(v); err == nil {
			for _, s := range shown {
				if bytes.Contains(b, []byte(s)) {
					t.Errorf("JSON of %T shows a secret", v)
				}
			}
		}
	}
}

func TestEraseDevice(t *testing.T) {
	d := newDevice(t, newLink(t), "Ada")
	d.Erase()
	if !bytes.Equal(session.SigningKey(d), make([]byte, 64)) {
		t.Error("Erase leaves the signing key")
	}
	if _, err := session.Create(d, rand.Reader); !errors.Is(err, session.ErrErased) {
		t.Errorf("Create with an erased device = %v, want ErrErased", err)
	}
	m := newMeeting(t, 2)
	session.TestingOnlyDevice(m.groups[0]).Erase()
	if _, err := m.groups[0].Commit(rand.Reader, nil, nil); !errors.Is(err, session.ErrErased) {
		t.Errorf("Commit of an erased device = %v, want ErrErased", err)
	}
	if _, err := m.groups[0].SealData(chat("x")); !errors.Is(err, session.ErrErased) {
		t.Errorf("SealData of an erased device = %v, want ErrErased", err)
	}
}

// Browsers read epochs as numbers, which are exact up to 2^53 only.
func TestLastEpoch(t *testing.T) {
	m := newMeeting(t, 1)
	before := session.TestingOnlyAtEpoch(m.groups[0], 1<<32-1)
	p, err := before.Commit(rand.Reader, nil, nil)
	if err != nil || p.Group().Epoch() != 1<<32 {
		t.Fatalf("the last epoch: %v", err)
	}
	if _, err := p.Group().Commit(rand.Reader, nil, nil); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("one more: %v, want ErrEpoch", err)
	}
}
