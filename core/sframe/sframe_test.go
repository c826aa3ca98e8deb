package sframe_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"conclave/core/secret"
	"conclave/core/sframe"
)

var suites = []sframe.Suite{
	sframe.AES128CTRHMACSHA256Tag80,
	sframe.AES128CTRHMACSHA256Tag64,
	sframe.AES128CTRHMACSHA256Tag32,
	sframe.AES128GCMSHA256,
	sframe.AES256GCMSHA512,
}

// checkDerivation compares the steps inside key derivation with a vector.
func checkDerivation(t *testing.T, v frameVector) {
	t.Helper()
	prk, key, salt, err := sframe.TestingOnlySecret(v.Suite, sframe.KID(v.KID), v.BaseKey)
	if err != nil || !bytes.Equal(prk, v.Secret) {
		t.Errorf("secret = %x, %v, want %x", prk, err, v.Secret)
	}
	if key != string(v.KeyLabel) || salt != string(v.SaltLabel) {
		t.Errorf("labels = %x and %x, want %x and %x", key, salt, v.KeyLabel, v.SaltLabel)
	}
	m := sframe.KeyMaterial{Suite: v.Suite, Key: secret.New(v.Key), Salt: secret.New(v.Salt)}
	if nonce, err := sframe.TestingOnlyNonce(m, v.Counter); err != nil || !bytes.Equal(nonce, v.Nonce) {
		t.Errorf("nonce = %x, %v, want %x", nonce, err, v.Nonce)
	}
	header := sframe.Header{KID: sframe.KID(v.KID), Counter: v.Counter}.Append(nil)
	if got := append(header, v.Metadata...); !bytes.Equal(got, v.AAD) {
		t.Errorf("additional data = %x, want %x", got, v.AAD)
	}
}

func derive(t testing.TB, s sframe.Suite, kid sframe.KID) sframe.KeyMaterial {
	t.Helper()
	m, err := sframe.DeriveKey(s, kid, secret.New([]byte("a base key of thirty-two bytes..")))
	if err != nil {
		t.Fatalf("DeriveKey: %v", err)
	}
	return m
}

func newSealer(t testing.TB, m sframe.KeyMaterial, from, to uint64) *sframe.Sealer {
	t.Helper()
	s, err := sframe.NewSealer(m, from, to)
	if err != nil {
		t.Fatalf("NewSealer: %v", err)
	}
	return s
}

func newOpener(t testing.TB, keys ...sframe.KeyMaterial) *sframe.Opener {
	t.Helper()
	o := sframe.NewOpener()
	for _, m := range keys {
		if err := o.Add(m); err != nil {
			t.Fatalf("Add: %v", err)
		}
	}
	return o
}

func seal(t testing.TB, s *sframe.Sealer, plaintext, metadata []byte) []byte {
	t.Helper()
	b, err := s.Seal(nil, plaintext, metadata)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, suite := range suites {
		for _, size := range []int{0, 1, 15, 16, 17, 1200, 100_000} {
			for _, metadata := range [][]byte{nil, []byte("meta"), bytes.Repeat([]byte{7}, 300)} {
				t.Run(fmt.Sprintf("suite %d, %d bytes, %d metadata", suite, size, len(metadata)), func(t *testing.T) {
					m := derive(t, suite, 9)
					plaintext := bytes.Repeat([]byte{0x5a}, size)
					sealed := seal(t, newSealer(t, m, 300, 301), plaintext, metadata)
					if want := 1 + 1 + 2 + size + suite.Overhead(); len(sealed) != want {
						t.Errorf("sealed frame has %d bytes, want %d", len(sealed), want)
					}
					prefix := []byte("before")
					got, _, err := newOpener(t, m).Open(prefix, sealed, metadata)
					if err != nil || !bytes.Equal(got, append(prefix, plaintext...)) {
						t.Errorf("Open = %d bytes, %v, want the plaintext behind what was there", len(got), err)
					}
				})
			}
		}
	}
}

