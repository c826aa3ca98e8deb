package sframe_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"conclave/core/secret"
	"conclave/core/sframe"
	"conclave/internal/testkit"
)

type hexBytes = testkit.Hex

type headerVector struct {
	KID     uint64   `json:"kid"`
	Counter uint64   `json:"ctr"`
	Encoded hexBytes `json:"encoded"`
}

type aeadVector struct {
	Suite      sframe.Suite `json:"cipher_suite"`
	Key        hexBytes     `json:"key"`
	EncKey     hexBytes     `json:"enc_key"`
	AuthKey    hexBytes     `json:"auth_key"`
	Nonce      hexBytes     `json:"nonce"`
	AAD        hexBytes     `json:"aad"`
	Plaintext  hexBytes     `json:"pt"`
	Ciphertext hexBytes     `json:"ct"`
}

type frameVector struct {
	Suite      sframe.Suite `json:"cipher_suite"`
	KID        uint64       `json:"kid"`
	Counter    uint64       `json:"ctr"`
	BaseKey    hexBytes     `json:"base_key"`
	KeyLabel   hexBytes     `json:"sframe_key_label"`
	SaltLabel  hexBytes     `json:"sframe_salt_label"`
	Secret     hexBytes     `json:"sframe_secret"`
	Key        hexBytes     `json:"sframe_key"`
	Salt       hexBytes     `json:"sframe_salt"`
	Metadata   hexBytes     `json:"metadata"`
	Nonce      hexBytes     `json:"nonce"`
	AAD        hexBytes     `json:"aad"`
	Plaintext  hexBytes     `json:"pt"`
	Ciphertext hexBytes     `json:"ct"`
}

type vectors struct {
	Header    []headerVector `json:"header"`
	AES128CTR []aeadVector   `json:"aes_ctr_hmac"`
	AES256CTR []aeadVector   `json:"aes_256_ctr_hmac"`
	SFrame    []frameVector  `json:"sframe"`
}

type laterVectors struct {
	SFrame []frameVector `json:"sframe_aes_256_ctr_hmac"`
}

