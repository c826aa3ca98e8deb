package mls_test

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"

	"conclave/core/suite"
	_ "conclave/core/suite/nist"
)

// TestHistories plays random histories of a group, with a model beside it: see
// history.step for what can happen. Each is a subtest named by its suite and
// seed. The seed fixes the choices, not the keys; to repeat a history:
//
//	CONCLAVE_SEED=<seed> go test ./core/mls -run 'TestHistories/suite=0x0001'
//
// CONCLAVE_SEEDS=<n> plays n histories of each suite, for soak tests.
func TestHistories(t *testing.T) {
	type plan struct {
		id           suite.ID
		seeds, steps int
	}
	plans := []plan{
		{suite.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519, 4, 24},
		{suite.Default, 3, 20},
		{suite.MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519, 1, 20},
		{suite.MLS_128_DHKEMP256_AES128GCM_SHA256_P256, 1, 20},
		{suite.MLS_256_DHKEMP384_AES256GCM_SHA384_P384, 1, 8},
		{suite.MLS_256_DHKEMP521_AES256GCM_SHA512_P521, 1, 6},
		{suite.MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384, 1, 8},
	}
	for _, p := range plans {
		if runtime.GOARCH == "wasm" {
			p.seeds, p.steps = 1, min(p.steps, 12)
		}
		for _, seed := range historySeeds(t, p.seeds) {
			t.Run(fmt.Sprintf("suite=%#04x/seed=%d", uint16(p.id), seed), func(t *testing.T) {
				t.Parallel()
				h := newHistory(t, p.id, seed)
				for range p.steps {
					h.step()
				}
				h.end()
			})
		}
	}
}

// historySeeds returns the seeds to play: n of them, or what the environment says.
func historySeeds(t *testing.T, n int) []uint64 {
	t.Helper()
	if s := os.Getenv("CONCLAVE_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("CONCLAVE_SEED: %v", err)
		}
		return []uint64{seed}
	}
	if s := os.Getenv("CONCLAVE_SEEDS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatalf("CONCLAVE_SEEDS: %v", err)
		}
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		var b [8]byte
		_, _ = rand.Read(b[:])
		seeds[i] = binary.BigEndian.Uint64(b[:])
	}
	return seeds
}

// chance is true once in n times.
func (h *history) chance(n int) bool { return h.rng.IntN(n) == 0 }

// pick returns one of a list, which must not be empty.
func pick[T any](h *history, list []T) T { return list[h.rng.IntN(len(list))] }

// step lets something happen, brings every member that is not away up to date,
// and saves and restores them.
func (h *history) step() {
	steps := []struct {
		weight int
		name   string
		run    func() bool // reports whether it could happen
	}{
		{8, "commit", h.stepCommit},
		{3, "lost race", h.stepRace},
		{8, "propose", h.stepPropose},
		{3, "propose from outside", h.stepProposeOutside},
		{7, "send", h.stepSend},
		{5, "receive", h.stepReceive},
		{3, "external join", h.stepJoinExternal},
		{2, "resync", h.stepResync},
		{3, "away", h.stepAway},
		{4, "return", h.stepReturn},
		{1, "reinit", h.stepReInit},
		{1, "branch", h.stepBranch},
	}
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	for range math.MaxInt16 {
		n := h.rng.IntN(total)
		for _, s := range steps {
			if n -= s.weight; n < 0 {
				h.note("- %s", s.name)
				if s.run() {
					h.settle()
					return
				}
				break
			}
		}
	}
	h.t.Fatal("nothing can happen any more")
}

// settle delivers what waits to all who are not away, in any order, and saves
// and restores every group.
func (h *history) settle() {
	h.t.Helper()
	for _, i := range h.rng.Perm(len(h.devices)) {
		if d := h.devices[i]; d.group != nil && !d.away {
			h.flush(d)
		}
	}
	for _, d := range h.devices {
		if d.group != nil {
			h.reload(d)
		}
	}
}

// end brings everybody up to date and has all members talk to all.
func (h *history) end() {
	h.t.Helper()
	h.note("- end")
	for _, d := range h.devices {
		d.away = false
	}
	h.settle()
	if len(h.proposed) > 0 {
		h.commitWith(h.members()[0], &plannedCommit{})
		h.settle()
	}
	for _, d := range h.members() {
		h.receiveAll(h.send(d))
	}
}

func newRNG(seed uint64) *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(seed, 0))
}
