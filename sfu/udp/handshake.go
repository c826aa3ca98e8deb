package udp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"

	"conclave/sfu/rtp"
	"conclave/sfu/srtp"
)

const (
	// handshakeTime bounds one handshake. Flights are sent again after 1, 2, 4 and
	// 8 s, so this survives four losses in a row.
	handshakeTime = 20 * time.Second
	// exporter is the label of RFC 5764, Section 4.2.
	exporter = "EXTRACTOR-dtls_srtp"
	// dtlsMTU is what DTLS cuts its flights to, in bytes; it fits any path.
	dtlsMTU = 1200
)

var (
	errFingerprint = errors.New("the client's certificate is not the one that signalling told")
	errNoSRTP      = errors.New("the client did not agree to an SRTP profile")
)

// record takes a DTLS datagram and reports whether it did.
func (p *Peer) record(now time.Time, b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.ended {
		return false
	}
	if p.phase == phaseSettled {
		return p.partLocked(now, b)
	}
	if !p.records.take(now, recordRate, 1) || !plausible(b) {
		return false
	}
	if p.inbox == nil {
		p.inbox = newInbox(p.write)
	}
	ok := p.inbox.push(b)
	p.startDTLSLocked()
	return ok
}

// amplification is how many bytes may go to an address before the handshake has
// proven that who is there reads them, for each that came from it. A check proves
// only that its sender knows the password, not that it is where it seems to be.
const amplification = 3

// write sends a DTLS datagram over the path that is selected now.
func (p *Peer) write(b []byte) {
	q := p.selected.Load()
	if q == nil {
		return
	}
	p.showed(q)
	if p.keys.Load() == nil { // nobody else takes from the credit
		if q.credit.Load() < int64(len(b)) {
			return // as if it was lost: it is sent again
		}
		q.credit.Add(-int64(len(b)))
	}
	s := p.t.borrow()
	defer p.t.giveBack(s)
	s.datagram(&q.link, b)
}

// showed notes that something of the handshake went over q.
func (p *Peer) showed(q *path) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.keys.Load() != nil:
	case !p.showing:
		p.showing, p.shown = true, q
	case p.shown != q:
		p.shown = nil
	}
}

// startDTLSLocked starts the handshake once the client has begun and we know
// its fingerprints. A record comes only over a path that is proven.
func (p *Peer) startDTLSLocked() {
	if p.phase != phaseIdle || p.inbox == nil || p.fingerprints == nil {
		return
	}
	p.phase = phaseRunning
	box, list := p.inbox, p.fingerprints
	p.t.running.Go(func() {
		if err := p.serveDTLS(box, list); err != nil {
			p.t.log.Debug("a media connection ended", slog.Any("error", err))
		}
	})
}

// serveDTLS runs a peer's DTLS connection until the client closes it, p is
// closed, or nothing is left to do for it. A panic, which would be pion's or
// of a parser it uses, ends the peer and not the server.
func (p *Peer) serveDTLS(box *inbox, list []fingerprint) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.t.log.Error("DTLS connection broke", slog.Any("error", recovered(r)))
			p.mu.Lock()
			p.connecting = false // it may have been Connected
			p.mu.Unlock()
			_ = box.Close() // it has no error
			p.end(p.t.clock())
		}
	}()
	conn, state, err := p.handshake(box, list)
	if err != nil {
		p.t.stats.DTLSFailures.Add(1)
		p.end(p.t.clock())
		return err
	}
	p.t.stats.Handshakes.Add(1)
	if err := p.connected(conn, state); err != nil {
		_ = conn.Close() // the error is known
		p.end(p.t.clock())
		return err
	}
	drain(conn)
	settled := p.settled(conn)
	_ = conn.Close() // what it reports is that the client has gone
	if !settled {
		p.end(p.t.clock())
	}
	return nil
}

// handshake waits for its turn and does the handshake.
func (p *Peer) handshake(box *inbox, list []fingerprint) (*dtls.Conn, *dtls.State, error) {
	select {
	case p.t.handshaking <- struct{}{}:
	case <-p.t.closing:
		return nil, nil, ErrClosed
	}
	defer func() { <-p.t.handshaking }()
	conn, err := p.t.dtlsServer(box, func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 || !matches(list, raw[0]) {
			return errFingerprint
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("preparing DTLS: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the first error counts
		return nil, nil, fmt.Errorf("DTLS handshake: %w", err)
	}
	state, ok := conn.ConnectionState()
	if !ok {
		_ = conn.Close() // there is no other error
		return nil, nil, errors.New("DTLS handshake: no keys")
	}
	return conn, &state, nil
}

// dtlsServer returns a DTLS 1.2 server over an inbox; pion has no other version.
// It asks for no cookie, since an authenticated check came from the client's address.
func (t *Transport) dtlsServer(box *inbox, verify func([][]byte, [][]*x509.Certificate) error) (*dtls.Conn, error) {
	return dtls.ServerWithOptions(box, peerAddr{},
		dtls.WithCertificates(t.certificate),
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithVerifyPeerCertificate(verify),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerifyHello(true),
		dtls.WithSRTPProtectionProfiles(
			dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
		),
		dtls.WithMTU(dtlsMTU),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}),
	)
}

