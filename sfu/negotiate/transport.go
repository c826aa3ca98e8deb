package negotiate

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	maxFingerprints = 8
	minUfrag        = 4 // RFC 8839, Section 5.4
	minPassword     = 22
	maxCredential   = 256
)

// parse splits a text into its lines. An error of the parser quotes the line,
// and so is not passed on.
func parse(text string, limit int) (*sdp.SessionDescription, error) {
	if len(text) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrDescription, limit)
	}
	d := new(sdp.SessionDescription)
	if d.UnmarshalString(text) != nil {
		return nil, fmt.Errorf("%w: a line is not as RFC 8866 has it", ErrDescription)
	}
	if _, lite := d.Attribute(sdp.AttrKeyICELite); lite {
		return nil, fmt.Errorf("%w: a=ice-lite, but the server is lite itself and makes no checks (RFC 8445, Section 2.5)", ErrDescription)
	}
	return d, nil
}

// bundle returns the mids of the one group that shares a transport, in order.
func bundle(d *sdp.SessionDescription) ([]string, error) {
	var group []string
	for _, a := range d.Attributes {
		f := strings.Fields(a.Value)
		if a.Key != sdp.AttrKeyGroup || len(f) == 0 || f[0] != "BUNDLE" {
			continue
		}
		if group != nil {
			return nil, fmt.Errorf("%w: more than one a=group:BUNDLE", ErrDescription)
		}
		group = f[1:]
	}
	if group == nil {
		return nil, fmt.Errorf("%w: no a=group:BUNDLE; all m-lines must share one transport", ErrDescription)
	}
	return group, nil
}

// readRemote reads the transport of a bundle: from the m-line that speaks for it,
// and where that says nothing from the whole description. setup is the DTLS role
// (RFC 8842).
func readRemote(d *sdp.SessionDescription, m *sdp.MediaDescription) (r Remote, setup string, err error) {
	value := func(key string) string {
		if v, ok := m.Attribute(key); ok {
			return v
		}
		v, _ := d.Attribute(key)
		return v
	}
	r.Ufrag, r.Password = value("ice-ufrag"), value("ice-pwd")
	if !isCredential(r.Ufrag, minUfrag) {
		return Remote{}, "", fmt.Errorf("%w: no a=ice-ufrag of %d to %d ice-chars", ErrDescription, minUfrag, maxCredential)
	}
	if !isCredential(r.Password, minPassword) {
		return Remote{}, "", fmt.Errorf("%w: no a=ice-pwd of %d to %d ice-chars", ErrDescription, minPassword, maxCredential)
	}
	r.Fingerprints = fingerprints(m.Attributes)
	if r.Fingerprints == nil {
		r.Fingerprints = fingerprints(d.Attributes)
	}
	if len(r.Fingerprints) == 0 {
		return Remote{}, "", fmt.Errorf("%w: no a=fingerprint with SHA-256, SHA-384 or SHA-512", ErrDescription)
	}
	return r, value(sdp.AttrKeyConnectionSetup), nil
}

// isCredential reports whether s consists of at least n ice-chars (RFC 8839,
// Section 5.4).
func isCredential(s string, n int) bool {
	return len(s) >= n && len(s) <= maxCredential && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && r != '+' && r != '/'
	})
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// hashSizes are the hash functions that are believed, with the bytes of a hash.
// RFC 8122, Section 5 has weaker ones too; a certificate may have several
// fingerprints, and those are left out.
var hashSizes = map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}

// fingerprints returns the fingerprints of a description or an m-line, nil if
// it has no such attribute.
func fingerprints(attributes []sdp.Attribute) []string {
	var list []string
	for _, a := range attributes {
		if a.Key != "fingerprint" {
			continue
		}
		if list == nil {
			list = []string{}
		}
		hash, digits, _ := strings.Cut(a.Value, " ")
		hash, digits = strings.ToLower(hash), strings.ToUpper(strings.TrimSpace(digits))
		if size, ok := hashSizes[hash]; ok && len(list) < maxFingerprints && isHash(digits, size) {
			list = append(list, hash+" "+digits)
		}
	}
	return list
}

// isHash reports whether s is size bytes as "AB:CD…".
func isHash(s string, size int) bool {
	if len(s) != 3*size-1 {
		return false
	}
	for i := 2; i < len(s); i += 3 {
		if s[i] != ':' {
			return false
		}
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	return err == nil && len(b) == size
}
