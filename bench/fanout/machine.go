package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// describeMachine says what the figures were measured on.
func describeMachine() string {
	processor := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				processor = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := runtime.GOOS
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		major, rest, _ := strings.Cut(string(b), ".")
		minor, _, _ := strings.Cut(rest, ".")
		kernel = "Linux " + major + "." + minor
	}
	return fmt.Sprintf("%d × %s, %s, %s", runtime.NumCPU(), processor, kernel, runtime.Version())
}

// loadAverage returns the machine's load of the last minute, or 0.
func loadAverage() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	f, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return f
}
