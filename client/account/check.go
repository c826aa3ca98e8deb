package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"conclave/client/vault"
	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

const (
	checkPrefix   = "account/check/"
	checkLifetime = account.SASLifetime
	waitForMail   = 25 * time.Second

	maxFailures = 3
	pauseMS     = 10 * 60 * 1000
)

// A role is what this device does in a comparison.
type role string

const (
	roleStart   role = "start"   // of symbols with a contact
	roleAnswer  role = "answer"  // the same, begun by the contact
	roleShow    role = "show"    // a code that a contact scans
	roleAsk     role = "ask"     // this device has no keys
	roleApprove role = "approve" // this device looks at one that has none
)

// checkDoc is a comparison as the vault keeps it.
type checkDoc struct {
	ID       string `json:"id"`
	Role     role   `json:"role"`
	User     string `json:"user"`               // the other's
	With     string `json:"with"`               // handle of a contact, name of a device
	Endpoint string `json:"endpoint,omitempty"` // the other's session, once it is known
	Phase    string `json:"phase"`
	Problem  string `json:"problem,omitempty"`
	SAS      []byte `json:"sas,omitempty"`
	QR       string `json:"qr,omitempty"`
	Request  []byte `json:"request,omitempty"`
	HandOver []byte `json:"hand_over,omitempty"` // key of the verification, until the hand-over
	Created  uint64 `json:"created"`
	Handled  uint64 `json:"handled,omitempty"` // time of the last letter, by the server's clock
	// Outbox are messages that are still to be sent. The state is stored before
	// they are: who does not answer learns nothing from an older state.
	Outbox []outgoing `json:"outbox,omitempty"`
}

// A Check is one comparison with another device. Its state is in the vault, so
// that it outlives the program for ten minutes. It may be used concurrently.
type Check struct {
	account *Account

	mu       sync.Mutex
	doc      checkDoc
	sas      *account.SAS // nil: not begun, or this is about a code
	position int          // in the mailbox
	told     string       // the phase that Wait returned last
}

// Check returns an open comparison by its id, for example after a page was
// loaded again.
func (a *Account) Check(ctx context.Context, id string) (*Check, error) {
	a.mu.Lock()
	c := a.checks[id]
	a.mu.Unlock()
	if c != nil {
		return c, nil
	}
	if identity.CheckName(id) != nil || vault.CheckKey(checkPrefix+id) != nil {
		return nil, ErrCheck
	}
	b, err := a.cfg.Vault.Get(ctx, checkPrefix+id)
	if errors.Is(err, vault.ErrMissing) {
		return nil, ErrCheck
	}
	if err != nil {
		return nil, err
	}
	defer clear(b)
	c = &Check{account: a}
	if err := json.Unmarshal(b, &c.doc); err != nil {
		return nil, fmt.Errorf("%w: a comparison", vault.ErrDamaged)
	}
	if len(c.doc.SAS) > 0 {
		if c.sas, err = account.ParseSAS(secret.New(c.doc.SAS)); err != nil {
			return nil, err
		}
	}
	if c.over(a.now()) {
		return nil, errors.Join(ErrCheck, a.cfg.Vault.Delete(ctx, checkPrefix+id))
	}
	return a.keep(c), nil
}

// Checks lists the comparisons that are open here.
func (a *Account) Checks(ctx context.Context) ([]CheckState, error) {
	keys, err := a.cfg.Vault.Keys(ctx, checkPrefix)
	if err != nil {
		return nil, err
	}
	out := []CheckState{}
	for _, k := range keys {
		c, err := a.Check(ctx, k[len(checkPrefix):])
		if errors.Is(err, ErrCheck) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, c.State())
	}
	return out, nil
}

// keep remembers a Check, or returns the one that is there already.
func (a *Account) keep(c *Check) *Check {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.checks[c.doc.ID]; old != nil {
		return old
	}
	a.checks[c.doc.ID] = c
	return c
}

// begin stores a new Check.
func (a *Account) begin(ctx context.Context, c *Check) (*Check, error) {
	c.account = a
	c.doc.Created = a.now()
	if c.doc.Phase == "" {
		c.doc.Phase = PhaseWaiting
	}
	if err := c.save(ctx); err != nil {
		return nil, err
	}
	return a.keep(c), nil
}

// beginAndSend is begin, and sends what the Check has to say first.
func (a *Account) beginAndSend(ctx context.Context, c *Check) (*Check, error) {
	c, err := a.begin(ctx, c)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, c.flush(ctx)
}

// save stores the Check, or removes it from the vault when it is over. The caller
// holds mu or is the only one who knows it.
func (c *Check) save(ctx context.Context) error {
	key := checkPrefix + c.doc.ID
	if isEnd(c.doc.Phase) {
		return errors.Join(c.close(ctx), c.account.cfg.Vault.Delete(ctx, key))
	}
	if c.sas != nil {
		v := c.sas.Encode()
		defer v.Erase()
		c.doc.SAS = slices.Clone(v.Expose())
	}
	b, err := json.Marshal(&c.doc)
	if err != nil {
		return err
	}
	defer clear(b)
	return c.account.cfg.Vault.Put(ctx, key, b)
}

// close remembers up to when the other's messages are done with: they stay in the
// mailbox, and a request among them must not be answered again.
func (c *Check) close(ctx context.Context) error {
	if c.doc.Role != roleStart && c.doc.Role != roleAnswer || c.doc.Handled == 0 {
		return nil
	}
	return c.account.update(ctx, func(s *state) error {
		p := s.person(c.doc.User)
		p.Handled = max(p.Handled, c.doc.Handled)
		return nil
	})
}

func isEnd(phase string) bool {
	switch phase {
	case PhaseDone, PhaseDiffer, PhaseCancelled, PhaseExpired:
		return true
	default:
		return false
	}
}

// over reports whether the time of the Check is over.
func (c *Check) over(now uint64) bool { return now > c.doc.Created+checkLifetime }

// State returns the state now.
func (c *Check) State() CheckState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stateLocked()
}

func (c *Check) stateLocked() CheckState {
	out := CheckState{ID: c.doc.ID, Kind: "contact", With: c.doc.With, Phase: c.doc.Phase, Problem: c.doc.Problem, QR: c.doc.QR}
	if c.doc.Role == roleAsk || c.doc.Role == roleApprove {
		out.Kind = "device"
	}
	if p := c.account.read().People[c.doc.User]; p != nil && p.Paused > c.account.now() {
		out.Paused = p.Paused
	}
	if c.sas == nil {
		return out
	}
	if emoji, ok := c.sas.Emoji(); ok {
		for _, n := range emoji {
			out.Symbols = append(out.Symbols, Symbol{n, account.EmojiNames[n]})
		}
	}
	if numbers, ok := c.sas.Decimal(); ok {
		out.Numbers = numbers
	}
	return out
}
