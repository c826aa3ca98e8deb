package account

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"conclave/client/directory"
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

// outgoing is a message to a user or a session.
type outgoing struct {
	To   string `json:"to"`
	Kind kind   `json:"kind"`
	Body []byte `json:"body"`
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

// Wait returns the next state that differs from the last one that Wait returned,
// or the same one after about 25 seconds without news. Call it in a loop until
// the phase is an end: done, differ, cancelled or expired.
func (c *Check) Wait(ctx context.Context) (CheckState, error) {
	c.mu.Lock()
	position := c.position
	news := c.doc.Phase != c.told
	c.mu.Unlock()
	letters, next := c.account.mail.since(position)
	if !news && len(letters) == 0 {
		var err error
		letters, next, err = c.account.mail.next(ctx, position, waitForMail)
		if err != nil {
			return c.State(), err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.position != position {
		letters = nil // another Wait has handled them
	}
	if err := c.catchUp(ctx); err != nil {
		return c.stateLocked(), err
	}
	for i := range letters {
		if isEnd(c.doc.Phase) {
			break
		}
		if err := c.handle(ctx, &letters[i]); err != nil {
			return c.stateLocked(), err
		}
		c.position = next - len(letters) + i + 1
	}
	if !isEnd(c.doc.Phase) && c.over(c.account.now()) {
		c.doc.Phase = PhaseExpired
		if err := c.save(ctx); err != nil {
			return c.stateLocked(), err
		}
	}
	c.told = c.doc.Phase
	return c.stateLocked(), nil
}

// catchUp does what an earlier call could not: send messages, and finish what
// both sides have agreed on.
func (c *Check) catchUp(ctx context.Context) error {
	if c.sas != nil && c.sas.State() == account.SASDone && !isEnd(c.doc.Phase) && len(c.doc.HandOver) == 0 {
		return c.settle(ctx)
	}
	return c.flush(ctx)
}

// handle takes one letter, which may be for somebody else.
func (c *Check) handle(ctx context.Context, l *letter) error {
	if l.news != "" || l.from != c.doc.User {
		return nil
	}
	c.doc.Handled = max(c.doc.Handled, l.time)
	switch c.doc.Role {
	case roleShow:
		return c.handleScanned(ctx, l)
	case roleAsk:
		return c.handleAsking(ctx, l)
	case roleApprove:
		return c.handleApproving(ctx, l)
	default:
		return c.handleContact(ctx, l)
	}
}

// handleSAS gives a letter to the comparison of symbols that goes on.
func (c *Check) handleSAS(ctx context.Context, l *letter) error {
	if l.kind != kindSAS || c.sas == nil || c.doc.Endpoint != "" && c.doc.Endpoint != l.endpoint {
		return nil
	}
	reply, err := c.sas.Handle(l.body, c.account.now())
	if errors.Is(err, account.ErrSASOther) || errors.Is(err, account.ErrSASReplay) {
		return nil
	}
	if err == nil {
		c.doc.Endpoint = l.endpoint
	}
	if reply != nil {
		c.queue(l.endpoint, kindSAS, reply)
	}
	return c.settle(ctx)
}

// settle brings the phase to where the comparison of symbols stands, does what
// its end asks for, stores it, and sends what is to be sent.
func (c *Check) settle(ctx context.Context) error {
	return errors.Join(c.advance(ctx), c.save(ctx), c.flush(ctx))
}

func (c *Check) advance(ctx context.Context) error {
	switch c.sas.State() {
	case account.SASWaiting:
	case account.SASShowing:
		c.doc.Phase = PhaseCompare
	case account.SASMatched:
		c.doc.Phase = PhaseMatched
	case account.SASDone:
		result, err := c.sas.Result()
		if err != nil {
			return err
		}
		return c.proven(ctx, result)
	case account.SASFailed:
		cause := c.sas.Err()
		if v, err := c.sas.Result(); v != nil && errors.Is(err, account.ErrSplit) {
			cause = errors.Join(cause, c.account.gossip(ctx, v)) // what it was told is proven
		}
		return c.failed(ctx, cause)
	}
	return nil
}

// queue puts a message into the outbox.
func (c *Check) queue(to string, k kind, body []byte) {
	c.doc.Outbox = append(c.doc.Outbox, outgoing{to, k, body})
}

// flush sends what is in the outbox, after it was stored.
func (c *Check) flush(ctx context.Context) error {
	if len(c.doc.Outbox) == 0 {
		return nil
	}
	for len(c.doc.Outbox) > 0 {
		o := &c.doc.Outbox[0]
		if err := c.account.post(ctx, o.To, o.Kind, o.Body); err != nil {
			return err
		}
		c.doc.Outbox = c.doc.Outbox[1:]
	}
	return c.save(ctx)
}

// proven does what follows when both sides have proven who they are.
func (c *Check) proven(ctx context.Context, v *account.Verified) error {
	if err := c.account.gossip(ctx, v); err != nil {
		return c.failed(ctx, err)
	}
	switch c.doc.Role { // a new device waits for the keys; the others are done
	case roleAsk:
		c.doc.Phase = PhaseMatched // until the keys come
		c.doc.HandOver = slices.Clone(v.HandOver.Expose())
		return nil
	case roleApprove:
		return c.handOver(ctx, v)
	default:
		if err := c.account.verified(ctx, v); err != nil {
			return err
		}
		c.doc.Phase = PhaseDone
		return nil
	}
}

// failed ends the Check for a reason, counts it against the contact and, where
// somebody may stand between, raises an alarm.
func (c *Check) failed(ctx context.Context, cause error) error {
	c.doc.Phase, c.doc.Problem = PhaseDiffer, problemOf(cause)
	switch c.doc.Problem {
	case problemCancelled:
		c.doc.Phase = PhaseCancelled
	case problemExpired:
		c.doc.Phase = PhaseExpired
	}
	if err := c.save(ctx); err != nil {
		return err
	}
	if c.doc.Phase != PhaseDiffer {
		return nil
	}
	err := c.account.update(ctx, func(s *state) error {
		p := s.person(c.doc.User)
		if p.Failures++; p.Failures >= maxFailures {
			p.Failures, p.Paused = 0, c.account.now()+pauseMS
		}
		return nil
	})
	if err != nil {
		return err
	}
	if raised := new(directory.AlarmError); errors.As(cause, &raised) {
		return nil // the directory has stored that one
	}
	user, err := identity.ParseUserID(c.doc.User)
	if err != nil {
		return err
	}
	x := directory.Alarm{ID: "differ", Attack: "MS-01", User: user, Handle: c.doc.With, Detail: cause.Error()}
	if c.doc.Problem == problemSplit {
		x.ID, x.Attack = directory.IDSplit, "MS-11"
	}
	_, err = c.account.dir.Raise(ctx, x, c.doc.ID, c.evidence())
	return err
}

// evidence returns the messages of the comparison; they hold no secret.
func (c *Check) evidence() []byte {
	if c.sas == nil {
		return nil
	}
	b, err := json.Marshal(struct {
		Format   string   `json:"format"`
		Messages [][]byte `json:"messages"`
	}{"conclave comparison 1", c.sas.Transcript()})
	if err != nil {
		return nil
	}
	return b
}

// Problems of a comparison that did not end well.
const (
	problemDiffer    = "differ"    // a person said so
	problemKeys      = "keys"      // the symbols match and the keys do not
	problemProtocol  = "protocol"  // somebody broke the rules of the comparison
	problemSplit     = "split"     // the two are shown different directories
	problemCancelled = "cancelled" // one side ended it
	problemExpired   = "expired"
)

func problemOf(err error) string {
	a := new(directory.AlarmError)
	switch {
	case errors.Is(err, account.ErrSASCancelled):
		return problemCancelled
	case errors.Is(err, account.ErrSASExpired):
		return problemExpired
	case errors.Is(err, account.ErrSASDiffer):
		return problemDiffer
	case errors.Is(err, account.ErrSASKeys), errors.Is(err, account.ErrQRPeer), errors.Is(err, account.ErrQROwn):
		return problemKeys
	case errors.Is(err, account.ErrSplit), errors.As(err, &a):
		return problemSplit
	default:
		return problemProtocol
	}
}

// Match says that the person saw the same symbols.
func (c *Check) Match(ctx context.Context) (CheckState, error) { return c.confirm(ctx, true) }

// Differ says that the symbols differ, which is an alarm.
func (c *Check) Differ(ctx context.Context) (CheckState, error) { return c.confirm(ctx, false) }

func (c *Check) confirm(ctx context.Context, match bool) (CheckState, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sas == nil || c.doc.Phase != PhaseCompare {
		return c.stateLocked(), ErrCheck
	}
	message, err := c.sas.Confirm(match)
	if errors.Is(err, account.ErrSASState) {
		return c.stateLocked(), ErrCheck
	}
	if message != nil {
		c.queue(c.doc.Endpoint, kindSAS, message)
	}
	err = c.settle(ctx)
	c.told = c.doc.Phase
	return c.stateLocked(), err
}

// Cancel ends the comparison.
func (c *Check) Cancel(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isEnd(c.doc.Phase) {
		return nil
	}
	if c.sas != nil && c.doc.Endpoint != "" {
		if message := c.sas.Cancel(); message != nil {
			c.queue(c.doc.Endpoint, kindSAS, message)
		}
	}
	c.doc.Phase, c.doc.Problem = PhaseCancelled, problemCancelled
	return errors.Join(c.save(ctx), c.flush(ctx))
}

// post sends a message to a user or a session.
func (a *Account) post(ctx context.Context, to string, k kind, body []byte) error {
	b, err := envelope{k, body}.encode()
	if err != nil {
		return err
	}
	return a.server.PostMail(ctx, to, b)
}

func txnID(txn [16]byte) string { return hex.EncodeToString(txn[:]) }

// checkpoint returns the newest one of this device, for comparing.
func (a *Account) checkpoint() account.Checkpoint {
	h := a.dir.Head()
	return account.Checkpoint{Origin: account.OriginHash(h.Origin), Size: h.Size, Root: h.Root}
}

// gossip compares the other side's checkpoint with what this device was shown.
// Only a proven split is an error.
func (a *Account) gossip(ctx context.Context, v *account.Verified) error {
	h := a.dir.Head()
	if v.Checkpoint.Size == 0 {
		return nil
	}
	if v.Checkpoint.Origin != account.OriginHash(h.Origin) {
		return fmt.Errorf("%w: the other side has pinned another directory", account.ErrSplit)
	}
	err := a.dir.Gossip(ctx, v.Peer.User, directory.GossipHead{Origin: h.Origin, Size: v.Checkpoint.Size, Root: v.Checkpoint.Root})
	alarm := new(directory.AlarmError)
	if errors.As(err, &alarm) && alarm.Alarm.ID == directory.IDSplit {
		return err
	}
	return nil
}