func TestSealAppends(t *testing.T) {
	m := derive(t, sframe.AES256GCMSHA512, 9)
	s := newSealer(t, m, 0, 2)
	first := seal(t, s, []byte("one"), []byte("meta"))
	both, err := s.Seal(first, []byte("two"), []byte("meta"))
	if err != nil || !bytes.HasPrefix(both, first) {
		t.Fatalf("Seal = %x, %v, want it behind %x", both, err, first)
	}
	got, _, err := newOpener(t, m).Open(nil, both[len(first):], []byte("meta"))
	if err != nil || string(got) != "two" {
		t.Errorf("Open = %q, %v, want two", got, err)
	}
}

// TestOpenRefuses changes each part of a frame. A refused frame changes nothing:
// the honest one opens after it.
func TestOpenRefuses(t *testing.T) {
	for _, suite := range suites {
		m, other := derive(t, suite, 0x123), derive(t, suite, 0x124)
		sealed := seal(t, newSealer(t, m, 0x4567, 0x4568), []byte("plaintext"), []byte("meta"))
		flip := func(i int) []byte {
			b := bytes.Clone(sealed)
			b[i] ^= 1
			return b
		}
		short := slices.Concat(sealed[:5], make([]byte, suite.Overhead()-1))
		tests := []struct {
			name     string
			frame    []byte
			metadata string
			want     error
		}{
			{"empty", nil, "meta", sframe.ErrMalformed},
			{"half a header", sealed[:3], "meta", sframe.ErrMalformed},
			{"header only", sealed[:5], "meta", sframe.ErrMalformed},
			{"shorter than a tag", short, "meta", sframe.ErrMalformed},
			{"key id in a long form", slices.Concat([]byte{0xa9, 0, 1, 0x23, 0x45, 0x67}, sealed[5:]), "meta", sframe.ErrMalformed},
			{"truncated", sealed[:len(sealed)-1], "meta", sframe.ErrOpen},
			{"lengthened", append(bytes.Clone(sealed), 0), "meta", sframe.ErrOpen},
			{"other key id", flip(2), "meta", sframe.ErrUnknownKey},
			{"other member's key id", slices.Concat([]byte{0x99, 0x01, 0x24}, sealed[3:]), "meta", sframe.ErrOpen},
			{"other counter", flip(4), "meta", sframe.ErrOpen},
			{"changed ciphertext", flip(6), "meta", sframe.ErrOpen},
			{"changed tag", flip(len(sealed) - 1), "meta", sframe.ErrOpen},
			{"other metadata", sealed, "meat", sframe.ErrOpen},
			{"no metadata", sealed, "", sframe.ErrOpen},
		}
		for _, tt := range tests {
			t.Run(fmt.Sprintf("suite %d, %s", suite, tt.name), func(t *testing.T) {
				o := newOpener(t, m, other)
				dst := []byte("kept")
				got, _, err := o.Open(dst, tt.frame, []byte(tt.metadata))
				if !errors.Is(err, tt.want) {
					t.Errorf("Open = %v, want %v", err, tt.want)
				}
				if string(got) != "kept" {
					t.Errorf("Open returns %q with an error, want dst as it was", got)
				}
				if got, _, err := o.Open(nil, sealed, []byte("meta")); err != nil || string(got) != "plaintext" {
					t.Errorf("the honest frame then gives %q, %v", got, err)
				}
			})
		}
	}
}

