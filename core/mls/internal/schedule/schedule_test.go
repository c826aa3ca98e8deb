package schedule_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"conclave/core/mls/internal/schedule"
	"conclave/core/mlswire"
	"conclave/core/secret"
	"conclave/core/suite"
	"conclave/core/tlsenc"
)

func lookup(tb testing.TB, id suite.ID) *suite.Suite {
	tb.Helper()
	s, err := suite.Lookup(id)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// of returns a secret of one repeated byte.
func of(s *suite.Suite, b byte) secret.Value {
	return secret.Own(bytes.Repeat([]byte{b}, s.HashSize()))
}

func epochSecrets(e *schedule.Epoch) map[string]secret.Value {
	return map[string]secret.Value{
		"sender data": e.SenderData, "encryption": e.Encryption, "exporter": e.Exporter,
		"external": e.External, "confirmation": e.Confirmation, "membership": e.Membership,
		"resumption": e.Resumption, "authenticator": e.Authenticator, "init": e.Init,
	}
}

// Every input reaches every secret.
func TestEveryInputCounts(t *testing.T) {
	s := lookup(t, suite.Default)
	derive := func(initSecret, commit, psk byte, context string) *schedule.Epoch {
		joiner := schedule.Joiner(s, of(s, initSecret), of(s, commit), []byte(context))
		return schedule.NewMember(s, joiner, of(s, psk)).Epoch([]byte(context))
	}
	base := epochSecrets(derive(1, 2, 3, "context"))
	for name, other := range map[string]*schedule.Epoch{
		"init secret": derive(0, 2, 3, "context"), "commit secret": derive(1, 0, 3, "context"),
		"psk secret": derive(1, 2, 0, "context"), "group context": derive(1, 2, 3, "other"),
		"order of the secrets": derive(2, 1, 3, "context"),
	} {
		for label, v := range epochSecrets(other) {
			if v.Equal(base[label]) {
				t.Errorf("another %s gives the same %s secret", name, label)
			}
		}
	}
	seen := map[string]string{}
	for label, v := range base {
		if other, ok := seen[string(v.Expose())]; ok {
			t.Errorf("%s and %s are the same secret", label, other)
		}
		seen[string(v.Expose())] = label
		if v.Len() != s.HashSize() {
			t.Errorf("%s has %d bytes, want %d", label, v.Len(), s.HashSize())
		}
	}
}

func TestCreateIsRandom(t *testing.T) {
	s := lookup(t, suite.Default)
	if schedule.Create(s).Init.Equal(schedule.Create(s).Init) {
		t.Error("two new groups have the same secrets")
	}
}

func TestConfirmationTagRefuses(t *testing.T) {
	e := schedule.Create(lookup(t, suite.Default))
	tag := e.ConfirmationTag([]byte("hash"))
	if !e.VerifyConfirmationTag([]byte("hash"), tag) {
		t.Fatal("VerifyConfirmationTag = false, want true")
	}
	for bit := range 8 * len(tag) {
		changed := bytes.Clone(tag)
		changed[bit/8] ^= 1 << (bit % 8)
		if e.VerifyConfirmationTag([]byte("hash"), changed) {
			t.Fatalf("a tag with bit %d changed is accepted", bit)
		}
	}
	for name, wrong := range map[string][]byte{"no": nil, "a cut": tag[:16], "a longer": append(bytes.Clone(tag), 0)} {
		if e.VerifyConfirmationTag([]byte("hash"), wrong) {
			t.Errorf("%s tag is accepted", name)
		}
	}
	if e.VerifyConfirmationTag([]byte("hasH"), tag) {
		t.Error("the tag of another transcript is accepted")
	}
	if schedule.Create(lookup(t, suite.Default)).VerifyConfirmationTag([]byte("hash"), tag) {
		t.Error("the tag of another group is accepted")
	}
}

func TestExport(t *testing.T) {
	s := lookup(t, suite.Default)
	e := schedule.Create(s)
	base, err := e.Export("label", []byte("context"), 32)
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string]struct {
		label, context string
		length         int
	}{
		"label": {"labeL", "context", 32}, "context": {"label", "contexT", 32},
		"border": {"labelc", "ontext", 32}, "length": {"label", "context", 33},
	} {
		got, err := e.Export(args.label, []byte(args.context), args.length)
		if err != nil || got.Len() != args.length {
			t.Fatalf("Export = %d bytes, %v, want %d", got.Len(), err, args.length)
		}
		if bytes.Equal(got.Expose()[:32], base.Expose()) {
			t.Errorf("another %s gives the same secret", name)
		}
	}
	for _, length := range []int{-1, 255*s.HashSize() + 1, math.MaxUint16 + 1, math.MaxInt32} {
		if _, err := e.Export("label", nil, length); !errors.Is(err, schedule.ErrExportLength) {
			t.Errorf("Export of %d bytes = %v, want ErrExportLength", length, err)
		}
	}
	for _, length := range []int{0, 1, 255 * s.HashSize()} {
		if got, err := e.Export("label", nil, length); err != nil || got.Len() != length {
			t.Errorf("Export of %d bytes = %d bytes, %v, want nil", length, got.Len(), err)
		}
	}
}

