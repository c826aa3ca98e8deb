package testkit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"
)

// Hex are bytes that a test vector gives in hexadecimal.
type Hex []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// Cases decodes a file of test vectors, a JSON list. A field that T lacks is a
// failure, and so is a list without a case.
func Cases[T any](t testing.TB, file []byte) []T {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	var all []T
	if err := d.Decode(&all); err != nil {
		t.Fatalf("decoding test vectors: %v", err)
	}
	if len(all) == 0 {
		t.Fatal("test vectors without a case")
	}
	return all
}
