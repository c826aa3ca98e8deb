package udp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512" // for crypto.Hash
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// newCertificate makes the DTLS certificate of this run: ECDSA on P-256, self-signed.
// Clients know it by its fingerprint, which signalling carries, and by nothing else.
func newCertificate(now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a DTLS key: %v", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a DTLS certificate: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), // must be positive
		Subject:      pkix.Name{CommonName: "WebRTC"},
		NotBefore:    now.AddDate(0, 0, -1), // for clients whose clocks are slow
		NotAfter:     now.AddDate(10, 0, 0), // longer than a server runs
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a DTLS certificate: %v", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// A fingerprint is the hash of a certificate (RFC 8122, Section 5).
type fingerprint struct {
	hash crypto.Hash
	sum  string // bytes
}

// maxFingerprints bounds those of one session description.
const maxFingerprints = 16

// String returns it as in SDP.
func (f fingerprint) String() string {
	var b strings.Builder
	b.WriteString(strings.ToLower(f.hash.String()))
	for i := range len(f.sum) {
		sep := byte(':')
		if i == 0 {
			sep = ' '
		}
		b.WriteByte(sep)
		fmt.Fprintf(&b, "%02X", f.sum[i])
	}
	return b.String()
}

// fingerprintOf returns that of a certificate in DER.
func fingerprintOf(der []byte) fingerprint {
	return fingerprint{crypto.SHA256, hashOf(crypto.SHA256, der)}
}

func hashOf(h crypto.Hash, der []byte) string {
	d := h.New()
	d.Write(der)
	return string(d.Sum(nil))
}

// parseFingerprints reads those of a session description, sorted and without
// repetition. Hash functions that we do not take, SHA-1 and older, are passed over.
func parseFingerprints(texts []string) ([]fingerprint, error) {
	if len(texts) > maxFingerprints {
		return nil, fmt.Errorf("%w: %d certificate fingerprints; send fewer", ErrRemote, len(texts))
	}
	var list []fingerprint
	for _, text := range texts {
		name, sum, _ := strings.Cut(strings.TrimSpace(text), " ")
		var h crypto.Hash
		switch strings.ToLower(name) {
		case "sha-256":
			h = crypto.SHA256
		case "sha-384":
			h = crypto.SHA384
		case "sha-512":
			h = crypto.SHA512
		default:
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(sum), ":", ""))
		if err != nil || len(b) != h.Size() {
			return nil, fmt.Errorf("%w: a certificate fingerprint is not a hash; send it as in SDP", ErrRemote)
		}
		list = append(list, fingerprint{h, string(b)})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: no certificate fingerprint; send one of sha-256, sha-384 or sha-512", ErrRemote)
	}
	slices.SortFunc(list, func(a, b fingerprint) int {
		return bytes.Compare(append([]byte{byte(a.hash)}, a.sum...), append([]byte{byte(b.hash)}, b.sum...))
	})
	return slices.Compact(list), nil
}

// matches reports whether a certificate in DER is one of those.
func matches(list []fingerprint, der []byte) bool {
	return slices.ContainsFunc(list, func(f fingerprint) bool { return hashOf(f.hash, der) == f.sum })
}
