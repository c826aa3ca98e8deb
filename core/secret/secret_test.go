package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"conclave/core/secret"
)

// holder has a secret in every place where fmt and slog look.
type holder struct {
	Exported   secret.Value
	unexported secret.Value
	Pointer    *secret.Value
	slice      []secret.Value
	dict       map[string]secret.Value
	any        any
}

// canary is the secret of these tests; canaries are the ways it could show.
const canary = "canary-canary-canary-canary-0123"

func canaries() []string {
	return []string{
		canary[:8],
		fmt.Sprintf("%x", canary[:4]),
		fmt.Sprintf("%X", canary[:4]),
		strings.Trim(fmt.Sprint([]byte(canary[:4])), "[]"),
		strings.Trim(fmt.Sprintf("%o", []byte(canary[:4])), "[]"),
		strings.Trim(fmt.Sprintf("%#v", []byte(canary[:4])), "[]byte{}"),
	}
}

func newHolder() holder {
	v := secret.New([]byte(canary))
	return holder{v, v, &v, []secret.Value{v}, map[string]secret.Value{"k": v}, v}
}

func mustNotLeak(t *testing.T, how, text string) {
	t.Helper()
	for _, c := range canaries() {
		if strings.Contains(text, c) {
			t.Errorf("%s shows the secret: %s", how, text)
			return
		}
	}
}

func TestValueDoesNotPrint(t *testing.T) {
	h := newHolder()
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%s", "%d", "%q", "%o", "%b", "%t", "%p"} {
		mustNotLeak(t, verb, fmt.Sprintf(verb, h.Exported))
		mustNotLeak(t, verb+" of a pointer", fmt.Sprintf(verb, &h.Exported))
		mustNotLeak(t, verb+" of a struct", fmt.Sprintf(verb, h))
		mustNotLeak(t, verb+" of a pointer to a struct", fmt.Sprintf(verb, &h))
	}
	if got := fmt.Sprintf("%v", h.Exported); got != "[secret]" {
		t.Errorf("Sprintf(%%v) = %q, want [secret]", got)
	}
	// The test can fail: the same bytes in a plain slice do show.
	if text := fmt.Sprintf("%v", []byte(canary)); !strings.Contains(text, canaries()[3]) {
		t.Fatalf("the canary does not show in %s; this test proves nothing", text)
	}
}

func TestValueDoesNotMarshal(t *testing.T) {
	h := newHolder()
	var text, js bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", slog.Any("value", h.Exported), slog.Any("struct", h))
	slog.New(slog.NewJSONHandler(&js, nil)).Info("m", slog.Any("value", h.Exported), slog.Any("struct", h))
	mustNotLeak(t, "slog text", text.String())
	mustNotLeak(t, "slog JSON", js.String())
	if b, err := json.Marshal(h.Exported); !errors.Is(err, secret.ErrMarshal) {
		t.Errorf("json.Marshal = %q, %v, want ErrMarshal", b, err)
	}
	if b, err := json.Marshal(h); !errors.Is(err, secret.ErrMarshal) {
		t.Errorf("json.Marshal of a struct = %q, %v, want ErrMarshal", b, err)
	}
	if err := gob.NewEncoder(&text).Encode(h.Exported); err == nil {
		t.Error("gob encodes a secret")
	}
}

func TestValueIsNotComparable(t *testing.T) {
	if reflect.TypeFor[secret.Value]().Comparable() {
		t.Error("Value can be compared with ==")
	}
}

func TestValue(t *testing.T) {
	source := []byte{1, 2, 3}
	v, same, other := secret.New(source), secret.New(source), secret.New([]byte{1, 2, 4})
	source[0] = 9
	if got := v.Expose(); !bytes.Equal(got, []byte{1, 2, 3}) {
		t.Errorf("Expose = %v after the source changed, want 1 2 3", got)
	}
	if !v.Equal(same) || v.Equal(other) || v.Equal(secret.Value{}) {
		t.Error("Equal is wrong")
	}
	duplicate := v
	v.Erase()
	if got := duplicate.Expose(); !bytes.Equal(got, make([]byte, 3)) {
		t.Errorf("a copy holds %v after Erase, want zeros", got)
	}
	var zero secret.Value
	zero.Erase()
	if zero.Len() != 0 || zero.Expose() != nil {
		t.Error("the zero Value is not empty")
	}
}
