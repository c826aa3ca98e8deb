package account_test

import (
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

func BenchmarkSAS(b *testing.B) {
	w := newWire(b)
	for b.Loop() {
		w.messages = nil
		w.must(b)
	}
}

func BenchmarkSafetyNumber(b *testing.B) {
	for b.Loop() {
		account.SafetyNumber(identity.UserID{1}, [32]byte{1}, identity.UserID{2}, [32]byte{2})
	}
}

func BenchmarkBackup(b *testing.B) {
	v := newVault(b)
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := account.SealBackup(v.user, 5, v.bundle, []account.WrapKey{v.recovery}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			backup, err := account.ParseBackup(v.sealed)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := backup.Open(v.recovery); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkHandOver(b *testing.B) {
	r, private := newRequest(b)
	key := account.NewBackupKey()
	bundle := &account.Bundle{IdentityKey: secret.New(make([]byte, 32))}
	for b.Loop() {
		sealed, err := account.HandOver(r, key, bundle)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Receive(private, key, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPassword is what a sign-in costs in earnest.
func BenchmarkPassword(b *testing.B) {
	p := account.PasswordParams{Salt: make([]byte, 16), Cost: account.PasswordCost}
	for b.Loop() {
		if _, err := account.SplitPassword("correct horse", "example.org", "grace", p, account.PasswordCost); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQR(b *testing.B) {
	grace, kofi := newPerson(b, 1).party(), newPerson(b, 2).party()
	for b.Loop() {
		q, err := account.NewQR(account.ModeContact, grace, kofi, checkpoint(1, 1))
		if err != nil {
			b.Fatal(err)
		}
		seen, err := account.ParseQR(q.Text())
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := seen.Scanned(kofi, grace, checkpoint(1, 1)); err != nil {
			b.Fatal(err)
		}
	}
}
