package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// ErrMetrics means that the server's numbers cannot be read.
var ErrMetrics = errors.New("load: the server's /metrics cannot be read")

const maxMetrics = 4 << 20 // bytes

// Names of the numbers that are read.
const (
	metricCPU        = "process_cpu_seconds_total"
	metricResident   = "process_resident_memory_bytes"
	metricHeap       = "go_memstats_heap_inuse_bytes"
	metricGoroutines = "go_goroutines"
	metricFiles      = "process_open_fds"
)

// readMetrics reads the numbers without labels at an address, by their names.
func readMetrics(ctx context.Context, client *http.Client, address string) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: its address is wrong", ErrMetrics)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: no answer", ErrMetrics)
	}
	defer func() { _ = response.Body.Close() }() // it was read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: it answers %s", ErrMetrics, response.Status)
	}
	values := make(map[string]float64)
	lines := bufio.NewScanner(io.LimitReader(response.Body, maxMetrics))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(name, "#") {
			values[name] = v
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: it broke off", ErrMetrics)
	}
	if _, ok := values[metricCPU]; !ok {
		return nil, fmt.Errorf("%w: it does not tell the time of the processor", ErrMetrics)
	}
	return values, nil
}
