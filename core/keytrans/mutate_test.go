package keytrans_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// TestMutations changes honest answers all over, so that no field is left out.
// None of it may be believed.
func TestMutations(t *testing.T) {
	w := newWorld(t, 2)
	first := w.request()
	fresh := w.Lookup(first, w.p, 2).Encode()
	none := w.st
	r := w.accept(t)
	w.p.Publish(w.Model)
	w.Later(minute)
	second := w.request()
	again := w.Lookup(second, w.p, 3).Encode()
	before, known := snapshot(w.st), w.st
	check := func(what string, i int, err error) {
		t.Helper()
		if e := new(keytrans.Error); !errors.As(err, &e) || e.ID == "" || e.Attack == "" || e.Evidence == nil {
			t.Fatalf("%s, byte %d changed: %v", what, i, err)
		}
	}
	// Every 13th byte: with the race detector, all would take 20 s. Tables of attacks
	// have the short fields.
	for i := 0; i < len(again); i += 13 {
		other := slices.Clone(again)
		other[i] ^= 1 << (i % 8)
		_, err := w.v.Lookup(known, second, other, w.Now)
		check("a lookup", i, err)
	}
	empty := &keytrans.State{}
	for i := 0; i < len(fresh); i += 31 { // label proofs are slow
		other := slices.Clone(fresh)
		other[i] ^= 1 << (i % 8)
		_, err := w.v.Lookup(empty, first, other, w.Now)
		check("a first lookup", i, err)
	}
	for i := 0; i < len(again); i += 13 {
		_, err := w.v.Lookup(known, second, again[:i], w.Now)
		check("a short lookup", i, err)
	}
	w.hours(1)
	q := w.st.MonitorRequest(w.p.User, false, 1)
	watched := w.Monitor(q, nil).Encode()
	for i := 3; i < len(watched); i += 13 {
		other := slices.Clone(watched)
		other[i] ^= 1 << (i % 8)
		_, err := w.v.Monitor(known, q, other, w.Now)
		check("monitoring", i, err)
	}
	if !reflect.DeepEqual(snapshot(w.st), before) || none != w.st || r == nil {
		t.Error("refused answers changed the state")
	}
	w.accept(t)
	w.watch(t, false, 1)
}

// TestCodecs writes and reads what is sent and stored.
func TestCodecs(t *testing.T) {
	w := newWorld(t, 3)
	q := w.request()
	codec(t, q.Encode(), keytrans.ParseLookupRequest)
	codec(t, w.Lookup(q, w.p, 3).Encode(), keytrans.ParseLookupResponse)
	codec(t, w.Lookup(w.st.Request(keytrans.ByHandle, []byte("lin")), nil, 0).Encode(), keytrans.ParseLookupResponse)
	w.accept(t)
	codec(t, w.request().Encode(), keytrans.ParseLookupRequest)
	w.hours(3)
	for _, owner := range []bool{true, false} {
		m := w.st.MonitorRequest(w.p.User, owner, 64)
		codec(t, m.Encode(), keytrans.ParseMonitorRequest)
		codec(t, w.Monitor(m, w.GreatestOf(w.p)).Encode(), keytrans.ParseMonitorResponse)
	}
	codec(t, w.Leaves[1], keytrans.ParseEpoch)
	codec(t, w.st.Head.Encode(), keytrans.ParseHead)
	codec(t, w.st.Users[w.p.User].Encode(), keytrans.ParseUserState)
	e := keytrans.Evidence{Kind: keytrans.Fork, First: []byte("a"), Second: []byte("b"), Proof: []keytrans.Hash{{1}}, ID: "split"}
	codec(t, e.Encode(), keytrans.ParseEvidence)
}

// codec checks that b reads back as itself, and that a byte more or less does not
// read.
func codec[T interface{ Encode() []byte }](t *testing.T, b []byte, parse func([]byte) (T, error)) {
	t.Helper()
	v, err := parse(b)
	if err != nil || !bytes.Equal(v.Encode(), b) {
		t.Errorf("%T reads as something else: %v", v, err)
	}
	for _, other := range [][]byte{append(slices.Clone(b), 0), b[:len(b)-1], nil} {
		if _, err := parse(other); !errors.Is(err, keytrans.ErrFormat) {
			t.Errorf("%T of %d bytes for %d: %v, want ErrFormat", v, len(other), len(b), err)
		}
	}
}

func TestRequestsRefused(t *testing.T) {
	lookup := func(q keytrans.LookupRequest) []byte { return q.Encode() }
	user := keytranstest.Seed("u")[:16]
	for name, b := range map[string][]byte{
		"kind 0":           lookup(keytrans.LookupRequest{Name: user}),
		"kind 3":           lookup(keytrans.LookupRequest{Kind: 3, Name: user}),
		"no handle":        lookup(keytrans.LookupRequest{Kind: keytrans.ByHandle}),
		"a long handle":    lookup(keytrans.LookupRequest{Kind: keytrans.ByHandle, Name: make([]byte, 257)}),
		"half a user":      lookup(keytrans.LookupRequest{Kind: keytrans.ByUser, Name: user[:8]}),
		"versions twice":   lookup(keytrans.LookupRequest{Kind: keytrans.ByUser, Name: user, Cached: []uint32{1, 1}}),
		"versions falling": lookup(keytrans.LookupRequest{Kind: keytrans.ByUser, Name: user, Cached: []uint32{2, 1}}),
		"65 versions":      lookup(keytrans.LookupRequest{Kind: keytrans.ByUser, Name: user, Cached: make([]uint32, 65)}),
		"a great version":  lookup(keytrans.LookupRequest{Kind: keytrans.ByUser, Name: user, Cached: []uint32{1 << 31}}),
	} {
		if _, err := keytrans.ParseLookupRequest(b); !errors.Is(err, keytrans.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, q := range map[string]keytrans.MonitorRequest{
		"no epoch":  {Most: 0},
		"65 epochs": {Most: 65},
		"a version": {Most: 1, Version: keytrans.MaxVersion + 1},
	} {
		if _, err := keytrans.ParseMonitorRequest(q.Encode()); !errors.Is(err, keytrans.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
