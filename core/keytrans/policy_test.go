package keytrans_test

import (
	"errors"
	"strings"
	"testing"

	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
)

// keyOf is the verifier key of a witness.
func keyOf(name string) string { return keytranstest.NewSigner(name, 4).VKey() }

func TestPolicy(t *testing.T) {
	text := "# ours\n\nlog " + keytranstest.NewSigner("log", 1).VKey() + " https://log.example\n" +
		"witness X1 " + keyOf("x1") + "\n witness\tX2  " + keyOf("x2") + " https://x2.example \nwitness X3 " + keyOf("x3") + "\n" +
		"group X 2 X1 X2 X3\nwitness Y1 " + keyOf("y1") + "\nwitness Y2 " + keytranstest.NewSigner("y2", 1).VKey() + "\n" +
		"group Y any Y1 Y2\nwitness idle " + keyOf("idle") + "\ngroup all all X Y\nquorum all"
	p, err := keytrans.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, w := range p.Witnesses() {
		names += w.Name + w.URL + " "
	}
	if names != "X1 X2https://x2.example X3 Y1 Y2 " || p.String() != text {
		t.Errorf("witnesses = %s", names)
	}
	for _, tt := range []struct {
		signed string
		want   bool
	}{
		{"", false},
		{"x1 x2", false},
		{"x1 x2 y1", true},
		{"x2 x3 y2", true},
		{"x1 y1 y2", false},
		{"x1 x2 x3 idle", false},
		{"x1 x2 x3 y1 y2", true},
	} {
		m := keytranstest.New(t, 0)
		for n := range strings.FieldsSeq(tt.signed) {
			m.Witnesses = append(m.Witnesses, keytranstest.NewSigner(n, 4))
		}
		kofi := keytranstest.NewPerson("kofi")
		kofi.Publish(m)
		m.Later(second)
		text := strings.Replace(text, keytranstest.NewSigner("log", 1).VKey(), m.Log.VKey(), 1)
		policy, err := keytrans.ParsePolicy(text)
		if err != nil {
			t.Fatal(err)
		}
		v, err := keytrans.NewVerifier(m.Keys(), policy)
		if err != nil {
			t.Fatal(err)
		}
		st := &keytrans.State{}
		q := st.Request(keytrans.ByHandle, []byte("kofi"))
		_, err = v.Lookup(st, q, m.Lookup(q, kofi, 0).Encode(), m.Now)
		if tt.want && err != nil || !tt.want && !errors.Is(err, keytrans.ErrWitness) {
			t.Errorf("signed by %q: %v, want %v", tt.signed, err, tt.want)
		}
	}
}

func TestPolicyRefuses(t *testing.T) {
	w := "witness w " + keyOf("w") + "\n"
	for name, text := range map[string]string{
		"no quorum":                 w,
		"two quorums":               w + "quorum w\nquorum w\n",
		"none and a quorum":         w + "quorum none\nquorum w\n",
		"an unknown quorum":         w + "quorum x\n",
		"a quorum before it":        "quorum w\n" + w,
		"an unknown word":           w + "quorum w\nhello\n",
		"a witness without a key":   "witness w\nquorum none\n",
		"a witness with too many":   "witness w " + keyOf("w") + " a b\nquorum none\n",
		"a name twice":              w + "witness w " + keyOf("x") + "\nquorum w\n",
		"the name none":             "witness none " + keyOf("w") + "\nquorum none\n",
		"a key twice":               w + "witness x " + keyOf("w") + "\nquorum w\n",
		"a key twice, other kind":   w + "witness x " + keytranstest.NewSigner("w", 1).VKey() + "\nquorum w\n",
		"a log twice":               strings.Repeat("log "+keytranstest.NewSigner("l", 1).VKey()+"\n", 2) + "quorum none\n",
		"a log with a witness's":    "log " + keyOf("w") + "\nquorum none\n",
		"a group of nobody":         "group g 1\nquorum g\n",
		"a group of 0":              w + "group g 0 w\nquorum g\n",
		"a group of more":           w + "group g 2 w\nquorum g\n",
		"a group of 01":             w + "group g 01 w\nquorum g\n",
		"a group of -1":             w + "group g -1 w\nquorum g\n",
		"a group of itself":         w + "group g 1 g\nquorum g\n",
		"a member twice":            w + "group g 2 w w\nquorum g\n",
		"a member of two":           w + "group g 1 w\ngroup h 1 w\nquorum g\n",
		"a member none":             w + "group g 1 none\nquorum g\n",
		"a control character":       w + "quorum w\r\n",
		"a comment behind":          w + "quorum w # ours\n",
		"a key with another id":     "witness w " + strings.Replace(keyOf("w"), "+", "+0", 1) + "\nquorum w\n",
		"a key of no known kind":    "witness w " + keytranstest.NewSigner("w", 6).VKey() + "\nquorum w\n",
		"a key that is not base64":  "witness w w+00000000+!\nquorum w\n",
		"a key of a name with none": "witness w " + keyOf("") + "\nquorum w\n",
		"too long":                  w + "quorum w\n" + strings.Repeat("#", keytrans.MaxPolicy),
	} {
		if _, err := keytrans.ParsePolicy(text); !errors.Is(err, keytrans.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "quorum none", w + "quorum none\n", "\n # x \n" + w + "quorum w"} {
		if _, err := keytrans.ParsePolicy(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	m := keytranstest.New(t, 1)
	other, err := keytrans.ParsePolicy("log " + keytranstest.NewSigner("other", 1).VKey() + "\nquorum none\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(k *keytrans.ServerKeys, p **keytrans.Policy){
		"no log key":               func(k *keytrans.ServerKeys, _ **keytrans.Policy) { k.LogKey = "" },
		"a witness's key":          func(k *keytrans.ServerKeys, _ **keytrans.Policy) { k.LogKey = keyOf("w") },
		"no VRF key":               func(k *keytrans.ServerKeys, _ **keytrans.Policy) { k.VRFKey = [32]byte{} },
		"a VRF key that is none":   func(k *keytrans.ServerKeys, _ **keytrans.Policy) { k.VRFKey[31] = 0xff },
		"a policy for another log": func(_ *keytrans.ServerKeys, p **keytrans.Policy) { *p = other },
	} {
		keys, policy := m.Keys(), m.Policy()
		change(&keys, &policy)
		if _, err := keytrans.NewVerifier(keys, policy); !errors.Is(err, keytrans.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
