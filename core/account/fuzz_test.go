package account_test

import (
	"bytes"
	"testing"

	"conclave/core/account"
	"conclave/core/secret"
)

// FuzzParse gives any bytes to every decoder: none panics, and what has an
// inverse is written back byte for byte.
func FuzzParse(f *testing.F) {
	request, _ := newRequest(f)
	v := newVault(f)
	f.Add(request.Encode())
	f.Add(v.sealed[:400])
	f.Add((&account.Statement{Method: account.MethodEmoji}).Encode())
	bundle, err := v.bundle.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bundle.Expose())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := account.ParseStatement(b); err == nil && !bytes.Equal(s.Encode(), b) {
			t.Errorf("statement %x is written back differently", b)
		}
		if r, err := account.ParseRequest(b); err == nil && !bytes.Equal(r.Encode(), b) {
			t.Errorf("request %x is written back differently", b)
		}
		if bundle, err := account.ParseBundle(secret.New(b)); err == nil {
			again, err := bundle.Encode()
			if err != nil || !bytes.Equal(again.Expose(), b) {
				t.Errorf("bundle %x is written back differently: %v", b, err)
			}
		}
		if backup, err := account.ParseBackup(b); err == nil {
			if _, err := backup.Open(v.recovery); err == nil && !bytes.Equal(b, v.sealed) {
				t.Error("a backup that nobody made opens")
			}
		}
		if s, err := account.ParseSAS(secret.New(b)); err == nil {
			s.Encode()
		}
		if a, err := account.ParseQRAnswer(b); err == nil && a == nil {
			t.Error("no answer and no error")
		}
	})
}

// FuzzText does the same with what people paste, scan and type.
func FuzzText(f *testing.F) {
	link, err := newInvite(f).Link()
	if err != nil {
		f.Fatal(err)
	}
	shown, _, _, _ := scan(f)
	f.Add(link)
	f.Add(shown.Text())
	f.Add("legal winner thank year wave sausage worth useful legal winner thank yellow")
	f.Fuzz(func(t *testing.T, s string) {
		if i, err := account.ParseInvite(s); err == nil {
			link, err := i.Link()
			if err != nil {
				t.Fatalf("Link of what was parsed = %v", err)
			}
			if again, err := account.ParseInvite(link); err != nil || *again != *i {
				t.Errorf("invite %q is written back as %q", s, link)
			}
		}
		if q, err := account.ParseQR(s); err == nil {
			if again, err := account.ParseQR(q.Text()); err != nil || again.Txn() != q.Txn() {
				t.Errorf("code %q is written back as %q", s, q.Text())
			}
		}
		if c, err := account.ParseRecoveryCode(s); err == nil && len(c.Words()) != account.RecoveryWords {
			t.Error("a code has not 12 words")
		}
	})
}

// FuzzSAS gives a side, at each point of an exchange, any message with the right
// transaction: it never agrees to what its peer did not say.
func FuzzSAS(f *testing.F) {
	honest := newWire(f)
	honest.must(f)
	for at, m := range honest.messages {
		f.Add(uint8(at), m[0], m[17:])
	}
	f.Add(uint8(4), uint8(4), make([]byte, 32))
	f.Add(uint8(5), uint8(5), []byte{2})
	f.Fuzz(func(t *testing.T, at, kind uint8, body []byte) {
		w := newWire(t)
		w.tamper = func(n int, m []byte) []byte {
			if n == int(at%4) && at < 4 {
				return append(append([]byte{kind}, m[1:min(17, len(m))]...), body...)
			}
			return m
		}
		err := w.exchange(t)
		if err != nil || w.answerer == nil {
			return
		}
		a, okA := w.starter.Emoji()
		b, okB := w.answerer.Emoji()
		changed := !bytes.Equal(bytes.Join(w.starter.Transcript(), nil), bytes.Join(w.answerer.Transcript(), nil))
		if okA && okB && a == b && changed {
			t.Error("the symbols match and the transcripts do not")
		}
		txn := w.starter.Txn()
		if _, err := w.starter.Handle(append(append([]byte{kind}, txn[:]...), body...), start+5); err == nil && kind != 4 {
			t.Errorf("an unexpected message of kind %d is accepted", kind)
		}
		if _, err := w.starter.Confirm(true); err == nil && w.starter.State() == account.SASDone {
			t.Error("it agrees with a MAC that nobody made")
		}
	})
}
