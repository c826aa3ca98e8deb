package main

import (
	"fmt"
	"strconv"
	"strings"

	"conclave/internal/netem/link"
)

// A rate is a flag value in bits per second.
type rate int64

// String formats r as Set takes it.
func (r *rate) String() string {
	if r == nil {
		return "0"
	}
	return strconv.FormatInt(int64(*r), 10)
}

// Set takes a number with an optional unit: bit, kbit, mbit, gbit.
func (r *rate) Set(s string) error {
	number, factor := strings.ToLower(s), 1.0
	for _, u := range []struct {
		suffix string
		factor float64
	}{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1}} {
		if n, ok := strings.CutSuffix(number, u.suffix); ok {
			number, factor = n, u.factor
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v >= 0 && v*factor <= link.MaxRate) { // also NaN
		return fmt.Errorf("%q is not a rate such as 300kbit or 2.5mbit", s)
	}
	*r = rate(v * factor)
	return nil
}
