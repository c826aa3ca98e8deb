package main

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"sync"
	"time"

	"conclave/internal/netem"
	"conclave/internal/netem/link"
)

// maxRequest bounds a control request, in bytes.
const maxRequest = 4096

// A profileRequest changes what it names and leaves the rest. Fields without a
// direction change both.
type profileRequest struct {
	DownBPS     *int64   `json:"down_bps"`
	UpBPS       *int64   `json:"up_bps"`
	DelayMS     *float64 `json:"delay_ms"`
	DownDelayMS *float64 `json:"down_delay_ms"`
	UpDelayMS   *float64 `json:"up_delay_ms"`
	JitterMS    *float64 `json:"jitter_ms"`
	Loss        *float64 `json:"loss"`
	DownLoss    *float64 `json:"down_loss"`
	UpLoss      *float64 `json:"up_loss"`
	QueueBytes  *int     `json:"queue_bytes"`
}

// change returns the profiles as changed by r.
func (r profileRequest) change(down, up link.Profile) (link.Profile, link.Profile) {
	set(&down.Rate, r.DownBPS)
	set(&up.Rate, r.UpBPS)
	for _, p := range []*link.Profile{&down, &up} {
		setMS(&p.Delay, r.DelayMS)
		setMS(&p.Jitter, r.JitterMS)
		set(&p.Loss, r.Loss)
		set(&p.Queue, r.QueueBytes)
	}
	setMS(&down.Delay, r.DownDelayMS)
	setMS(&up.Delay, r.UpDelayMS)
	set(&down.Loss, r.DownLoss)
	set(&up.Loss, r.UpLoss)
	return down, up
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func setMS(to *time.Duration, from *float64) {
	if from == nil {
		return
	}
	// Out of range stays out of range, whatever the conversion makes of it.
	*to = -1
	if *from >= 0 && *from <= 2*float64(link.MaxDelay/time.Millisecond) {
		*to = time.Duration(*from * float64(time.Millisecond))
	}
}

// A profileReply says what is in force.
type profileReply struct {
	Inside  string    `json:"inside"`
	Outside string    `json:"outside"`
	Down    direction `json:"down"`
	Up      direction `json:"up"`
}

// A direction is one half of a reply.
type direction struct {
	BPS        int64   `json:"bps"`
	QueueBytes int     `json:"queue_bytes"`
	DelayMS    float64 `json:"delay_ms"`
	JitterMS   float64 `json:"jitter_ms"`
	Loss       float64 `json:"loss"`
}

func directionOf(p link.Profile) direction {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return direction{p.Rate, p.Queue, ms(p.Delay), ms(p.Jitter), p.Loss}
}

// A path is what control requests are about: a [netem.Emulator].
type path interface {
	Down() link.Profile
	Up() link.Profile
	SetDown(p link.Profile) error
	SetUp(p link.Profile) error
	Stats() netem.Stats
}

// A control serves the requests.
type control struct {
	path            path
	inside, outside string

	mu sync.Mutex // one change at a time
}

// newControl returns the handler of control requests for e.
func newControl(e *netem.Emulator) http.Handler {
	c := &control{path: e, inside: e.Inside().String(), outside: e.Outside().String()}
	return c.handler()
}

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /profile", c.get)
	mux.HandleFunc("POST /profile", c.post)
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.path.Stats()) })
	return mux
}

func (c *control) get(w http.ResponseWriter, _ *http.Request) {
	reply(w, profileReply{c.inside, c.outside, directionOf(c.path.Down()), directionOf(c.path.Up())})
}

// post changes the profiles. A web page cannot send its content type without being
// refused by the browser first.
func (c *control) post(w http.ResponseWriter, r *http.Request) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		http.Error(w, "content type must be application/json", http.StatusUnsupportedMediaType)
		return
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	var req profileRequest
	if err := d.Decode(&req); err != nil {
		http.Error(w, fmt.Sprintf("parsing profile: %v", err), http.StatusBadRequest)
		return
	}
	if err := c.apply(req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.get(w, r)
}

// apply sets both directions, or none if one is out of range.
func (c *control) apply(req profileRequest) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	down, up := req.change(c.path.Down(), c.path.Up())
	if err := up.Validate(); err != nil {
		return err
	}
	if err := c.path.SetDown(down); err != nil {
		return err
	}
	return c.path.SetUp(up)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}
