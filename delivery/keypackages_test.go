package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"conclave/api"
	"conclave/core/identity"
	"conclave/core/mlswire"
)

// shelf is a KeyPackageStore that counts what reaches it.
type shelf struct {
	mu      sync.Mutex
	waiting map[[16]byte][]StoredKeyPackage
	kept    [][16]byte
}

func (s *shelf) PutKeyPackages(_ context.Context, _, device [16]byte, list []StoredKeyPackage, _ int, _ uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[device] = append(s.waiting[device], list...)
	return nil
}

func (s *shelf) CountKeyPackages(_ context.Context, _, device [16]byte, _ uint64) (count int, lastResort bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.waiting[device] {
		if k.LastResort {
			lastResort = true
		} else {
			count++
		}
	}
	return count, lastResort, nil
}

func (s *shelf) ClaimKeyPackage(_ context.Context, _, device [16]byte, _ uint64) (StoredKeyPackage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.waiting[device]
	if len(list) == 0 {
		return StoredKeyPackage{}, ErrNoKeyPackage
	}
	s.waiting[device] = list[1:]
	return list[0], nil
}

func (s *shelf) RemoveKeyPackages(_ context.Context, _, device [16]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, device)
	return nil
}

func (s *shelf) KeepKeyPackages(_ context.Context, _ [16]byte, devices [][16]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = devices
	return nil
}

var (
	ada, bob             = [16]byte{1}, [16]byte{2}
	phone, laptop        = [16]byte{3}, [16]byte{4}
	start                = time.Unix(1_800_000_000, 0)
	startOf              = uint64(start.Unix())
	day           uint64 = 24 * 60 * 60
)

// packet returns a KeyPackage in form, whose signatures are nothing.
func packet(user, device [16]byte, n byte, notAfter uint64) []byte {
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatKeyPackage, KeyPackage: &mlswire.KeyPackage{
		Version: mlswire.MLS10, CipherSuite: 0xF001, InitKey: []byte{n},
		LeafNode: mlswire.LeafNode{
			Credential: mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: append(user[:], device[:]...)},
			Source:     mlswire.LeafNodeSourceKeyPackage, Lifetime: mlswire.Lifetime{NotBefore: startOf - 1, NotAfter: notAfter},
		},
	}}
	return m.Marshal()
}

func newShelf() (*shelf, *KeyPackages) {
	s := &shelf{waiting: make(map[[16]byte][]StoredKeyPackage)}
	return s, NewKeyPackages(s, func() time.Time { return start })
}

// TestPublishRefuses checks that a device publishes what is its own and can be
// used, and nothing else.
func TestPublishRefuses(t *testing.T) {
	good := packet(ada, phone, 1, startOf+90*day)
	for name, message := range map[string][]byte{
		"another user":    packet(bob, phone, 1, startOf+90*day),
		"another device":  packet(ada, laptop, 1, startOf+90*day),
		"expired":         packet(ada, phone, 1, startOf),
		"for ever":        packet(ada, phone, 1, startOf+95*day),
		"cut off":         good[:len(good)-1],
		"longer":          append(slices.Clip(good), 0),
		"too long":        make([]byte, api.MaxKeyPackage+1),
		"nothing":         {},
		"another message": {0, 1, 0, 2},
	} {
		s, k := newShelf()
		if _, err := k.Publish(t.Context(), ada, phone, [][]byte{good, message}, nil); !errors.Is(err, ErrKeyPackage) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := k.Publish(t.Context(), ada, phone, nil, message); !errors.Is(err, ErrKeyPackage) {
			t.Errorf("%s, as a last resort: %v", name, err)
		}
		if len(s.waiting[phone]) != 0 {
			t.Errorf("%s: something was stored", name)
		}
	}
	_, k := newShelf()
	if _, err := k.Publish(t.Context(), ada, phone, make([][]byte, api.MaxKeyPackages+1), nil); !errors.Is(err, ErrManyKeyPackages) {
		t.Errorf("101: %v", err)
	}
	n, err := k.Publish(t.Context(), ada, phone, [][]byte{good}, packet(ada, phone, 2, startOf+90*day))
	if err != nil || n != (api.KeyPackageCount{Count: 1, LastResort: true}) {
		t.Errorf("Publish = %+v, %v", n, err)
	}
}

// TestClaimLimits checks that nobody empties a device's shelf at once, and that one
// device is given once a request.
func TestClaimLimits(t *testing.T) {
	s, k := newShelf()
	for n := range byte(2 * claimBurst) {
		if _, err := k.Publish(t.Context(), bob, phone, [][]byte{packet(bob, phone, n, startOf+day)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, err := k.Claim(t.Context(), ada, bob, [][16]byte{phone, laptop, phone})
	if err != nil || len(got) != 1 || got[0].Device != phone {
		t.Fatalf("Claim = %v, %v", got, err)
	}
	for range claimBurst - 1 {
		if _, err := k.Claim(t.Context(), ada, bob, [][16]byte{phone}); err != nil {
			t.Fatal(err)
		}
	}
	often := new(OftenError)
	if _, err := k.Claim(t.Context(), ada, bob, [][16]byte{phone}); !errors.As(err, &often) || often.Wait <= 0 || often.Wait > claimEvery {
		t.Errorf("claim %d: %v", claimBurst+1, err)
	}
	if len(s.waiting[phone]) != claimBurst {
		t.Errorf("%d left", len(s.waiting[phone]))
	}
	if _, err := k.Claim(t.Context(), [16]byte{9}, bob, [][16]byte{phone}); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if _, err := k.Claim(t.Context(), ada, bob, make([][16]byte, api.MaxClaimDevices+1)); !errors.Is(err, ErrKeyPackage) {
		t.Errorf("33 devices: %v", err)
	}
}

func TestKeep(t *testing.T) {
	s, k := newShelf()
	r := &identity.Record{User: ada, Devices: []identity.Device{{ID: laptop}}}
	if err := k.Keep(t.Context(), r); err != nil || len(s.kept) != 1 || s.kept[0] != laptop {
		t.Errorf("Keep: %v, %v", s.kept, err)
	}
}
