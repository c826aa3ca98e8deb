package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// selfSignedFor is how long a self-signed certificate is valid. Browsers refuse
// more than 398 days from authorities; people who accept one by hand should not
// have to do so often.
const selfSignedFor = 397 * 24 * time.Hour

// certificate returns the certificate to serve with. now decides whether a
// stored self-signed one is still good.
func (c Config) certificate(now time.Time) (tls.Certificate, error) {
	if !c.TLSSelfSigned {
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("loading the certificate: %v", err)
		}
		return cert, nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("listen address: %v", err)
	}
	file := filepath.Join(c.Data, "tls", "self-signed.pem")
	cert, err := tls.LoadX509KeyPair(file, file)
	switch {
	case err == nil && stillGood(cert, host, now):
		return cert, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return tls.Certificate{}, fmt.Errorf("loading the self-signed certificate: %v", err)
	}
	if err := makeSelfSigned(file, host, now); err != nil {
		return tls.Certificate{}, fmt.Errorf("making a self-signed certificate: %v", err)
	}
	return tls.LoadX509KeyPair(file, file)
}

func stillGood(cert tls.Certificate, host string, now time.Time) bool {
	leaf := cert.Leaf
	return leaf != nil && now.Before(leaf.NotAfter.Add(-24*time.Hour)) &&
		(host == "" || leaf.VerifyHostname(host) == nil || net.ParseIP(host).IsUnspecified())
}

// makeSelfSigned writes a new certificate and its key into one file that only
// the owner can read.
func makeSelfSigned(file, host string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Conclave, self-signed"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(selfSignedFor),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if name, err := os.Hostname(); err == nil {
		template.DNSNames = append(template.DNSNames, name)
	}
	switch ip := net.ParseIP(host); {
	case ip == nil && host != "" && host != "localhost":
		template.DNSNames = append(template.DNSNames, host)
	case ip.IsUnspecified() || host == "":
		template.IPAddresses = append(template.IPAddresses, machineAddresses()...)
	case ip != nil:
		template.IPAddresses = append(template.IPAddresses, ip)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	out = append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, out, 0o600)
}

func machineAddresses() []net.IP {
	var ips []net.IP
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the names and loopback addresses remain
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() {
			ips = append(ips, n.IP)
		}
	}
	return ips
}

// fingerprint returns the SHA-256 of a certificate as browsers show it, so that
// people can compare it.
func fingerprint(cert tls.Certificate) string {
	sum := sha256.Sum256(cert.Certificate[0])
	return hex.EncodeToString(sum[:])
}
