package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera/api/layout"
)

// maxWitnessAnswer is the most bytes that are read of a witness.
const maxWitnessAnswer = 64 << 10

// listening returns a client for requests to witnesses that notes the sizes that
// they say they have cosigned.
func listening(c *http.Client, timeout time.Duration, heard *atomic.Uint64) *http.Client {
	out := http.Client{Timeout: timeout}
	if c != nil {
		out = *c
	}
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	out.Transport = listener{out.Transport, heard}
	return &out
}

type listener struct {
	http.RoundTripper
	heard *atomic.Uint64
}

// RoundTrip implements http.RoundTripper.
func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return answer, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxWitnessAnswer))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if answer.StatusCode == http.StatusConflict && answer.Header.Get("Content-Type") == "text/x.tlog.size" {
		if size, err := strconv.ParseUint(strings.TrimSuffix(string(body), "\n"), 10, 62); err == nil {
			for old := l.heard.Load(); old < size && !l.heard.CompareAndSwap(old, size); old = l.heard.Load() {
			}
		}
	}
	return answer, nil
}

// rolledBack reports whether a witness has cosigned a longer log than there is:
// database and log were restored from a backup together. What comes next would be
// a second history, which would convict this server for ever; so nothing does.
func (d *Directory) rolledBack(ctx context.Context) bool {
	heard, have := d.cfg.heard.Load(), uint64(d.stats.Epochs.Load())
	if heard <= have {
		return false
	}
	if !d.back.Swap(true) {
		d.log.ErrorContext(ctx, "a witness has cosigned a longer log than this one: was the data folder restored from a backup? "+
			"Updates are refused; restore a newer one. If the witness is wrong, take it out of the policy",
			slog.Uint64("cosigned_size", heard), slog.Uint64("size", have))
	}
	return true
}

// askWitnesses has the checkpoint signed again before anything new is, and waits
// for what the witnesses say of it.
func (d *Directory) askWitnesses(ctx context.Context) error {
	path := filepath.Join(d.cfg.Dir, layout.CheckpointPath)
	old := time.Now().Add(-2 * d.cfg.Republish).Truncate(time.Second)
	if err := os.Chtimes(path, old, old); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil // nothing was published
		}
		return fmt.Errorf("directory: %w", err)
	}
	for limit := time.Now().Add(d.cfg.WitnessTimeout + slack); time.Now().Before(limit); {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(old) || !sleep(ctx, pollCheckpoint) {
			return nil
		}
	}
	return nil // the log cannot be written: publish says so
}
