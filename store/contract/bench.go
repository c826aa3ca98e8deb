package contract

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"testing"

	"conclave/auth"
	"conclave/directory"
)

// users is how many the larger benchmarks have.
const users = 100_000

// Bench measures a database: what is written one after another and at the same
// time, an epoch of 10,000 records, and what a start reads with 100,000 users.
func Bench(b *testing.B, fresh func(testing.TB) Open) {
	b.Run("Commit", func(b *testing.B) {
		s := opened(b, fresh(b)).Directory()
		for n := 0; b.Loop(); n++ {
			check(b, s.Commit(b.Context(), epoch(n, false), []directory.Entry{user(n)}))
		}
	})
	b.Run("CommitMany", func(b *testing.B) {
		s := opened(b, fresh(b)).Directory()
		for n := 0; b.Loop(); n++ {
			check(b, s.Commit(b.Context(), epoch(n, false), block(n*10_000, 10_000)))
		}
	})
	b.Run("Change", func(b *testing.B) {
		s := opened(b, fresh(b)).Auth()
		check(b, s.CreateAccount(b.Context(), account(1, ""), login(1, "k")))
		for n := uint64(0); b.Loop(); n++ {
			_, _, err := s.Try(b.Context(), "a", n, 1, 1)
			check(b, err)
		}
	})
	b.Run("ChangeAtOnce", func(b *testing.B) {
		s := opened(b, fresh(b)).Auth()
		var now atomic.Uint64
		b.SetParallelism(32)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				_, _, err := s.Try(b.Context(), "a", now.Add(1), 1, 1<<30)
				check(b, err)
			}
		})
	})
	b.Run("Users", func(b *testing.B) { benchUsers(b, fresh(b)) })
}

// benchUsers fills a database with users, each with a handle, a record and an
// account, and measures what is read of it.
func benchUsers(b *testing.B, open Open) {
	db := opened(b, open)
	for n := range users / 10_000 {
		entries := block(n*10_000, 10_000)
		for i := n * 10_000; i < (n+1)*10_000; i++ {
			e := handle(0, "user "+string(rune('a'+i%26)), "")
			e.Name, e.Label = binary.BigEndian.AppendUint32([]byte("user"), uint32(i)), sha256.Sum256(binary.BigEndian.AppendUint32([]byte("handle"), uint32(i)))
			entries = append(entries, e)
		}
		slices.SortFunc(entries, func(x, y directory.Entry) int { return bytes.Compare(x.Label[:], y.Label[:]) })
		check(b, db.Directory().Commit(b.Context(), epoch(n, false), entries))
	}
	b.Run("Leaves", func(b *testing.B) {
		for b.Loop() {
			read := 0
			check(b, db.Directory().Leaves(b.Context(), 0, users, func(directory.Leaf) error { read++; return nil }))
			if read != 2*users {
				b.Fatalf("%d leaves, want %d", read, 2*users)
			}
		}
	})
	b.Run("Latest", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			_, err := db.Directory().Latest(b.Context(), directory.NamespaceUser, user(n*7919%users).Name)
			check(b, err)
		}
	})
	b.Run("Session", func(b *testing.B) {
		s := db.Auth()
		check(b, s.CreateAccount(b.Context(), account(1, ""), auth.Login{User: id(1)}))
		check(b, s.CreateSession(b.Context(), session(1, 1)))
		for b.Loop() {
			_, err := s.Session(b.Context(), hash(1))
			check(b, err)
		}
	})
}

// user returns the first record of user n: about what one with two devices takes.
func user(n int) directory.Entry {
	e := directory.Entry{Namespace: directory.NamespaceUser, Name: make([]byte, 16), Value: make([]byte, 600)}
	binary.BigEndian.PutUint32(e.Name, uint32(n))
	e.Label = sha256.Sum256(e.Name)
	return e
}

// block returns the records of count users from first on.
func block(first, count int) []directory.Entry {
	entries := make([]directory.Entry, count)
	for i := range entries {
		entries[i] = user(first + i)
	}
	slices.SortFunc(entries, func(x, y directory.Entry) int { return bytes.Compare(x.Label[:], y.Label[:]) })
	return entries
}

// check ends a benchmark that has failed.
func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
