package main

import (
	"encoding"
	"testing"
	"time"

	"conclave/client/load"
)

func TestLoadFlags(t *testing.T) {
	var rate bitRate
	var part share
	var size pixels
	var link linkArg
	for _, c := range []struct {
		text string
		into encoding.TextUnmarshaler
		ok   func() bool
	}{
		{"2.5M", &rate, func() bool { return rate == 2_500_000 }},
		{"400k", &rate, func() bool { return rate == 400_000 }},
		{"64000", &rate, func() bool { return rate == 64_000 }},
		{"5%", &part, func() bool { return part == 0.05 }},
		{"0.5", &part, func() bool { return part == 0.5 }},
		{"640x360", &size, func() bool { return size == pixels{640, 360} }},
		{"3M", &link, func() bool { return link == linkArg{Rate: 3_000_000} }},
		{"none", &link, func() bool { return link == linkArg{} }},
		{"400k/loss=5%/delay=100ms/jitter=30ms/queue=1s", &link, func() bool {
			return load.Link(link) == load.Link{
				Rate: 400_000, Loss: 0.05, Delay: 100 * time.Millisecond, Jitter: 30 * time.Millisecond, Queue: time.Second,
			}
		}},
		{"loss=1%", &link, func() bool { return link == linkArg{Loss: 0.01} }},
	} {
		if err := c.into.UnmarshalText([]byte(c.text)); err != nil || !c.ok() {
			t.Errorf("%q: %v, %+v", c.text, err, c.into)
		}
	}
	for _, c := range []struct {
		text string
		into encoding.TextUnmarshaler
	}{
		{"fast", &rate},
		{"-1", &rate},
		{"1e300", &rate},
		{"NaN", &rate},
		{"", &rate},
		{"120%", &part},
		{"-1%", &part},
		{"NaN", &part},
		{"640", &size},
		{"0x0", &size},
		{"99999x1", &size},
		{"3M/5%", &link},
		{"delay=5", &link},
		{"delay=-5s", &link},
		{"speed=3M", &link},
	} {
		if err := c.into.UnmarshalText([]byte(c.text)); err == nil {
			t.Errorf("%q is taken: %+v", c.text, c.into)
		}
	}
}
