package directory

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"
)

// Handler serves GET /checkpoint and GET /tile/… (C2SP tlog-tiles).
func (d *Directory) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkpoint", d.serveCheckpoint)
	mux.HandleFunc("GET /tile/{path...}", d.serveTile)
	return mux
}

func (d *Directory) serveCheckpoint(w http.ResponseWriter, _ *http.Request) {
	v, err := d.current()
	if err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "nothing is published yet", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(v.note) // a client that is gone
}

// serveTile serves a tile or a bundle of leaves. Whole ones never change; of
// partial ones it is better to ask again.
func (d *Directory) serveTile(w http.ResponseWriter, r *http.Request) {
	path, partial, ok := tilePath(r.PathValue("path"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	b, err := os.ReadFile(filepath.Join(d.cfg.Dir, filepath.FromSlash(path))) //nolint:gosec // tilePath made it of numbers
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.NotFound(w, r)
		return
	case err != nil:
		http.Error(w, "the tile cannot be read", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if partial == 0 {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "public, max-age=60")
	}
	_, _ = w.Write(b) //nolint:gosec // no page: an octet stream of hashes
}

// tilePath returns the path of a tile if it is written in its one form.
func tilePath(rest string) (path string, partial uint8, ok bool) {
	level, number, found := strings.Cut(rest, "/")
	if !found || len(rest) > 100 {
		return "", 0, false
	}
	if level == "entries" {
		index, p, err := layout.ParseTileIndexPartial(number)
		path, partial, ok = layout.EntriesPath(index, p), p, err == nil
	} else {
		l, index, p, err := layout.ParseTileLevelIndexPartial(level, number)
		path, partial, ok = layout.TilePath(l, index, p), p, err == nil
	}
	return path, partial, ok && path == "tile/"+rest
}
