package media

import (
	"bytes"
	"context"
	"testing"
	"time"

	"conclave/client/meeting"
	"conclave/core/secret"
	"conclave/core/sframe"
)

// epochKeys returns the keys of an epoch, from a base key of its own.
func epochKeys(t *testing.T, epoch uint64) meeting.Keys {
	t.Helper()
	base := secret.New(bytes.Repeat([]byte{byte(epoch)}, 32))
	keys := meeting.Keys{Epoch: epoch, Self: robot, PreviousFor: 10 * time.Second}
	for _, sender := range []meeting.Index{robot, other} {
		for _, c := range []sframe.Context{sframe.Microphone, sframe.Camera, sframe.Screen, sframe.ScreenAudio} {
			m, err := sframe.DeriveKey(sframe.AES256GCMSHA512, sframe.NewKID(c, sframe.SenderIndex(sender), sframe.Epoch(epoch)), base)
			if err != nil {
				t.Fatal(err)
			}
			k := meeting.MediaKey{Index: sender, Context: uint8(c), KID: uint64(m.KID), Key: m.Key, Salt: m.Salt}
			keys.Receive = append(keys.Receive, k)
			if sender == robot {
				keys.Send = append(keys.Send, k)
			}
		}
	}
	return keys
}

func TestSealers(t *testing.T) {
	s := &sealers{}
	if s.sealer(sframe.Camera) != nil {
		t.Error("a key before there is one")
	}
	next := uint64(0)
	lease := func(_ uint8, n uint64) (uint64, uint64, error) {
		next += n
		return next - n, next, nil
	}
	if err := s.install(epochKeys(t, 7), lease); err != nil {
		t.Fatal(err)
	}
	first := s.sealer(sframe.Camera)
	if err := s.install(epochKeys(t, 8), lease); err != nil {
		t.Fatal(err)
	}
	if second := s.sealer(sframe.Camera); second == first || second.KID() == first.KID() {
		t.Error("the key of the epoch before is still used")
	}
	if s.sealer(sframe.Screen) == nil || s.sealer(sframe.Data) != nil {
		t.Error("keys of the wrong contexts")
	}
	broken := func(uint8, uint64) (uint64, uint64, error) { return 0, 0, meeting.ErrAway }
	if err := s.install(epochKeys(t, 9), broken); err == nil || s.sealer(sframe.Camera) != nil {
		t.Errorf("after an install that failed (%v) an old key is still used", err)
	}
	if err := s.install(epochKeys(t, 9), lease); err != nil {
		t.Fatal(err)
	}
	s.clear()
	if s.sealer(sframe.Microphone) != nil {
		t.Error("a key after clear")
	}
}

// Keys that were taken away open nothing more, also where they wait to be put in.
func TestKeysAreTakenAway(t *testing.T) {
	b := newBench(t).announced()
	b.keys(epochKeys(t, 6))
	b.keys(epochKeys(t, 7))
	waiting := newKeys{epochKeys(t, 8), b.opener.revoked.Load()}
	b.opener.revoke()
	b.arrive("0", b.seal(7, robot, sframe.Camera, "a"))
	b.arrive("0", b.seal(6, robot, sframe.Camera, "b"))
	b.put(waiting)
	b.arrive("0", b.seal(8, robot, sframe.Camera, "c"))
	b.wait(holdFor)
	b.want("keys that are gone", "[]", 0)
	b.wantErased(waiting.keys.Receive)
	b.keys(epochKeys(t, 9))
	b.arrive("0", b.seal(9, robot, sframe.Camera, "d"))
	b.want("new keys", "[d]", 0)
}

// When the meeting takes the keys away, nothing is sealed, opened or kept any more.
func TestKeysGone(t *testing.T) {
	var shown []byte
	p, err := New(Config{OnEvent: func(o meeting.Output) {
		if k, ok := o.(meeting.Keys); ok {
			shown = bytes.Clone(k.Receive[0].Key.Expose())
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	lease := func(uint8, uint64) (uint64, uint64, error) { return 0, 1, nil }
	if err := p.keys.install(epochKeys(t, 7), lease); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	p.subscriber = &subscriber{opener: b.opener}
	waiting := epochKeys(t, 7)
	p.lastKeys = waiting
	if _, err := p.handle(meeting.KeysGone{}); err != nil {
		t.Fatal(err)
	}
	if p.keys.sealer(sframe.Camera) != nil || p.lastKeys.Epoch != 0 || b.opener.revoked.Load() != 1 {
		t.Errorf("sealer %v, last keys of epoch %d, revoked %d times",
			p.keys.sealer(sframe.Camera), p.lastKeys.Epoch, b.opener.revoked.Load())
	}
	b.wantErased(waiting.Receive)

	p.subscriber = nil // keys wait for one
	keys := epochKeys(t, 8)
	keys.Send = nil
	want := bytes.Clone(keys.Receive[0].Key.Expose())
	if _, err := p.handle(keys); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shown, want) || !bytes.Equal(p.lastKeys.Receive[0].Key.Expose(), want) {
		t.Error("keys are erased before they are shown, or before they are used")
	}
	if _, err := p.handle(meeting.Keys{Epoch: 9, Receive: epochKeys(t, 9).Receive}); err != nil {
		t.Fatal(err)
	}
	b.wantErased(keys.Receive)
}

func (b *bench) wantErased(keys []meeting.MediaKey) {
	b.t.Helper()
	for _, k := range keys {
		if !bytes.Equal(k.Key.Expose(), make([]byte, 32)) || !bytes.Equal(k.Salt.Expose(), make([]byte, 12)) {
			b.t.Fatalf("key id %#x is not erased", k.KID)
		}
	}
}

// Keys are erased once they are where they are used, or when nobody will.
func TestKeysAreErased(t *testing.T) {
	b := newBench(t).announced()
	keys := epochKeys(t, 7)
	b.keys(keys)
	b.wantErased(keys.Receive)
	lease := func(uint8, uint64) (uint64, uint64, error) { return 0, 1, nil }
	keys = epochKeys(t, 8)
	if err := new(sealers).install(keys, lease); err != nil {
		t.Fatal(err)
	}
	b.wantErased(keys.Send)

	keys = epochKeys(t, 9)
	b.opener.putKeys(t.Context(), keys)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b.opener.run(ended)
	b.wantErased(keys.Receive)
	b.opener.inbox = nil // nobody takes anything
	keys = epochKeys(t, 10)
	b.opener.putKeys(ended, keys)
	b.wantErased(keys.Receive)
}

// A key id that is held means what came last, also after what came before has
// expired.
func TestKeyIsReplaced(t *testing.T) {
	b := newBench(t).announced()
	before := epochKeys(t, 16+7) // its key ids are those of epoch 7
	before.PreviousFor = time.Second
	b.keys(before)
	b.keys(epochKeys(t, 7))
	b.arrive("0", b.seal(7, robot, sframe.Camera, "a"))
	b.want("the key that came last", "[a]", 0)
	b.wait(20 * time.Second)
	b.arrive("0", b.seal(7, robot, sframe.Camera, "b"))
	b.want("after the one before has expired", "[b]", 0)
}