func TestSealerRange(t *testing.T) {
	m := derive(t, sframe.AES256GCMSHA512, 5)
	for _, r := range [][2]uint64{{0, 0}, {7, 7}, {8, 7}, {math.MaxUint64, 0}} {
		if _, err := sframe.NewSealer(m, r[0], r[1]); !errors.Is(err, sframe.ErrExhausted) {
			t.Errorf("NewSealer(%d, %d) = %v, want ErrExhausted", r[0], r[1], err)
		}
	}
	s := newSealer(t, m, math.MaxUint64-2, math.MaxUint64)
	for want := uint64(math.MaxUint64 - 2); want < math.MaxUint64; want++ {
		if left := s.Remaining(); left != math.MaxUint64-want {
			t.Errorf("Remaining = %d, want %d", left, math.MaxUint64-want)
		}
		h, _, err := sframe.ParseHeader(seal(t, s, nil, nil))
		if err != nil || h.Counter != want || h.KID != s.KID() {
			t.Errorf("sealed with %+v, %v, want counter %d", h, err, want)
		}
	}
	dst := []byte("kept")
	for range 3 {
		if got, err := s.Seal(dst, []byte("x"), nil); !errors.Is(err, sframe.ErrExhausted) || string(got) != "kept" {
			t.Errorf("Seal = %q, %v, want ErrExhausted and dst as it was", got, err)
		}
		if _, err := s.SealFrame(dst, sframe.FrameHeader{}, nil); !errors.Is(err, sframe.ErrExhausted) {
			t.Errorf("SealFrame = %v, want ErrExhausted", err)
		}
	}
}

