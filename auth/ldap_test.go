package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"conclave/api"
	"conclave/auth"
	"conclave/internal/testkit"
)

// A slapd is Debian's LDAP server on loopback, with TLS by a CA of the test.
type slapd struct {
	plain, tls string // URLs
	roots      *x509.CertPool
}

// slapdConf allows a password over TLS only, and a search to the reader only.
const slapdConf = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/pid
TLSCACertificateFile %[1]s/ca.pem
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
security simple_bind=112
database mdb
maxsize 10485760
suffix "dc=example"
rootdn "cn=root,dc=example"
directory %[1]s/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=example" read by anonymous auth by * none
`

const slapdEntries = `
dn: dc=example
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=reader,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reading

dn: ou=a,dc=example
objectClass: organizationalUnit
ou: a

dn: ou=b,dc=example
objectClass: organizationalUnit
ou: b

dn: uid=ada,ou=a,dc=example
objectClass: inetOrgPerson
uid: ada
cn: Ada
sn: Ada
userPassword: verysecure

dn: uid=kofi,ou=a,dc=example
objectClass: inetOrgPerson
uid: kofi
cn: Kofi
sn: Kofi
userPassword: kofi's own

dn: uid=twin,ou=a,dc=example
objectClass: inetOrgPerson
uid: twin
cn: Twin
sn: Twin
userPassword: verysecure

