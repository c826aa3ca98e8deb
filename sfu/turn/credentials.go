package turn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what TURN servers with such credentials use
	"encoding/base64"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/turn/v5"

	"conclave/sfu/ice"
)

// maxUsername is longer than any that Credentials makes.
const maxUsername = 64

// Credentials returns credentials that hold for a time: the username says until
// when, in seconds of Unix time, and has something random after it; the password
// is its HMAC (draft-uberti-behave-turn-rest-00, Section 2.2). An allocation that was
// made with them lives on for at most ten minutes more.
func (s *Server) Credentials(now time.Time, ttl time.Duration) (username, password string) {
	username = strconv.FormatInt(now.Add(ttl).Unix(), 10) + ":" + rand.Text()
	return username, s.password(username)
}

func (s *Server) password(username string) string {
	h := hmac.New(sha1.New, s.cfg.Secret)
	h.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// authenticate returns the key that a request must be made with, if its username
// is one that still holds.
func (s *Server) authenticate(r *turn.RequestAttributes) (user string, key []byte, ok bool) {
	if len(r.Username) > maxUsername || r.Realm != s.cfg.Realm {
		return "", nil, false
	}
	until, _, found := strings.Cut(r.Username, ":")
	t, err := strconv.ParseInt(until, 10, 64)
	if !found || err != nil || s.clock().Unix() > t {
		return "", nil, false
	}
	return r.Username, turn.GenerateAuthKey(r.Username, r.Realm, s.password(r.Username)), true
}

// quota reports whether a user may have one allocation more.
func (s *Server) quota(user, _ string, _ net.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.perUser[user] < s.cfg.PerUser
}

// created lets the connection of an allocation live longer than a stranger's.
func (s *Server) created(from, _ net.Addr, _, _, _ string, _ net.Addr, _ int) {
	for _, a := range s.acceptors {
		a.introduce(from)
	}
}

// permitted reports whether a client may ask for a permission or a channel to an
// address. Ports are looked at for each packet.
func (s *Server) permitted(_ net.Addr, ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	return ok && s.cfg.Allowed(netip.AddrPortFrom(a.Unmap(), 0))
}

// Only returns a function for Config.Allowed that allows the UDP candidates that
// a list has at the moment.
func Only(list func() []ice.Candidate) func(netip.AddrPort) bool {
	return func(a netip.AddrPort) bool {
		for _, c := range list() {
			if !c.TCP && c.Addr.Addr().Unmap() == a.Addr() && (a.Port() == 0 || a.Port() == c.Addr.Port()) {
				return true
			}
		}
		return false
	}
}
