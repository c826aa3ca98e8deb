package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// An asset is one file of the web client with the forms it can be sent in.
type asset struct {
	contentType string
	immutable   bool // its name holds a hash of its content
	forms       []form
}

// A form is an asset in one encoding; "" is the plain one.
type form struct {
	encoding string
	file     string
	size     int64
	etag     string
}

// assets are all files of the web client. They stay where they are: a copy would be
// a good part of a small server's memory.
type assets struct {
	content fs.FS
	files   map[string]*asset // by path without the leading slash
}

// encodings are the suffixes of compressed files, best first.
var encodings = []struct{ suffix, name string }{{".br", "br"}, {".gz", "gzip"}}

// hashed matches the names that the bundler derives from the content:
// "index-BxT4k2Qz.js".
var hashed = regexp.MustCompile(`^assets/.*-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$`)

// contentTypes are set here so that they do not depend on the machine's files.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/x-icon",
	".js": "text/javascript; charset=utf-8", ".json": "application/json", ".map": "application/json",
	".mjs": "text/javascript; charset=utf-8", ".png": "image/png", ".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json",
	".woff2": "font/woff2",
}

func loadAssets(files fs.FS) (*assets, error) {
	a := &assets{content: files, files: make(map[string]*asset)}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		for _, e := range encodings {
			if plain, ok := strings.CutSuffix(name, e.suffix); ok {
				if _, err := fs.Stat(files, plain); err == nil {
					return nil // a form of another asset
				}
			}
		}
		return a.load(name)
	})
	return a, err
}

func (a *assets) load(name string) error {
	as := &asset{contentType: contentTypes[path.Ext(name)], immutable: hashed.MatchString(name)}
	if as.contentType == "" {
		as.contentType = mime.TypeByExtension(path.Ext(name))
	}
	if as.contentType == "" {
		as.contentType = "application/octet-stream"
	}
	for _, e := range encodings {
		switch f, err := a.form(e.name, name+e.suffix); {
		case err == nil:
			as.forms = append(as.forms, f)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	plain, err := a.form("", name)
	if err != nil {
		return err
	}
	as.forms = append(as.forms, plain)
	a.files[name] = as
	return nil
}

// form looks at a file.
func (a *assets) form(encoding, file string) (form, error) {
	f, err := a.content.Open(file)
	if err != nil {
		return form{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return form{}, err
	}
	return form{encoding: encoding, file: file, size: size, etag: `"` + hex.EncodeToString(sum.Sum(nil)[:12]) + `"`}, nil
}

// servePage answers every page of the web client, which is one file.
func (a *assets) servePage(w http.ResponseWriter, r *http.Request) {
	if as := a.files["index.html"]; as != nil {
		a.serve(as, w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(missingPage))
}

const missingPage = `<!doctype html>
<html lang="en"><title>Conclave</title>
<h1>The web client is not built into this program</h1>
<p>Run <code>make web</code> in the source folder, then <code>make build</code>, and start the server again.
The server itself works: native clients can connect.</p>
`

// serveFile answers a file of the web client.
func (a *assets) serveFile(w http.ResponseWriter, r *http.Request) {
	as := a.files[strings.TrimPrefix(r.URL.Path, "/")]
	if as == nil {
		http.NotFound(w, r)
		return
	}
	a.serve(as, w, r)
}

func (a *assets) serve(as *asset, w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", as.contentType)
	h.Set("Vary", "Accept-Encoding")
	if as.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	f := as.choose(r.Header.Get("Accept-Encoding"))
	if f.encoding != "" {
		h.Set("Content-Encoding", f.encoding)
	}
	h.Set("ETag", f.etag)
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	file, err := a.content.Open(f.file)
	if err != nil { // it was there when the server started
		http.Error(w, "the file cannot be read", http.StatusInternalServerError)
		return
	}
	defer func() { _ = file.Close() }() // it was only read
	h.Set("Content-Length", strconv.FormatInt(f.size, 10))
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, file) // a client that left does not matter
	}
}

// choose returns the best form that the client takes. An encoding with a
// quality is taken unless it is exactly 0; that is all browsers send.
func (as *asset) choose(accept string) form {
	for _, f := range as.forms {
		if f.encoding == "" {
			return f
		}
		for part := range strings.SplitSeq(accept, ",") {
			name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
			if strings.TrimSpace(name) == f.encoding && strings.TrimSpace(q) != "q=0" {
				return f
			}
		}
	}
	return as.forms[len(as.forms)-1]
}
