package mls

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"conclave/core/secret"
)

// TestStateDoesNotPrint holds RFC 9420, Section 2: keys and secrets stay with the
// client, also when a program prints what it has at hand.
func TestStateDoesNotPrint(t *testing.T) {
	s := newScene(t)
	client := s.newcomer(t)
	k := newKeyPackage(t, client)
	if _, err := s.bob.ProposeUpdate(LeafChange{}, SendOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.bob.Commit(CommitOptions{Add: [][]byte{k.Bytes()}}); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]secret.Value{
		"init key": k.initKey, "leaf key": k.leafKey.Private, "signing key": client.signer.Private(),
		"member's signing key": s.bob.current.signer.Private(), "sender_data_secret": s.bob.current.secrets.SenderData,
		"leaf key of an Update": s.bob.proposals[0].update.leafKey.Private,
		"exporter_secret":       s.bob.current.secrets.Exporter, "init_secret": s.bob.pending.next.secrets.Init,
		"resumption_psk": s.bob.past[0].secrets.Resumption,
	}
	for _, v := range []any{client, *client, client.config, k, *k, s.bob, *s.bob, s.bob.pending, *s.bob.pending, s.bob.Snapshot()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%q", "%d"} {
			printed := fmt.Sprintf(verb, v)
			for name, sec := range secrets {
				b := sec.Expose()
				decimal := strings.Trim(fmt.Sprint(b), "[]")
				for _, form := range []string{string(b), hex.EncodeToString(b), decimal, strings.ReplaceAll(decimal, " ", ", ")} {
					if strings.Contains(printed, form) {
						t.Errorf("%s of a %T shows the %s", verb, v, name)
					}
				}
			}
		}
	}
}
