package main

import (
	"fmt"
	"io"
	"strings"

	"conclave/client/load"
)

// windowText says what a window measured, in one line.
func windowText(w load.Window) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d subscribers, %.0f packets/s, %.1f Mbit/s, %d lost (%.3f %%), latency %.1f / %.1f ms",
		w.Subscribers, w.ForwardedPPS, w.ForwardedBPS/1e6, w.Lost, 100*w.LostShare, w.Latency.P50, w.Latency.P99)
	if w.Repaired > 0 {
		fmt.Fprintf(&b, ", %d repaired", w.Repaired)
	}
	if w.CPU != nil && w.CPUPerPacket != nil {
		fmt.Fprintf(&b, ", server %.2f cores, %.2f µs a packet", *w.CPU, *w.CPUPerPacket)
	}
	if w.Resident != nil {
		fmt.Fprintf(&b, ", %.0f MB", *w.Resident/1e6)
	}
	return b.String()
}

// printLoad prints a result for people.
func printLoad(out io.Writer, r load.Result) {
	printf(out, "publishers                 %d\n", r.Publishers)
	printf(out, "subscribers                %d\n", r.Subscribers)
	printf(out, "forwarded                  %.0f packets/s\n", r.ForwardedPPS)
	printf(out, "lost                       %d packets\n", r.Lost)
	printf(out, "latency p50 / p90 / p99    %.2f / %.2f / %.2f ms\n", r.Latency.P50, r.Latency.P90, r.Latency.P99)
	if r.Failed > 0 {
		printf(out, "subscribers cut off        %d\n", r.Failed)
	}
	if r.ServerCPUPerPacket != nil {
		printf(out, "server CPU                 %.2f µs a forwarded packet\n", *r.ServerCPUPerPacket)
	}
	if r.ServerRSSPerSubscriber != nil {
		printf(out, "server memory              %.0f kB a subscriber\n", *r.ServerRSSPerSubscriber/1e3)
	}
}
