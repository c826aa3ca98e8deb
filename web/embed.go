// Package web holds the built web client. `make web` builds it into dist; before
// that the folder is empty, and the server says so on its pages.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files returns the built web client, index.html at its root.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("web: internal error: dist is not embedded: " + err.Error())
	}
	return files
}
