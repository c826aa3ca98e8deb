package main

import (
	"encoding/json"
	"fmt"
	"runtime"
)

// version is set when a release is linked: -X main.version=v1.2.3.
var version = "dev"

type versionCommand struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Run prints the version.
func (c *versionCommand) Run(e *env) error {
	if c.JSON {
		return json.NewEncoder(e.stdout).Encode(struct {
			Version string `json:"version"`
			Go      string `json:"go"`
			System  string `json:"system"`
		}{version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
	}
	_, err := fmt.Fprintf(e.stdout, "conclave %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
