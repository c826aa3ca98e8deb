package session_test

import (
	"crypto/rand"
	"fmt"
	"testing"

	"conclave/core/session"
)

func BenchmarkGenerateDevice(b *testing.B) {
	link := newLink(b)
	for b.Loop() {
		newDevice(b, link, "Ada")
	}
}

func BenchmarkEpoch(b *testing.B) {
	for _, n := range []int{2, 50} {
		m := newMeeting(b, n)
		b.Run(fmt.Sprintf("Commit/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := m.groups[0].Commit(rand.Reader, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		p := m.propose(b, 0, nil, nil)
		b.Run(fmt.Sprintf("Process/%d", n), func(b *testing.B) {
			g := m.groups[1]
			for b.Loop() {
				if _, err := g.Process(p.Header(), p.Sealed()[hashOf(g)], m.lookup); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("SealOpenData/%d", n), func(b *testing.B) {
			for b.Loop() {
				sealed := sealData(b, m.groups[0], session.Message{Kind: session.Chat, SentAt: epochStart, Text: "hello"})
				if _, err := m.groups[1].OpenData(sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
