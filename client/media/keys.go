package media

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"conclave/client/meeting"
	"conclave/core/sframe"
)

// leaseSize is how many frames a sealer may seal before it asks for more: at 60
// layer frames a second more than two years.
const leaseSize = 1 << 32

// A leaser hands out frame counters that are never handed out again.
type leaser func(context uint8, n uint64) (from, to uint64, err error)

// material returns what core/sframe needs of a meeting's media key.
func material(k meeting.MediaKey) sframe.KeyMaterial {
	return sframe.KeyMaterial{Suite: sframe.AES256GCMSHA512, KID: sframe.KID(k.KID), Key: k.Key, Salt: k.Salt}
}

// erase overwrites keys that are in use elsewhere by now, or not needed any more.
func erase(keys []meeting.MediaKey) {
	for _, k := range keys {
		material(k).Erase()
	}
}

// sealers holds the keys that this client sends with. Senders ask for one for
// every picture, so that they use a new epoch's key at once. It may be used
// concurrently.
type sealers struct {
	mu        sync.Mutex
	byContext map[sframe.Context]*sframe.Sealer
}

// install replaces all keys by those of an epoch, which it erases in keys. On an
// error there are none left, and nothing is sent.
func (s *sealers) install(keys meeting.Keys, lease leaser) error {
	defer erase(keys.Send)
	next := make(map[sframe.Context]*sframe.Sealer, len(keys.Send))
	err := func() error {
		for _, k := range keys.Send {
			c := sframe.Context(k.Context)
			if c == sframe.Data {
				continue // the meeting's own
			}
			from, to, err := lease(k.Context, leaseSize)
			if err != nil {
				return fmt.Errorf("leasing counters: %w", err)
			}
			if next[c], err = sframe.NewSealer(material(k), from, to); err != nil {
				return fmt.Errorf("taking over key: %w", err)
			}
		}
		return nil
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byContext = next
	if err != nil {
		s.byContext = nil
	}
	return err
}

// clear removes all keys: nothing can be sent until there are new ones.
func (s *sealers) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byContext = nil
}

// sealer returns the key for a context, or nil if there is none.
func (s *sealers) sealer(c sframe.Context) *sframe.Sealer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byContext[c]
}

// A keyring holds the keys that this client receives with: those of the current
// epoch and, for a while, those before. It belongs to one goroutine.
type keyring struct {
	opener  *sframe.Opener
	first   sframe.Epoch // of this client's membership; 0 before there is one
	newest  sframe.Epoch
	current []sframe.KID
	retired []retiredKeys
}

type retiredKeys struct {
	until time.Time
	kids  []sframe.KID
}

// maxRetired bounds the epochs before the current one that still open frames.
// Several joins in a row make several epochs in the time one is kept.
const maxRetired = 4

func newKeyring() *keyring { return &keyring{opener: sframe.NewOpener()} }

// install makes the keys of a new epoch current, and erases them in keys. A key
// takes the place of whatever its key id had before.
func (r *keyring) install(now time.Time, keys meeting.Keys) error {
	defer erase(keys.Receive)
	epoch := sframe.Epoch(keys.Epoch)
	if epoch != r.newest && len(r.current) > 0 {
		r.retired = append(r.retired, retiredKeys{now.Add(keys.PreviousFor), r.current})
		r.current = nil
	}
	r.expire(now)
	if len(r.retired) > maxRetired {
		r.dropOldest()
	}
	r.newest = epoch
	if r.first == 0 {
		r.first = epoch
	}
	for _, k := range keys.Receive {
		m := material(k)
		r.remove(m.KID)
		if err := r.opener.Add(m); err != nil {
			return fmt.Errorf("taking over key: %w", err)
		}
		r.current = append(r.current, m.KID)
	}
	return nil
}

// remove forgets a key id, of whichever epoch.
func (r *keyring) remove(kid sframe.KID) {
	if !r.opener.Has(kid) {
		return
	}
	r.opener.Remove(kid)
	is := func(k sframe.KID) bool { return k == kid }
	r.current = slices.DeleteFunc(r.current, is)
	for i := range r.retired {
		r.retired[i].kids = slices.DeleteFunc(r.retired[i].kids, is)
	}
}

// expire removes the keys whose time is over.
func (r *keyring) expire(now time.Time) {
	for len(r.retired) > 0 && !now.Before(r.retired[0].until) {
		r.dropOldest()
	}
}

// dropOldest removes the keys of the oldest retired epoch. A key id has only the
// lowest four bits of its epoch, but one that means a newer epoch as well would
// have to be sixteen epochs old, and maxRetired is less.
func (r *keyring) dropOldest() {
	for _, kid := range r.retired[0].kids {
		r.opener.Remove(kid)
	}
	r.retired = r.retired[1:]
}

// isBeforeUs reports whether a key id without a key belongs to an epoch before
// this client came: its key can never come. Which of two epochs is older is told
// by the four bits of the key id, half of them back and half ahead.
func (r *keyring) isBeforeUs(epoch sframe.Epoch) bool {
	back := (r.first - epoch) % 16
	return r.first != 0 && back >= 1 && back <= 7 && r.newest-r.first < 8
}
