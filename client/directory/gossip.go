package directory

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"conclave/api"
	"conclave/client/remote"
	"conclave/core/identity"
	"conclave/core/keytrans"
)

// A GossipHead is a checkpoint as people tell each other: in invites, QR codes,
// the comparison of symbols and later in every group.
type GossipHead struct {
	Origin string
	Size   uint64
	Root   keytrans.Hash
	// Note is the signed checkpoint, where there is room for it. With it a split
	// can be proven to others.
	Note []byte
}

// ErrGossip says that a head is of another server, or that its note is not what
// its log signed. That says nothing about the server; who sent it is wrong or
// lies.
var ErrGossip = errors.New("directory: this checkpoint is not of this server: compare the addresses")

// maxGossipTries is how often the server may fail to join two heads that it has
// both published before that is taken for a refusal.
const maxGossipTries = 3

// A waitingHead is a head that could not be compared yet.
type waitingHead struct {
	From     identity.UserID
	Head     GossipHead
	Received uint64 // milliseconds since 1970
	Tries    int
	Good     uint64 // answers accepted before the last try
}

// Head returns the newest checkpoint that was verified; Size is 0 if there is none.
func (c *Client) Head() GossipHead {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.head()
}

func (c *Client) head() GossipHead {
	if c.state.Head == nil || c.site.Pin == nil {
		return GossipHead{}
	}
	h := c.state.Head
	return GossipHead{Origin: c.site.Pin.Keys.Origin, Size: h.Size, Root: h.Root, Note: slices.Clone(h.Note)}
}

// Gossip compares what from was told with what this device was told. If no proof
// joins the two the error is an *AlarmError split. If the server does not answer,
// or has not come so far yet, the head is kept and compared later, by Monitor:
// that is no error. A head of another server, or one whose note the log did not
// sign, is [ErrGossip]. from may be zero.
func (c *Client) Gossip(ctx context.Context, from identity.UserID, theirs GossipHead) error {
	if theirs.Size == 0 {
		return nil
	}
	if err := c.trust(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	v, origin := c.verifier, c.site.Pin.Keys.Origin
	c.mu.Unlock()
	if theirs.Origin != origin {
		return ErrGossip
	}
	if len(theirs.Note) > 0 {
		cp, err := v.OpenCheckpoint(theirs.Note)
		if err != nil || cp.Size != theirs.Size || cp.Root != theirs.Root {
			return ErrGossip
		}
	}
	w := waitingHead{From: from, Head: theirs, Received: c.now()}
	done, err := c.compareHead(ctx, &w)
	if err != nil || done {
		return err
	}
	return c.keepHead(ctx, w)
}

// keepHead stores a head to be compared later.
func (c *Client) keepHead(ctx context.Context, w waitingHead) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	site := c.site
	site.Heads = append(slices.Clone(site.Heads), w)
	if n := len(site.Heads); n > maxHeads {
		site.Heads = site.Heads[n-maxHeads:]
	}
	return c.putSite(ctx, site)
}

// compareHeads compares the oldest heads that wait.
func (c *Client) compareHeads(ctx context.Context, m *monitoring) error {
	c.mu.Lock()
	waiting := slices.Clone(c.site.Heads)
	c.mu.Unlock()
	for i := range waiting[:min(maxCompared, len(waiting))] {
		w := waiting[i]
		done, err := c.compareHead(ctx, &w)
		if _, alarm := errors.AsType[*AlarmError](err); err != nil && !alarm {
			return err
		}
		if err := errors.Join(m.add(err), c.replaceHead(ctx, &waiting[i], &w, done)); err != nil {
			return err
		}
	}
	return nil
}

// replaceHead takes a head that was compared from those that wait, or counts the
// try.
func (c *Client) replaceHead(ctx context.Context, old, now *waitingHead, done bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.site.Heads, func(w waitingHead) bool {
		return w.From == old.From && w.Head.Size == old.Head.Size && w.Head.Root == old.Head.Root
	})
	if i < 0 {
		return nil
	}
	site := c.site
	site.Heads = slices.Delete(slices.Clone(site.Heads), i, i+1)
	if !done { // to the end: the next ones get their turn
		site.Heads = append(site.Heads, *now)
	}
	return c.putSite(ctx, site)
}

// compareHead compares one head with the newest own one. done is false if the
// server could not be asked or cannot say yet.
func (c *Client) compareHead(ctx context.Context, w *waitingHead) (done bool, err error) {
	c.mu.Lock()
	ours, v := c.head(), c.verifier
	c.mu.Unlock()
	if ours.Size == 0 {
		return false, nil
	}
	low, high := w.Head, ours
	if low.Size > high.Size {
		low, high = high, low
	}
	var proof []keytrans.Hash
	if low.Size != high.Size {
		b, err := c.server.Consistency(ctx, low.Size, high.Size)
		if err != nil {
			return c.noProof(ctx, w, &ours, err)
		}
		if proof, err = keytrans.ParseHashes(b); err != nil {
			proof = nil // a proof that does not parse joins nothing
		}
	}
	cause := gossip(v, &low, &high, proof)
	if cause == nil {
		return true, nil
	}
	return true, c.split(ctx, w, &ours, cause)
}

// gossip judges two heads and the proof between them.
func gossip(v *keytrans.Verifier, low, high *GossipHead, proof []keytrans.Hash) error {
	if len(low.Note) > 0 && len(high.Note) > 0 {
		return v.Gossip(low.Note, high.Note, proof)
	}
	from := keytrans.Checkpoint{Size: low.Size, Root: low.Root}
	return keytrans.VerifyConsistency(from, keytrans.Checkpoint{Size: high.Size, Root: high.Root}, proof)
}

// maxBehind is how long a server may take to come as far as a head whose signature
// is not at hand: an hour, in milliseconds. One that is signed was published.
const maxBehind = 3_600_000

// noProof handles a server that gives no proof. While it need not know the head,
// or does not answer anything, that says nothing; after that it is refusing.
func (c *Client) noProof(ctx context.Context, w *waitingHead, ours *GossipHead, cause error) (done bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	for _, passing := range []error{remote.ErrUnreachable, &api.HTTPError{Code: api.CodeBusy}, &api.HTTPError{Code: api.CodeSlowDown}} {
		if errors.Is(cause, passing) {
			return false, nil
		}
	}
	c.mu.Lock()
	good, at := c.good, c.state.Head.Time
	c.mu.Unlock()
	if w.Head.Size > ours.Size && len(w.Head.Note) == 0 && at < w.Received+maxBehind || good == w.Good {
		return false, nil
	}
	w.Good = good
	if w.Tries++; w.Tries < maxGossipTries {
		return false, nil
	}
	return true, c.split(ctx, w, ours, fmt.Errorf("the server does not join them: %w", cause))
}

// split raises the alarm of two heads that nothing joins.
func (c *Client) split(ctx context.Context, w *waitingHead, ours *GossipHead, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := (&question{kind: keytrans.ByUser}).refusal(cause)
	f.ID, f.Attack, f.User, f.subject = IDSplit, "MS-11", w.From, ""
	f.Detail = fmt.Sprintf("no proof joins the log of %d epochs to that of %d", w.Head.Size, ours.Size)
	if f.evidence == nil {
		f.evidence = &Evidence{}
	}
	f.evidence.Claims = []Claim{claim("", ours), claim(w.From.String(), &w.Head)}
	return c.raiseLocked(ctx, f)
}

func claim(from string, h *GossipHead) Claim {
	return Claim{From: from, Size: h.Size, Root: hex.EncodeToString(h.Root[:]), Note: h.Note}
}