// TestConcurrentSealing checks, also for the race detector, that no counter is
// used twice and that a frame is accepted once.
func TestConcurrentSealing(t *testing.T) {
	const workers, frames = 8, 200
	m := derive(t, sframe.AES256GCMSHA512, 5)
	s, o := newSealer(t, m, 0, workers*frames), newOpener(t, m)
	var mu sync.Mutex
	seen := make(map[uint64]bool)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range frames {
				sealed, err := s.Seal(nil, []byte("frame"), nil)
				if err != nil {
					t.Errorf("Seal: %v", err)
					return
				}
				h, _, _ := sframe.ParseHeader(sealed)
				mu.Lock()
				if seen[h.Counter] {
					t.Errorf("counter %d used twice", h.Counter)
				}
				seen[h.Counter] = true
				mu.Unlock()
				got, _, err := o.Open(nil, sealed, nil)
				// Another worker may be far ahead; late is the only excuse.
				if err != nil && !errors.Is(err, sframe.ErrReplay) || err == nil && string(got) != "frame" {
					t.Errorf("Open = %q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if len(seen) != workers*frames {
		t.Errorf("%d counters used, want %d", len(seen), workers*frames)
	}
}

func TestOpenerKeys(t *testing.T) {
	m := derive(t, sframe.AES256GCMSHA512, 77)
	sealed := seal(t, newSealer(t, m, 0, 1), []byte("x"), nil)
	o := sframe.NewOpener()
	if _, h, err := o.Open(nil, sealed, nil); !errors.Is(err, sframe.ErrUnknownKey) || h.KID != 77 {
		t.Errorf("Open without keys = %+v, %v, want ErrUnknownKey and the key id", h, err)
	}
	if err := o.Add(m); err != nil || !o.Has(77) {
		t.Fatalf("Add = %v, Has = %v", err, o.Has(77))
	}
	second := derive(t, sframe.AES128GCMSHA256, 77)
	if err := o.Add(second); !errors.Is(err, sframe.ErrKeyExists) {
		t.Errorf("adding a second key = %v, want ErrKeyExists", err)
	}
	if _, _, err := o.Open(nil, sealed, nil); err != nil {
		t.Errorf("Open after a refused key = %v", err)
	}
	o.Remove(77)
	o.Remove(78)
	if _, _, err := o.Open(nil, sealed, nil); !errors.Is(err, sframe.ErrUnknownKey) || o.Has(77) {
		t.Errorf("Open after Remove = %v, want ErrUnknownKey", err)
	}
	if err := o.Add(second); err != nil {
		t.Errorf("adding after Remove = %v", err)
	}
}

func TestOpenerIsBounded(t *testing.T) {
	o := sframe.NewOpener()
	m := derive(t, sframe.AES128GCMSHA256, 0)
	for i := range sframe.MaxKeys {
		m.KID = sframe.KID(i)
		if err := o.Add(m); err != nil {
			t.Fatalf("adding key %d: %v", i, err)
		}
	}
	m.KID = sframe.KID(sframe.MaxKeys)
	if err := o.Add(m); !errors.Is(err, sframe.ErrTooManyKeys) {
		t.Errorf("adding one key more = %v, want ErrTooManyKeys", err)
	}
}

func TestKeyLengths(t *testing.T) {
	for _, suite := range suites {
		good := derive(t, suite, 1)
		for name, m := range map[string]sframe.KeyMaterial{
			"no key":     {Suite: suite, Salt: good.Salt},
			"no salt":    {Suite: suite, Key: good.Key},
			"long key":   {Suite: suite, Key: secret.New(make([]byte, good.Key.Len()+1)), Salt: good.Salt},
			"short salt": {Suite: suite, Key: good.Key, Salt: secret.New(make([]byte, 11))},
		} {
			if _, err := sframe.NewSealer(m, 0, 1); !errors.Is(err, sframe.ErrKey) {
				t.Errorf("suite %d, %s: NewSealer = %v, want ErrKey", suite, name, err)
			}
			if err := sframe.NewOpener().Add(m); !errors.Is(err, sframe.ErrKey) {
				t.Errorf("suite %d, %s: Add = %v, want ErrKey", suite, name, err)
			}
		}
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	m := sframe.KeyMaterial{
		Suite: sframe.AES256GCMSHA512,
		Key:   secret.New([]byte("canary-canary-canary-canary-0123")),
		Salt:  secret.New([]byte("canary-canar")),
	}
	s, o := newSealer(t, m, 0, 1), newOpener(t, m)
	holder := struct {
		m sframe.KeyMaterial
		s *sframe.Sealer
		o *sframe.Opener
	}{m, s, o}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%s", "%d", "%q", "%o"} {
		for _, v := range []any{m, &m, s, o, holder, &holder} {
			text := fmt.Sprintf(verb, v)
			for _, c := range []string{"canary", "63616e617279", "63616E617279", "99 97 110 97", "143 141 156", "0x63, 0x61"} {
				if strings.Contains(text, c) {
					t.Errorf("%s of %T shows the key: %s", verb, v, text)
				}
			}
		}
	}
}

// Frames are sealed and opened in buffers that are used again and again.
func TestAllocs(t *testing.T) {
	for _, suite := range suites {
		kid := sframe.NewKID(sframe.Camera, 3, 9)
		m := derive(t, suite, kid)
		s, o := newSealer(t, m, 0, 1<<40), newOpener(t, m)
		h := sframe.FrameHeader{Kind: sframe.Camera, Spatial: 2, Temporal: 1}
		bitstream, metadata := make([]byte, 1200), []byte("metadata")
		sealed, opened := make([]byte, 0, 4096), make([]byte, 0, 4096)
		want := 0.0
		if suite < sframe.AES128GCMSHA256 {
			want = 6 // the CTR stream of the standard library; these suites are not used in meetings
		}
		for name, f := range map[string]func() error{
			"SealFrame and OpenFrame": func() error {
				frame, err := s.SealFrame(sealed, h, bitstream)
				if err == nil {
					_, _, _, err = o.OpenFrame(opened, frame)
				}
				return err
			},
			"Seal and Open with metadata": func() error {
				frame, err := s.Seal(sealed, bitstream, metadata)
				if err == nil {
					_, _, err = o.Open(opened, frame, metadata)
				}
				return err
			},
		} {
			got := testing.AllocsPerRun(200, func() {
				if err := f(); err != nil {
					t.Fatal(err)
				}
			})
			if got > want {
				t.Errorf("suite %d: %s allocates %v times a frame, want at most %v", suite, name, got, want)
			}
		}
	}
}