// load reads a vector file into v. A field that v does not know is an error, so
// that no new kind of vector goes unnoticed.
func load(t *testing.T, name string, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(testkit.Vectors(t, name)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func loadVectors(t *testing.T) vectors {
	t.Helper()
	var v vectors
	load(t, "sframe/test-vectors.json", &v)
	// The counts are those of the commit in ORIGIN.md: an empty list must not
	// pass for a success.
	got := [...]int{len(v.Header), len(v.AES128CTR), len(v.AES256CTR), len(v.SFrame)}
	if want := [...]int{289, 3, 3, 5}; got != want {
		t.Fatalf("test-vectors.json has %v vectors, want %v", got, want)
	}
	return v
}

func TestHeaderVectors(t *testing.T) {
	for _, v := range loadVectors(t).Header {
		want := sframe.Header{KID: sframe.KID(v.KID), Counter: v.Counter}
		if got := want.Append(nil); !bytes.Equal(got, v.Encoded) {
			t.Errorf("%+v encodes as %x, want %x", want, got, v.Encoded)
		}
		if got := want.Size(); got != len(v.Encoded) {
			t.Errorf("%+v has size %d, want %d", want, got, len(v.Encoded))
		}
		got, size, err := sframe.ParseHeader(append(v.Encoded, 0xff))
		if err != nil || got != want || size != len(v.Encoded) {
			t.Errorf("ParseHeader(%x) = %+v, %d, %v, want %+v", v.Encoded, got, size, err, want)
		}
		for n := range len(v.Encoded) {
			if _, _, err := sframe.ParseHeader(v.Encoded[:n]); !errors.Is(err, sframe.ErrMalformed) {
				t.Errorf("ParseHeader(%x) = %v, want ErrMalformed", v.Encoded[:n], err)
			}
		}
	}
}

// TestFrameVectors runs the five suites of RFC 9605 through key derivation,
// Sealer and Opener.
func TestFrameVectors(t *testing.T) {
	for _, v := range loadVectors(t).SFrame {
		t.Run(fmt.Sprintf("suite %d", v.Suite), func(t *testing.T) {
			m, err := sframe.DeriveKey(v.Suite, sframe.KID(v.KID), secret.New(v.BaseKey))
			if err != nil {
				t.Fatalf("DeriveKey: %v", err)
			}
			if !bytes.Equal(m.Key.Expose(), v.Key) {
				t.Errorf("key = %x, want %x", m.Key.Expose(), v.Key)
			}
			if !bytes.Equal(m.Salt.Expose(), v.Salt) {
				t.Errorf("salt = %x, want %x", m.Salt.Expose(), v.Salt)
			}
			checkDerivation(t, v)

			s, err := sframe.NewSealer(m, v.Counter, v.Counter+1)
			if err != nil {
				t.Fatalf("NewSealer: %v", err)
			}
			got, err := s.Seal(nil, v.Plaintext, v.Metadata)
			if err != nil || !bytes.Equal(got, v.Ciphertext) {
				t.Errorf("Seal = %x, %v, want %x", got, err, v.Ciphertext)
			}
			o := sframe.NewOpener()
			if err := o.Add(m); err != nil {
				t.Fatalf("Add: %v", err)
			}
			plaintext, h, err := o.Open(nil, v.Ciphertext, v.Metadata)
			if err != nil || !bytes.Equal(plaintext, v.Plaintext) {
				t.Errorf("Open = %x, %v, want %x", plaintext, err, v.Plaintext)
			}
			if want := (sframe.Header{KID: sframe.KID(v.KID), Counter: v.Counter}); h != want {
				t.Errorf("Open returns header %+v, want %+v", h, want)
			}
		})
	}
}

func TestAEADVectors(t *testing.T) {
	for _, v := range loadVectors(t).AES128CTR {
		t.Run(fmt.Sprintf("suite %d", v.Suite), func(t *testing.T) {
			if !bytes.Equal(append(v.EncKey[:16:16], v.AuthKey...), v.Key) {
				t.Fatalf("key %x is not %x and %x", v.Key, v.EncKey, v.AuthKey)
			}
			aead, err := sframe.TestingOnlyAEAD(v.Suite, v.Key)
			if err != nil {
				t.Fatalf("AEAD: %v", err)
			}
			if got := aead.Seal(nil, v.Nonce, v.Plaintext, v.AAD); !bytes.Equal(got, v.Ciphertext) {
				t.Errorf("Seal = %x, want %x", got, v.Ciphertext)
			}
			if got, err := aead.Open(nil, v.Nonce, v.Ciphertext, v.AAD); err != nil || !bytes.Equal(got, v.Plaintext) {
				t.Errorf("Open = %x, %v, want %x", got, err, v.Plaintext)
			}
		})
	}
}

// TestLaterSuites uses the vectors of suites 6 to 8. RFC 9605 does not define
// these suites (they came after it), and every suite that is spoken is one more
// to attack: they must be refused.
func TestLaterSuites(t *testing.T) {
	var later laterVectors
	load(t, "sframe/test-vectors-aes256.json", &later)
	suites := make(map[sframe.Suite]int)
	for _, v := range later.SFrame {
		suites[v.Suite]++
		if _, err := sframe.DeriveKey(v.Suite, sframe.KID(v.KID), secret.New(v.BaseKey)); !errors.Is(err, sframe.ErrSuite) {
			t.Errorf("DeriveKey for suite %d = %v, want ErrSuite", v.Suite, err)
		}
		m := sframe.KeyMaterial{Suite: v.Suite, Key: secret.New(v.Key), Salt: secret.New(v.Salt)}
		if _, err := sframe.NewSealer(m, 0, 1); !errors.Is(err, sframe.ErrSuite) {
			t.Errorf("NewSealer for suite %d = %v, want ErrSuite", v.Suite, err)
		}
		if err := sframe.NewOpener().Add(m); !errors.Is(err, sframe.ErrSuite) {
			t.Errorf("Add for suite %d = %v, want ErrSuite", v.Suite, err)
		}
	}
	for _, v := range loadVectors(t).AES256CTR {
		suites[v.Suite]++
		if _, err := sframe.TestingOnlyAEAD(v.Suite, v.Key); !errors.Is(err, sframe.ErrSuite) {
			t.Errorf("AEAD of suite %d = %v, want ErrSuite", v.Suite, err)
		}
	}
	if len(suites) != 3 || suites[6] != 2 || suites[7] != 2 || suites[8] != 2 {
		t.Errorf("the vectors of later suites are %v, want two each of 6, 7 and 8", suites)
	}
}
