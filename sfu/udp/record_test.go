package udp

import (
	"net"
	"testing"
	"time"
)

// record returns a DTLS record.
func record(kind byte, epoch byte, content ...byte) []byte {
	return append([]byte{kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 1, byte(len(content) >> 8), byte(len(content))}, content...)
}

func TestPlausible(t *testing.T) {
	t.Parallel()
	join := func(a, b []byte) []byte { return append(append([]byte(nil), a...), b...) }
	hello := record(recordHandshake, 0, 1, 2, 3)
	ccs := record(recordChangeCipherSpec, 0, 1)
	alert := record(recordAlert, 1, make([]byte, 26)...)
	for name, c := range map[string]struct {
		b              []byte
		good, farewell bool
	}{
		"handshake":              {hello, true, false},
		"flight":                 {join(join(hello, ccs), record(recordHandshake, 1, 4)), true, false},
		"sealed alert":           {alert, true, true},
		"sealed data":            {record(recordApplication, 1, 1, 2), true, false},
		"nothing":                {nil, false, false},
		"short":                  {hello[:recordHeader-1], false, false},
		"cut":                    {hello[:len(hello)-1], false, false},
		"empty":                  {record(recordHandshake, 0), false, false},
		"plain alert":            {record(recordAlert, 0, 2, 40), false, false},
		"plain alert behind":     {join(hello, record(recordAlert, 0, 2, 40)), false, false},
		"plain data":             {record(recordApplication, 0, 1), false, false},
		"later epoch":            {record(recordHandshake, 2, 1), false, false},
		"long cipher change":     {record(recordChangeCipherSpec, 0, 1, 1), false, false},
		"wrong cipher change":    {record(recordChangeCipherSpec, 0, 2), false, false},
		"heartbeat":              {record(24, 1, 1), false, false},
		"TLS":                    {append([]byte{22, 3, 3}, hello[3:]...), false, false},
		"alert and more":         {join(alert, hello), true, false},
		"sealed alert and plain": {join(alert, record(recordAlert, 0, 1, 0)), false, false},
	} {
		if got := plausible(c.b); got != c.good {
			t.Errorf("%s: plausible %v, want %v", name, got, c.good)
		}
		if got := isSealedAlert(c.b); got != c.farewell {
			t.Errorf("%s: a sealed alert %v, want %v", name, got, c.farewell)
		}
	}
}

// Records that anybody can write reach no DTLS connection, before the handshake
// and after it.
func TestPlainRecords(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	fresh := newPeer(t, tr, newFake())
	newClient(t, tr, fresh)
	p, c, f := connected(t, tr)
	talk(t, tr, p, c, f, 1)
	eventually(t, "the connection settles", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.state != nil
	})
	for _, b := range [][]byte{record(recordAlert, 0, 2, 40), record(recordAlert, 0, 1, 0), record(recordApplication, 0, 1)} {
		if fresh.record(time.Now(), b) {
			t.Errorf("%x was taken before the handshake", b)
		}
		if p.record(time.Now(), b) {
			t.Errorf("%x was taken after the handshake", b)
		}
	}
}

// Before the handshake is over, an address gets at most three times what came
// from it, however often a flight is sent again.
func TestCredit(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p := newPeer(t, tr, newFake())
	c := newClient(t, tr, p)
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(c.server))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	check := c.check(true).Raw
	if _, err := conn.Write(check); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the check is taken", func() bool {
		q := p.selected.Load()
		return q != nil && q.credit.Load() > 0
	})
	for range 20 {
		p.write(make([]byte, 50))
	}
	p.write([]byte("last")) // if there is room
	got := 0
	b := make([]byte, 2048)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := conn.Read(b)
		if err != nil {
			break
		}
		got += n
	}
	if got > amplification*len(check) || got < 2*len(check) {
		t.Errorf("%d bytes came back for %d", got, len(check))
	}
}

// Of a flood of records so many are given to DTLS, even if it reads them at once.
func TestRecordRate(t *testing.T) {
	t.Parallel()
	tr := start(t, Config{})
	p := newPeer(t, tr, newFake())
	now := time.Now()
	taken := 0
	b := make([]byte, maxRecord)
	for range 1000 {
		if p.record(now, record(recordHandshake, 0, 1)) {
			taken++
			if _, _, err := p.inbox.ReadFrom(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if most := int(recordRate.burst/recordRate.each) + 1; taken > most || taken < 10 {
		t.Errorf("%d records at once were taken, want at most %d", taken, most)
	}
}

func TestInboxBounded(t *testing.T) {
	t.Parallel()
	b := newInbox(nil)
	taken := 0
	for range 100 {
		if b.push([]byte{1}) {
			taken++
		}
	}
	if taken != maxRecords {
		t.Errorf("%d datagrams wait, want %d", taken, maxRecords)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b.push([]byte{1}) || b.size != 0 {
		t.Error("something waits in a closed inbox")
	}
}