func TestExternalInit(t *testing.T) {
	for _, id := range suite.IDs() {
		s := lookup(t, id)
		e := schedule.Create(s)
		kemOutput, initSecret, err := schedule.ExternalInit(s, e.ExternalKeyPair().Public)
		if err != nil {
			t.Fatalf("suite %d: ExternalInit = %v", id, err)
		}
		got, err := e.OpenExternalInit(kemOutput)
		if err != nil {
			t.Fatalf("suite %d: OpenExternalInit = %v", id, err)
		}
		if !got.Equal(initSecret) || got.Len() != s.HashSize() {
			t.Errorf("suite %d: the two ends have different init secrets", id)
		}
		// The label in full, as RFC 9420, Section 8.3 has it.
		const label = "MLS 1.0 external init secret"
		exported, err := s.ReceiveExport(e.ExternalKeyPair().Private, kemOutput, label, s.HashSize())
		if err != nil || !exported.Equal(initSecret) {
			t.Errorf("suite %d: the init secret is not the export of %q, %v", id, label, err)
		}
		other, err := schedule.Create(s).OpenExternalInit(kemOutput)
		if err == nil && other.Equal(initSecret) {
			t.Errorf("suite %d: another group opens the init secret", id)
		}
		if _, err := e.OpenExternalInit(kemOutput[1:]); err == nil {
			t.Errorf("suite %d: a cut kem_output is accepted", id)
		}
		if _, _, err := schedule.ExternalInit(s, nil); err == nil {
			t.Errorf("suite %d: an empty external_pub is accepted", id)
		}
	}
}

func TestPSKSecret(t *testing.T) {
	s := lookup(t, suite.Default)
	external := schedule.PSK{
		ID:     mlswire.PreSharedKeyID{Type: mlswire.PSKTypeExternal, PSKID: []byte("id"), PSKNonce: []byte("nonce")},
		Secret: of(s, 1),
	}
	resumption := schedule.PSK{
		ID: mlswire.PreSharedKeyID{
			Type: mlswire.PSKTypeResumption, Usage: mlswire.ResumptionPSKUsageApplication,
			GroupID: []byte("group"), Epoch: 3, PSKNonce: []byte("nonce"),
		},
		Secret: of(s, 2),
	}
	of1 := func(psk schedule.PSK, change func(p *schedule.PSK)) []schedule.PSK {
		change(&psk)
		return []schedule.PSK{psk}
	}
	same := func(*schedule.PSK) {}
	results := map[string]string{}
	for name, psks := range map[string][]schedule.PSK{
		"none": nil, "external": of1(external, same), "resumption": of1(resumption, same),
		"two": {external, resumption}, "two turned round": {resumption, external}, "twice": {external, external},
		"id":           of1(external, func(p *schedule.PSK) { p.ID.PSKID = []byte("iD") }),
		"nonce":        of1(external, func(p *schedule.PSK) { p.ID.PSKNonce = []byte("noncE") }),
		"secret":       of1(external, func(p *schedule.PSK) { p.Secret = of(s, 3) }),
		"empty secret": of1(external, func(p *schedule.PSK) { p.Secret = secret.Value{} }),
		"usage":        of1(resumption, func(p *schedule.PSK) { p.ID.Usage = mlswire.ResumptionPSKUsageBranch }),
		"group":        of1(resumption, func(p *schedule.PSK) { p.ID.GroupID = []byte("grouP") }),
		"epoch":        of1(resumption, func(p *schedule.PSK) { p.ID.Epoch++ }),
	} {
		got, err := schedule.PSKSecret(s, psks)
		if err != nil {
			t.Fatalf("%s: PSKSecret = %v", name, err)
		}
		if other, ok := results[string(got.Expose())]; ok {
			t.Errorf("%s and %s give the same psk_secret", name, other)
		}
		results[string(got.Expose())] = name
	}
	if results[string(make([]byte, s.HashSize()))] != "none" {
		t.Error("without pre-shared keys the psk_secret is not zero")
	}
	if _, err := schedule.PSKSecret(s, make([]schedule.PSK, 1<<16)); !errors.Is(err, schedule.ErrTooManyPSKs) {
		t.Errorf("PSKSecret of 65536 = %v, want ErrTooManyPSKs", err)
	}
}

