package mls

import (
	"errors"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/suite"
)

// What a Config lacks is found when a client is made, not when it is used.
func TestConfig(t *testing.T) {
	good := testClient(t, "alice").config
	for _, c := range []struct {
		name string
		edit func(*Config)
	}{
		{"no credential", func(c *Config) { c.Credential = mlswire.Credential{} }},
		{"credential of unknown type", func(c *Config) { c.Credential.Type = 0xf000 }},
		{"no clock", func(c *Config) { c.Now = nil }},
		{"no authentication service", func(c *Config) { c.Authenticate = nil }},
		{"negative lifetime", func(c *Config) { c.Lifetime = -1 }},
		{"negative padding", func(c *Config) { c.Padding = -1 }},
		{"too much padding", func(c *Config) { c.Padding = maxPadding + 1 }},
		{"too many past epochs", func(c *Config) { c.PastEpochs = maxPastEpochs + 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := good
			c.edit(&config)
			if _, err := NewClient(config); !errors.Is(err, ErrConfig) {
				t.Errorf("NewClient() = %v, want ErrConfig", err)
			}
		})
	}
	if _, err := NewClient(good); err != nil {
		t.Errorf("NewClient() = %v", err)
	}
	good.Suite = 0xfff0
	if _, err := NewClient(good); !errors.Is(err, suite.ErrUnknown) {
		t.Errorf("NewClient() with an unknown suite = %v, want suite.ErrUnknown", err)
	}
}