dn: uid=twin,ou=b,dc=example
objectClass: inetOrgPerson
uid: twin
cn: Twin
sn: Twin
userPassword: verysecure
`

func newSlapd(t *testing.T) *slapd {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin")
	for _, program := range []string{"slapd", "slapadd"} {
		if _, err := exec.LookPath(program); err != nil {
			testkit.Missing(t, "%s is not here: install Debian's slapd", program)
		}
	}
	dir := t.TempDir()
	plain, tls := freePorts(t)
	s := &slapd{plain: "ldap://127.0.0.1:" + plain, tls: "ldaps://127.0.0.1:" + tls, roots: x509.NewCertPool()}
	s.roots.AddCert(writeCertificates(t, dir))
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	conf, entries := write("slapd.conf", fmt.Sprintf(slapdConf, dir)), write("entries.ldif", slapdEntries)
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "slapadd", "-f", conf, "-l", entries).CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	s.start(t, conf)
	return s
}

// start runs the server until the test ends, and returns when it listens.
func (s *slapd) start(t *testing.T, conf string) {
	t.Helper()
	var said lockedBuffer
	cmd := exec.CommandContext(t.Context(), "slapd", "-d", "0", "-f", conf, "-h", s.plain+"/ "+s.tls+"/")
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the end of the test's context kills it
		close(ended)
	}()
	t.Cleanup(func() { <-ended })
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	for _, at := range []string{s.plain, s.tls} {
		_, address, _ := strings.Cut(at, "://")
		for {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				_ = conn.Close()
				break
			}
			select {
			case <-ended:
				t.Fatalf("slapd did not start:\n%s", said.String())
			case <-retry.C:
			}
		}
	}
}

// freePorts returns two ports that nobody has.
func freePorts(t *testing.T) (a, b string) {
	t.Helper()
	var ports [2]string
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, ports[i], err = net.SplitHostPort(l.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	return ports[0], ports[1]
}

// writeCertificates writes ca.pem, and cert.pem with key.pem for 127.0.0.1, and
// returns the CA.
func writeCertificates(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, caKey, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, key, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "ldap"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	must(t, caDER, err)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	must(t, leafDER, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, keyDER, err)
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: caDER}, "cert.pem": {Type: "CERTIFICATE", Bytes: leafDER}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(caDER)
	return must(t, parsed, err)
}

func ldapConfig(at string, roots *x509.CertPool) auth.LDAPConfig {
	return auth.LDAPConfig{
		ID: "org", Name: "Organisation", URL: at, Roots: roots,
		BindDN: "cn=reader,dc=example", BindPassword: "reading", BaseDN: "dc=example",
	}
}

func ldapLogin(name, password string) *api.LDAPLogin {
	return &api.LDAPLogin{Provider: "org", Username: name, Password: password, Name: "laptop"}
}

const ldapPath = "/api/v1/auth/ldap/login"

func TestLDAP(t *testing.T) {
	s := newSlapd(t)
	for _, at := range []string{s.plain, s.tls} {
		h := newHarness(t, func(c *auth.Config) { c.LDAP = []auth.LDAPConfig{ldapConfig(at, s.roots)} })
		first := call[api.SignedIn](h, "POST", ldapPath, "", ldapLogin("ada", "verysecure"))
		if first.Session.Method != "ldap:org" || first.Session.Handle != "" {
			t.Errorf("session %+v", first.Session)
		}
		again := call[api.SignedIn](h, "POST", ldapPath, "", ldapLogin("ADA", "verysecure"))
		kofi := call[api.SignedIn](h, "POST", ldapPath, "", ldapLogin("kofi", "kofi's own"))
		if again.Session.User != first.Session.User || kofi.Session.User == first.Session.User {
			t.Error("one person has two accounts, or two share one")
		}
		// Another entry's password, and names that are filters.
		for _, name := range []string{
			"kofi", "nobody", "twin", "*", "a*", "ada)(uid=*", "*)(uid=ada", "ada))(|(uid=*", "ada\x00", `\61da`,
			"uid=ada,ou=a,dc=example", "ada)(userPassword=verysecure",
		} {
			h.refused(api.CodeSignInFailed, "POST", ldapPath, "", ldapLogin(name, "verysecure"))
		}
		for _, password := range []string{"", "verysecure\x00", strings.Repeat("a", 1025)} {
			h.refused(api.CodeMalformed, "POST", ldapPath, "", ldapLogin("ada", password))
		}
		h.refused(api.CodeMalformed, "POST", ldapPath, "", ldapLogin("", "verysecure"))
		h.refused(api.CodeMethodOff, "POST", ldapPath, "", &api.LDAPLogin{Provider: "other", Username: "ada", Password: "x", Name: "x"})
		for left := 9; left >= 0; left-- {
			if e := h.refused(api.CodeSignInFailed, "POST", ldapPath, "", ldapLogin("ada", "wrong")); *e.TriesLeft != left {
				t.Fatalf("tries left %d, want %d", *e.TriesLeft, left)
			}
		}
		if e := h.refused(api.CodeTooManyTries, "POST", ldapPath, "", ldapLogin("Ada", "verysecure")); e.RetryMS == 0 {
			t.Error("no time to wait")
		}
	}
	t.Run("another CA", func(t *testing.T) {
		h := newHarness(t, func(c *auth.Config) { c.LDAP = []auth.LDAPConfig{ldapConfig(s.plain, x509.NewCertPool())} })
		h.refused(api.CodeProvider, "POST", ldapPath, "", ldapLogin("ada", "verysecure"))
		if !strings.Contains(h.log.String(), "starting TLS") {
			t.Errorf("the log does not say why: %s", h.log.String())
		}
	})
	t.Run("wrong reader", func(t *testing.T) {
		cfg := ldapConfig(s.plain, s.roots)
		cfg.BindPassword = "verysecure"
		h := newHarness(t, func(c *auth.Config) { c.LDAP = []auth.LDAPConfig{cfg} })
		h.refused(api.CodeProvider, "POST", ldapPath, "", ldapLogin("ada", "verysecure"))
	})
	t.Run("closed", func(t *testing.T) {
		h := newHarness(t, func(c *auth.Config) {
			c.LDAP, c.Registration = []auth.LDAPConfig{ldapConfig(s.plain, s.roots)}, auth.Closed
		})
		h.refused(api.CodeRegistration, "POST", ldapPath, "", ldapLogin("ada", "verysecure"))
	})
}

// TestLDAPSaysNothingInClear has a server that refuses StartTLS, or somebody who
// answers for it: no name and no password leave.
func TestLDAPSaysNothingInClear(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan []byte, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			heard <- nil
			return
		}
		defer conn.Close()
		var all []byte
		for b := make([]byte, 4096); ; {
			n, err := conn.Read(b)
			all = append(all, b[:n]...)
			if err != nil {
				heard <- all
				return
			}
			// ExtendedResponse to message 1: protocolError (RFC 4511, Section 4.14.2).
			_, _ = conn.Write([]byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x02, 0x04, 0x00, 0x04, 0x00})
		}
	}()
	h := newHarness(t, func(c *auth.Config) {
		c.LDAP = []auth.LDAPConfig{ldapConfig("ldap://"+l.Addr().String(), x509.NewCertPool())}
	})
	h.refused(api.CodeProvider, "POST", ldapPath, "", ldapLogin("ada", "verysecure"))
	_ = l.Close()
	all := string(<-heard)
	if !strings.Contains(all, "1.3.6.1.4.1.1466.20037") {
		t.Errorf("heard %q, want StartTLS", all)
	}
	for _, word := range []string{"ada", "verysecure", "reader", "reading"} {
		if strings.Contains(all, word) {
			t.Errorf("heard %q in clear", word)
		}
	}
}
