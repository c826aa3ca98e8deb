//go:build !linux

package netem

import (
	"net/netip"
	"os/exec"

	"conclave/internal/netem/link"
)

// An Emulator exists on Linux only.
type Emulator struct{}

// New returns [ErrUnsupported].
func New(Config) (*Emulator, error) { return nil, ErrUnsupported }

// Inside is the address of the end in the namespace.
func (*Emulator) Inside() netip.Addr { return netip.Addr{} }

// Outside is the address of the end where New was called.
func (*Emulator) Outside() netip.Addr { return netip.Addr{} }

// SetUp returns [ErrUnsupported].
func (*Emulator) SetUp(link.Profile) error { return ErrUnsupported }

// SetDown returns [ErrUnsupported].
func (*Emulator) SetDown(link.Profile) error { return ErrUnsupported }

// Up returns the zero profile.
func (*Emulator) Up() link.Profile { return link.Profile{} }

// Down returns the zero profile.
func (*Emulator) Down() link.Profile { return link.Profile{} }

// Stats returns nothing.
func (*Emulator) Stats() Stats { return Stats{} }

// Do returns [ErrUnsupported].
func (*Emulator) Do(func() error) error { return ErrUnsupported }

// Start returns [ErrUnsupported].
func (*Emulator) Start(*exec.Cmd) error { return ErrUnsupported }

// Close does nothing.
func (*Emulator) Close() error { return nil }
