package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
)

// A limitWindow is a line of bench/limit's output.
type limitWindow struct {
	Microseconds  float64 `json:"us_per_packet"`
	Packets       int64   `json:"packets"`
	Received      int64   `json:"received"`
	WindowSeconds float64 `json:"window_seconds"`
}

// measureLimit measures bin/limit, which counts its own time.
func measureLimit(ctx context.Context, o *options, w work, m *measurement) error {
	program := filepath.Join(o.bin, "limit")
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("limit: %w", errMissing)
	}
	//nolint:gosec // a program of this repository
	out, err := exec.CommandContext(ctx, program, "-pattern", w.Name, "-receivers", strconv.Itoa(w.Subscribers),
		"-window", o.window.String(), "-windows", strconv.Itoa(o.windows), "-warm-up", o.warmUp.String()).Output()
	if err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	for lines := json.NewDecoder(bytes.NewReader(out)); lines.More(); {
		var x limitWindow
		if err := lines.Decode(&x); err != nil {
			return fmt.Errorf("limit: %w", err)
		}
		m.add(windowed{
			Seconds: x.WindowSeconds, Sent: x.Packets, Forwarded: x.Packets, Lost: x.Packets - x.Received,
			CPU: x.Microseconds * float64(x.Packets) / 1e6,
		})
	}
	if len(m.Windows) == 0 {
		return fmt.Errorf("limit: it measured nothing")
	}
	return nil
}
