package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"conclave/client/load"
)

// A bitRate is bits a second: a number that may end with k, M or G.
type bitRate int

// UnmarshalText reads a rate such as 2.5M.
func (r *bitRate) UnmarshalText(b []byte) error {
	number, factor := string(b), 1.0
	for suffix, f := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, factor = n, f
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v >= 0 && v*factor <= 1e12) {
		return fmt.Errorf("%.20q is no rate; write bits a second, such as 400k or 2.5M", b)
	}
	*r = bitRate(v * factor)
	return nil
}

// A share is a part of all, from 0 to 1: a number, or with % one of hundredths.
type share float64

// UnmarshalText reads a share such as 5% or 0.05.
func (s *share) UnmarshalText(b []byte) error {
	number, percent := strings.CutSuffix(string(b), "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("%.20q is no share; write 5%% or 0.05", b)
	}
	*s = share(v)
	return nil
}

// pixels is the size of a picture.
type pixels struct{ width, height uint32 }

// UnmarshalText reads a size such as 1280x720.
func (p *pixels) UnmarshalText(b []byte) error {
	w, h, _ := strings.Cut(string(b), "x")
	width, err := strconv.ParseUint(w, 10, 16)
	height, err2 := strconv.ParseUint(h, 10, 16)
	if err != nil || err2 != nil || width == 0 || height == 0 {
		return fmt.Errorf("%.20q is no size; write 1280x720", b)
	}
	p.width, p.height = uint32(width), uint32(height)
	return nil
}

// A linkArg is the profile of a link.
type linkArg load.Link

// UnmarshalText reads a profile such as 400k/loss=5%/delay=100ms.
func (l *linkArg) UnmarshalText(b []byte) error {
	*l = linkArg{}
	if string(b) == "none" {
		return nil
	}
	for part := range strings.SplitSeq(string(b), "/") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			name, value = "rate", part
		}
		if err := l.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (l *linkArg) set(name, value string) error {
	times := map[string]*time.Duration{"delay": &l.Delay, "jitter": &l.Jitter, "queue": &l.Queue}
	switch name {
	case "rate":
		var r bitRate
		if err := r.UnmarshalText([]byte(value)); err != nil {
			return err
		}
		l.Rate = int(r)
	case "loss":
		var s share
		if err := s.UnmarshalText([]byte(value)); err != nil {
			return err
		}
		l.Loss = float64(s)
	case "delay", "jitter", "queue":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 || d > time.Minute {
			return fmt.Errorf("%.20q is no time; write 100ms", value)
		}
		*times[name] = d
	default:
		return fmt.Errorf("%.20q is no part of a link; write RATE/loss=5%%/delay=100ms/jitter=30ms/queue=300ms", name)
	}
	return nil
}
