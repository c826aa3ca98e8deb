package load

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"conclave/core/session"
)

// ErrConfig means that a Config cannot be run.
var ErrConfig = errors.New("load: unusable configuration")

// A Config says what load to make. Link or Server is required; other zero fields
// mean the default.
type Config struct {
	// Link is the invite link of the meeting to fill. Take one that nobody uses:
	// its seats hold no keys and would keep people from agreeing on theirs.
	Link string
	// Server is where to fill a new meeting if there is no Link, such as
	// https://host.
	Server string
	// Metrics is the address of the server's numbers; /metrics of the server. If
	// it is empty and there is nothing, CPU and memory are not measured.
	Metrics string
	Roots   *x509.CertPool // certificates to trust; those of the system

	Publishers  int // 1
	Subscribers int // 1
	Stream      Stream
	Audio       bool   // each publisher has a microphone too
	Links       []Link // towards the subscribers, in turns; none is limited
	// Width and Height of the tiles that subscribers show; 1280 x 720.
	Width, Height uint32

	Lead      time.Duration // from when all publishers send to the first subscriber; 1.5 s
	JoinEvery time.Duration // between two subscribers; 20 ms
	WarmUp    time.Duration // from when all receive to the first window; 3 s
	For       time.Duration // all windows together; 15 s
	Windows   int           // 3
	// Churn is how many subscribers a second leave and are replaced. Every other
	// one leaves without a word, so that its seat is kept for a while: the meeting
	// must take some more. Each time another one changes what it shows.
	Churn float64

	// Progress is told what happens, in a sentence without a full stop.
	Progress func(string)
	// OnWindow, if not nil, is told each window as it ends.
	OnWindow func(Window)
	Log      *slog.Logger // discarded
}

const (
	mostPeers   = 10_000
	mostStreams = 256 // that one client may show
)

// validate checks the configuration and fills in defaults.
func (c Config) validate() (Config, error) {
	if c.Link == "" && c.Server != "" {
		link, err := session.GenerateLink(rand.Reader)
		if err != nil {
			return c, fmt.Errorf("load: making a meeting: %w", err)
		}
		base := c.Server
		if !strings.Contains(base, "://") {
			base = "https://" + base
		}
		c.Link = link.URL(base)
	}
	c.setDefaults()
	var err error
	if c.Stream, err = c.Stream.validate(); err != nil {
		return c, err
	}
	for _, l := range c.Links {
		if l.Rate < 0 || l.Loss < 0 || l.Loss > 1 || l.Delay < 0 || l.Jitter < 0 || l.Queue < 0 {
			return c, fmt.Errorf("%w: a link with numbers out of range", ErrConfig)
		}
	}
	switch {
	case c.Link == "":
		return c, fmt.Errorf("%w: there is no meeting; give a link, or a server to make one on", ErrConfig)
	case c.Publishers < 1 || c.Publishers > mostStreams:
		return c, fmt.Errorf("%w: %d publishers; 1 to %d are possible", ErrConfig, c.Publishers, mostStreams)
	case c.Subscribers < 1 || c.Subscribers > mostPeers:
		return c, fmt.Errorf("%w: %d subscribers; 1 to %d are possible", ErrConfig, c.Subscribers, mostPeers)
	case c.Windows < 1 || c.For/time.Duration(c.Windows) < 100*time.Millisecond:
		return c, fmt.Errorf("%w: %d windows in %v; a window takes at least 100 ms", ErrConfig, c.Windows, c.For)
	case c.Churn < 0 || c.Churn > 100:
		return c, fmt.Errorf("%w: %v changes a second; 0 to 100 are possible", ErrConfig, c.Churn)
	}
	return c, nil
}

func (c *Config) setDefaults() {
	set := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	wait := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Publishers, 1)
	set(&c.Subscribers, 1)
	set(&c.Windows, 3)
	wait(&c.Lead, 1500*time.Millisecond)
	wait(&c.JoinEvery, 20*time.Millisecond)
	wait(&c.WarmUp, 3*time.Second)
	wait(&c.For, 15*time.Second)
	if c.Width == 0 || c.Height == 0 {
		c.Width, c.Height = 1280, 720
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.OnWindow == nil {
		c.OnWindow = func(Window) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// streams returns what each publisher sends.
func (c Config) streams() []Stream {
	out := []Stream{c.Stream}
	if c.Audio && c.Stream.Codec != Opus {
		out = append(out, Stream{Codec: Opus})
	}
	return out
}