// connected takes the keys of a handshake into use.
func (p *Peer) connected(conn *dtls.Conn, state *dtls.State) error {
	number, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return errNoSRTP
	}
	profile := srtp.Profile(number)
	material, err := state.ExportKeyingMaterial(exporter, nil, profile.KeyingSize())
	if err != nil {
		return fmt.Errorf("exporting SRTP keys: %v", err)
	}
	defer clear(material)
	return p.activate(profile, material)
}

// activate makes the SRTP contexts from keying material and tells the handler.
func (p *Peer) activate(profile srtp.Profile, material []byte) error {
	sealer, opener, err := srtp.New(profile, material, true)
	if err != nil {
		return fmt.Errorf("making SRTP contexts: %v", err)
	}
	now := p.t.clock()
	p.mu.Lock()
	if p.closed || p.ended {
		p.mu.Unlock()
		return ErrClosed
	}
	p.opener, p.connecting, p.phase = opener, true, phaseLingering
	p.keys.Store(&keys{sealer: sealer, overhead: profile.Overhead(), rtcp: profile.RTCPOverhead()})
	p.proveLocked()
	p.t.stats.Connected.Add(1)
	p.mu.Unlock()

	var out rtp.Output
	p.handler.Connected(now, &out)
	p.t.Send(&out)

	for !p.begun(&out) {
		p.t.Send(&out)
	}
	return nil
}

// begun ends the time between the handshake and media: it hands over what was
// kept until now and, when nothing is left, lets shards do that. It reports
// whether that is so.
func (p *Peer) begun(out *rtp.Output) bool {
	now := p.t.clock()
	out.Reset()
	p.mu.Lock()
	early, from := p.early, p.selected.Load()
	p.early = nil
	if len(early) == 0 || from == nil || p.opener == nil {
		p.connecting = false
		ended := p.ended && !p.closed
		p.receiving = !p.ended && !p.closed
		p.mu.Unlock()
		if ended { // end left it to us, so that Connected is never the last call
			p.handler.Disconnected(now)
		}
		return true
	}
	var n counts
	in := p.openLocked(now, from, early, nil, &n)
	p.mu.Unlock()
	if len(in) > 0 {
		p.handler.Receive(now, in, out)
	}
	n.flush(p.t.stats)
	return false
}

// drain reads what the client sends over DTLS, which nobody wants, until the
// connection ends.
func drain(conn *dtls.Conn) {
	b := make([]byte, 16)
	for {
		_, err := conn.Read(b)
		if errors.Is(err, io.EOF) || errors.Is(err, dtls.ErrConnClosed) {
			return
		}
	}
}

// settleLocked stops the DTLS connection: the client has our last flight.
func (p *Peer) settleLocked() {
	p.phase = phaseSettled
	_ = p.inbox.Close() // it has no error
}

// settled keeps, if p is settled, what is needed to understand that the client
// closes the connection.
func (p *Peer) settled(conn *dtls.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase != phaseSettled {
		return false
	}
	p.inbox = nil
	if state, ok := conn.ConnectionState(); ok && !p.closed && !p.ended {
		state.PeerCertificates = nil // checked, and a kilobyte
		p.state = &state
	}
	return true
}

// partLocked looks into an alert after the connection has settled.
func (p *Peer) partLocked(now time.Time, b []byte) bool {
	if len(b) > maxRecord || !isSealedAlert(b) || p.state == nil || p.parting || !p.farewells.take(now, farewellRate, 1) {
		return false
	}
	p.parting = true
	state, datagram := p.state, append([]byte(nil), b...)
	p.t.running.Go(func() {
		gone := p.t.isFarewell(state, datagram)
		p.mu.Lock()
		p.parting = false
		p.mu.Unlock()
		if gone {
			p.end(p.t.clock())
		}
	})
	return true
}

// isFarewell reports whether a datagram is an authentic alert that ends a
// connection, close_notify or a fatal one. The connection is set up again for
// this one datagram and never sends, so that no nonce is used again.
func (t *Transport) isFarewell(state *dtls.State, datagram []byte) (gone bool) {
	defer func() {
		if r := recover(); r != nil {
			t.log.Error("DTLS alert broke its reader", slog.Any("error", recovered(r)))
			gone = false
		}
	}()
	box := newInbox(func([]byte) {})
	conn, err := dtls.ResumeWithOptions(state, box, peerAddr{},
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}))
	if err != nil {
		return false
	}
	box.push(datagram)
	// It returns at once: there is nothing to shake hands about.
	err = conn.HandshakeContext(context.Background())
	gone = box.broken(err != nil)
	_ = box.Close()  // it has no error
	_ = conn.Close() // the same
	return gone
}
