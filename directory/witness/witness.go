// Package witness cosigns the checkpoints of logs (C2SP tlog-witness): it answers
// for a log that it never shortened or rewrote what it showed. The state is
// durable before a cosignature leaves.
package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Config says what a [Witness] does.
type Config struct {
	// Key is the signing key (C2SP signed-note, Ed25519): "PRIVATE+KEY+…".
	Key string
	// Logs are the verifier keys of the logs to cosign; their names are the origins.
	Logs  []string
	Store Store
	Now   func() time.Time // time.Now
	Log   *slog.Logger     // discarded
}

// Stats are the numbers that a [Witness] exports.
type Stats struct {
	Cosigned atomic.Uint64 // checkpoints
	Refused  atomic.Uint64 // requests, those with an outdated size included
	Rollback atomic.Uint64 // of them, those of a log that shows two histories
}

// A Witness is an http.Handler of POST …/add-checkpoint. It may be used by many
// at the same time.
type Witness struct {
	signer *signer
	logs   map[string][]note.Verifier // keys by origin; constant
	store  Store
	now    func() time.Time
	log    *slog.Logger
	stats  Stats
}

// New checks the configuration.
func New(cfg Config) (*Witness, error) {
	s, err := newSigner(cfg.Key)
	if err != nil {
		return nil, err
	}
	w := &Witness{signer: s, logs: make(map[string][]note.Verifier), store: cfg.Store, now: cfg.Now, log: cfg.Log}
	if w.store == nil {
		return nil, errors.New("witness: a store is needed")
	}
	if w.now == nil {
		w.now = time.Now
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	for _, vkey := range cfg.Logs {
		key, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("witness: the key of a log is not a verifier key (NAME+HASH+KEY): %w", err)
		}
		w.logs[key.Name()] = append(w.logs[key.Name()], key)
	}
	return w, nil
}

// Stats returns the counters.
func (w *Witness) Stats() *Stats { return &w.stats }

// VerifierKey returns the key that others check cosignatures with: a vkey of type
// 0x04 (C2SP tlog-cosignature).
func (w *Witness) VerifierKey() string { return w.signer.vkey }

// maxBody is the most bytes of a request: 63 hashes and a checkpoint of 16 KiB.
const maxBody = 32 << 10

// ServeHTTP answers an add-checkpoint request.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		w.answer(rw, &refusal{http.StatusBadRequest, "the request is too long or was cut off", 0})
		return
	}
	line, err := w.add(r.Context(), body)
	if err != nil {
		w.answer(rw, err)
		return
	}
	w.stats.Cosigned.Add(1)
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = rw.Write(line) // a log that is gone
}

// A refusal is an answer that is no cosignature.
type refusal struct {
	status int
	text   string
	size   uint64 // that the witness has; told with staleSize
}

func (r *refusal) Error() string { return r.text }

// answer sends a refusal, or that the witness is at fault.
func (w *Witness) answer(rw http.ResponseWriter, err error) {
	w.stats.Refused.Add(1)
	r := new(refusal)
	switch {
	case !errors.As(err, &r):
		w.log.Error("a checkpoint could not be cosigned", slog.Any("error", err))
		http.Error(rw, "the witness cannot write its state now", http.StatusInternalServerError)
	case r.text == staleSize:
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(r.status)
		_, _ = io.WriteString(rw, strconv.FormatUint(r.size, 10)+"\n") // a log that is gone
	default:
		http.Error(rw, r.text, r.status)
	}
}

const staleSize = "the size is not the one that was last cosigned"

// add cosigns a checkpoint, in the order of C2SP tlog-witness, add-checkpoint.
func (w *Witness) add(ctx context.Context, body []byte) ([]byte, error) {
	q, err := parseRequest(body)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error(), 0}
	}
	keys := w.logs[q.origin]
	if len(keys) == 0 {
		return nil, &refusal{http.StatusNotFound, "this log is not cosigned here", 0}
	}
	signed, err := note.Open(q.checkpoint, note.VerifierList(keys...))
	if unverified := new(note.UnverifiedNoteError); errors.As(err, &unverified) {
		return nil, &refusal{http.StatusForbidden, "no key of the log signed the checkpoint", 0}
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "the checkpoint is not a note", 0}
	}
	if q.old > q.size {
		return nil, &refusal{http.StatusBadRequest, "the old size is above that of the checkpoint", 0}
	}

	err = w.store.Update(ctx, q.origin, func(state State) (State, error) {
		return State{q.size, q.root}, w.judge(q, state)
	})
	if err != nil {
		return nil, err
	}
	return w.signer.cosign(signed.Text, w.now()), nil
}

// judge checks that a checkpoint follows what was cosigned.
func (w *Witness) judge(q *request, state State) error {
	switch {
	case q.old != state.Size:
		if q.size < state.Size { // an honest log never gets shorter
			w.suspect(q, state)
		}
		return &refusal{http.StatusConflict, staleSize, state.Size}
	case q.size == 0:
		if empty, _ := tlog.TreeHash(0, nil); q.root != empty {
			return &refusal{http.StatusUnprocessableEntity, "the empty log has another root", 0}
		}
	case q.old == 0: // first seen
	case q.old == q.size:
		if q.root != state.Root {
			w.suspect(q, state)
			return &refusal{http.StatusConflict, "another root was cosigned for this size", 0}
		}
	default:
		if tlog.CheckTree(q.proof, int64(q.size), q.root, int64(q.old), state.Root) != nil {
			w.suspect(q, state)
			return &refusal{http.StatusUnprocessableEntity, "the consistency proof does not hold", 0}
		}
		return nil
	}
	if len(q.proof) != 0 {
		return &refusal{http.StatusUnprocessableEntity, "there is nothing to prove", 0}
	}
	return nil
}

// suspect notes that a log shows another history than before.
func (w *Witness) suspect(q *request, state State) {
	w.stats.Rollback.Add(1)
	w.log.Warn("a log shows another history than before: it was restored from a backup, or lies",
		slog.String("log", q.origin), slog.Uint64("cosigned_size", state.Size), slog.Uint64("size", q.size))
}
