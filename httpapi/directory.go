package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"conclave/api"
	"conclave/auth"
	"conclave/directory"
)

// Directory is the key directory; *directory.Directory is one. What it answers is
// checked by clients, so these routes need no session.
type Directory interface {
	Lookup(ctx context.Context, request []byte) ([]byte, error)
	Monitor(ctx context.Context, request []byte) ([]byte, error)
	Consistency(ctx context.Context, from, to uint64) ([]byte, error)
	Mutations(ctx context.Context, epoch uint64) ([]byte, error)
	PublicConfig() directory.PublicConfig
	// Handler serves GET /checkpoint and GET /tile/….
	Handler() http.Handler
}

var _ Directory = (*directory.Directory)(nil)

// Limits of directory requests.
const (
	maxDirectoryBody = 64 << 10
	maxCheckpoint    = 64 << 10 // body of /witness/add-checkpoint
)

// directoryRoutes adds the routes of the key directory and of the witness.
func (a *API) directoryRoutes() {
	if a.cfg.Witness != nil {
		a.mux.Handle("POST /witness/add-checkpoint", http.MaxBytesHandler(noStore(a.cfg.Witness), maxCheckpoint))
	}
	d := a.cfg.Directory
	if d == nil {
		return
	}
	a.mux.HandleFunc("POST /api/v1/directory/lookup", a.ask(d.Lookup))
	a.mux.HandleFunc("POST /api/v1/directory/monitor", a.ask(d.Monitor))
	a.mux.HandleFunc("GET /api/v1/directory/config", func(w http.ResponseWriter, r *http.Request) {
		c := d.PublicConfig()
		a.writeJSON(w, r, http.StatusOK, &api.DirectoryConfig{Origin: c.Origin, LogKey: c.LogKey, VRFKey: c.VRFKey[:]})
	})
	a.mux.HandleFunc("GET /api/v1/directory/mutations/{epoch}", func(w http.ResponseWriter, r *http.Request) {
		epoch, err := strconv.ParseUint(r.PathValue("epoch"), 10, 64)
		if err != nil {
			a.refuse(w, r, auth.Refuse(api.CodeMalformed, "an epoch is a number"))
			return
		}
		a.tell(w, r, func() ([]byte, error) { return d.Mutations(r.Context(), epoch) })
	})
	a.mux.HandleFunc("GET /api/v1/directory/consistency", func(w http.ResponseWriter, r *http.Request) {
		from, err := queryNumber(r, "from")
		to, err2 := queryNumber(r, "to")
		if err := errors.Join(err, err2); err != nil {
			a.refuse(w, r, err)
			return
		}
		a.tell(w, r, func() ([]byte, error) { return d.Consistency(r.Context(), from, to) })
	})
	log := d.Handler()
	a.mux.Handle("GET /checkpoint", log)
	a.mux.Handle("GET /tile/", log)
}

// ask answers a request that is encoded as the directory wants it.
func (a *API) ask(f func(context.Context, []byte) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := readBytes(w, r, maxDirectoryBody)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		a.tell(w, r, func() ([]byte, error) { return f(r.Context(), b) })
	}
}

// tell sends what the directory says, unless the caller asks too much.
func (a *API) tell(w http.ResponseWriter, r *http.Request, f func() ([]byte, error)) {
	if a.cfg.Accounts != nil {
		if err := a.cfg.Accounts.MayLookUp(a.caller(r)); err != nil {
			a.refuse(w, r, err)
			return
		}
	}
	b, err := f()
	if err != nil {
		a.refuse(w, r, directoryError(err))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // a client that left does not matter
}

// directoryError says what a directory said.
func directoryError(err error) error {
	switch {
	case errors.Is(err, directory.ErrRequest):
		return auth.Refuse(api.CodeDirectoryRefused, "the directory cannot answer this request")
	case errors.Is(err, directory.ErrNotFound):
		return auth.Refuse(api.CodeNotFound, "the directory has no such entry")
	case errors.Is(err, directory.ErrBusy), errors.Is(err, directory.ErrUnavailable):
		return auth.Refuse(api.CodeBusy, "the directory cannot answer now: try again")
	default:
		return err
	}
}

// noStore keeps answers out of caches.
func noStore(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}