// The confirmed transcript hash covers the commit's signature, not its tag.
func TestTranscriptHashCovers(t *testing.T) {
	s := lookup(t, suite.Default)
	commit := func() *mlswire.AuthenticatedContent {
		return &mlswire.AuthenticatedContent{
			WireFormat: mlswire.WireFormatPublicMessage,
			Content: mlswire.FramedContent{
				GroupID: []byte("group"), Sender: mlswire.Sender{Type: mlswire.SenderTypeMember},
				ContentType: mlswire.ContentTypeCommit, Commit: &mlswire.Commit{},
			},
			Auth: mlswire.FramedContentAuthData{Signature: []byte("signature"), ConfirmationTag: []byte("tag")},
		}
	}
	hash := func(interim string, change func(c *mlswire.AuthenticatedContent)) string {
		c := commit()
		change(c)
		return string(schedule.ConfirmedTranscriptHash(s, []byte(interim), c))
	}
	base := hash("interim", func(*mlswire.AuthenticatedContent) {})
	for name, other := range map[string]string{
		"interim hash": hash("other", func(*mlswire.AuthenticatedContent) {}),
		"wire format":  hash("interim", func(c *mlswire.AuthenticatedContent) { c.WireFormat = mlswire.WireFormatPrivateMessage }),
		"content":      hash("interim", func(c *mlswire.AuthenticatedContent) { c.Content.Epoch++ }),
		"signature":    hash("interim", func(c *mlswire.AuthenticatedContent) { c.Auth.Signature = []byte("other") }),
	} {
		if other == base {
			t.Errorf("another %s gives the same confirmed transcript hash", name)
		}
	}
	if hash("interim", func(c *mlswire.AuthenticatedContent) { c.Auth.ConfirmationTag = []byte("other") }) != base {
		t.Error("the confirmation tag is part of the confirmed transcript hash")
	}
	interim := schedule.InterimTranscriptHash(s, []byte(base), []byte("tag"))
	if bytes.Equal(interim, schedule.InterimTranscriptHash(s, []byte(base), []byte("taG"))) {
		t.Error("the confirmation tag is no part of the interim transcript hash")
	}
}

func TestEpochRoundTrip(t *testing.T) {
	s := lookup(t, suite.Default)
	e := schedule.Create(s)
	var w tlsenc.Writer
	e.Encode(&w)
	if bytes.Contains(w.Bytes(), e.Encryption.Expose()) {
		t.Error("Encode writes the encryption secret, which the secret tree deletes")
	}
	r := tlsenc.NewReader(w.Bytes())
	again, err := schedule.Decode(s, &r)
	if err != nil || r.Len() != 0 {
		t.Fatalf("Decode = %v with %d bytes left", err, r.Len())
	}
	want := epochSecrets(e)
	for label, v := range epochSecrets(again) {
		if label != "encryption" && !v.Equal(want[label]) {
			t.Errorf("%s differs after Decode", label)
		}
	}
	if tag := again.ConfirmationTag(nil); !e.VerifyConfirmationTag(nil, tag) {
		t.Error("the decoded epoch makes another confirmation tag")
	}
	for n := range w.Bytes() {
		r := tlsenc.NewReader(w.Bytes()[:n])
		if _, err := schedule.Decode(s, &r); !errors.Is(err, tlsenc.ErrShort) {
			t.Fatalf("Decode of the first %d bytes = %v, want ErrShort", n, err)
		}
	}
}

func TestErase(t *testing.T) {
	s := lookup(t, suite.Default)
	e := schedule.Create(s)
	gone := func(v secret.Value) bool { return bytes.Equal(v.Expose(), make([]byte, s.HashSize())) }
	e.Retire()
	for label, v := range epochSecrets(e) {
		// The encryption secret is the secret tree's.
		if kept := label == "sender data" || label == "resumption" || label == "encryption"; gone(v) == kept {
			t.Errorf("after Retire, %s erased: %t, want %t", label, gone(v), !kept)
		}
	}
	e.Erase()
	for label, v := range epochSecrets(e) {
		if !gone(v) {
			t.Errorf("after Erase, %s is still there", label)
		}
	}
	joiner := of(s, 1)
	m := schedule.NewMember(s, joiner, of(s, 2))
	before := m.WelcomeSecret()
	m.Erase()
	if m.WelcomeSecret().Equal(before) {
		t.Error("after Erase, a Member derives the same")
	}
	if gone(joiner) {
		t.Error("NewMember erases what is the caller's")
	}
}
