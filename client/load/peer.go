package load

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/pion/webrtc/v4"
)

// An Exchange hands a server the local description, an offer, and returns the
// server's answer. It is how a peer that offers reaches any signalling.
type Exchange func(ctx context.Context, offer string) (answer string, err error)

// A PeerConfig is what publishers and subscribers have in common.
type PeerConfig struct {
	// Local is the address of this machine that candidates name; the zero Addr
	// means the first one that is not a loopback address. See [LocalFor].
	Local netip.Addr
	Log   *slog.Logger // discarded
	// IceServers are those the server named; usually none.
	IceServers []webrtc.ICEServer
}

// LocalFor returns the address of this machine from which host, a name or an
// address, is reached.
func LocalFor(ctx context.Context, host string) (netip.Addr, error) {
	return netip.Addr{}, errTodo
}
