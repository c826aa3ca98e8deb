package account

// A Stage says how far the account on this device has come.
type Stage string

// The stages, in the order of a sign-up.
const (
	StageSignedOut   Stage = "signed-out"  // no session: sign up or sign in
	StageNoIdentity  Stage = "no-identity" // a session, and the account has no identity yet: CreateIdentity
	StageUnconfirmed Stage = "unconfirmed" // the identity is published; the recovery code was not confirmed: ConfirmRecovery
	StageNoKeys      Stage = "no-keys"     // a session without keys: another device, the recovery code, or Reset
	StageReady       Stage = "ready"
	StageRemoved     Stage = "removed" // the person removed this device
)

// Status is what there is to say about the account on this device.
type Status struct {
	Stage      Stage      `json:"stage"`
	Server     string     `json:"server,omitempty"` // origin of the directory
	User       string     `json:"user,omitempty"`   // 32 hexadecimal digits
	Handle     string     `json:"handle,omitempty"`
	Name       string     `json:"name,omitempty"`
	Device     string     `json:"device,omitempty"` // id of this device, 32 hexadecimal digits
	Version    uint32     `json:"version"`          // of the identity record
	Devices    int        `json:"devices"`
	Backup     uint64     `json:"backup"` // counter of the backup; 0: none
	Checkpoint Checkpoint `json:"checkpoint"`
	Witnesses  int        `json:"witnesses"`        // independent witnesses that confirmed the checkpoint
	Needed     int        `json:"witnesses_needed"` // by the policy that is pinned
	Alarms     int        `json:"alarms"`           // not yet dismissed
}

// Checkpoint is a state of the directory that was verified.
type Checkpoint struct {
	Size uint64 `json:"size"` // epochs
	Root string `json:"root"` // 64 hexadecimal digits
}

// Recovery is what CreateIdentity and Reset return: the words to write down, and
// which of them are asked for before it counts as done.
type Recovery struct {
	Words   []string `json:"words"`   // twelve
	Confirm [2]int   `json:"confirm"` // numbers of two words, from 1
}

// Device is a device of a person, as the identity record has it.
type Device struct {
	ID      string `json:"id"`    // 32 hexadecimal digits
	Name    string `json:"name"`  // as the person gave it
	Class   string `json:"class"` // native, web or command line
	Added   uint64 `json:"added"` // milliseconds since 1970
	AddedBy string `json:"added_by,omitempty"`
	Expires uint64 `json:"expires,omitempty"`
	Removed uint64 `json:"removed,omitempty"` // when it was removed, 0: it was not
	This    bool   `json:"this,omitempty"`
}

// Contact is a person as this account knows them. Verified is none, contact,
// emoji, qr or number; State is ok, or reset when the identity was replaced and
// must be accepted first.
type Contact struct {
	User     string   `json:"user"`
	Handle   string   `json:"handle"`
	Name     string   `json:"name"`
	Version  uint32   `json:"version"`
	Verified string   `json:"verified"`
	State    string   `json:"state"`
	Devices  []Device `json:"devices"`
	// Changes are what happened to the device list and name since MarkSeen.
	Changes []ContactChange `json:"changes,omitempty"`
}

// ContactChange is one change of a contact's identity record: added, removed,
// reset or name.
type ContactChange struct {
	Kind    string `json:"kind"`
	Version uint32 `json:"version"`
	Time    uint64 `json:"time"`             // milliseconds since 1970, by the contact's clock
	Device  string `json:"device,omitempty"` // its id
	Class   string `json:"class,omitempty"`  // of an added device
	Name    string `json:"name,omitempty"`   // of the device, or of name: the new one
}

// LookupResult is what the directory proves about a handle now.
type LookupResult struct {
	Contact
	Checkpoint Checkpoint `json:"checkpoint"`
	Witnesses  int        `json:"witnesses"`
}

// Request is a session of the person's account that asks to become a device.
type Request struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Class   string `json:"class"`
	Created uint64 `json:"created"` // milliseconds since 1970
}

// Symbol is one of the 64 drawings that people compare.
type Symbol struct {
	Number int    `json:"number"` // 0 to 63
	Name   string `json:"name"`   // in English
}

// The phases of a comparison.
const (
	PhaseWaiting   = "waiting"   // for the other side to open it
	PhaseCompare   = "compare"   // the symbols are there: Match or Differ
	PhaseMatched   = "matched"   // this side said they match; waiting for the other
	PhaseDone      = "done"      // both said so, and it is recorded
	PhaseDiffer    = "differ"    // one side said they differ, or the proof did not hold
	PhaseCancelled = "cancelled" // by either side
	PhaseExpired   = "expired"   // after ten minutes
)

// CheckState is the state of a comparison with another device.
type CheckState struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"` // contact, or device for a new device of one's own
	With    string   `json:"with"` // handle of the contact or name of the device
	Phase   string   `json:"phase"`
	Problem string   `json:"problem,omitempty"` // of an end that is not good: differ, keys, protocol or split
	Paused  uint64   `json:"paused,omitempty"`  // after three failures: until when, milliseconds since 1970
	Symbols []Symbol `json:"symbols,omitempty"` // seven
	Numbers [3]int   `json:"numbers,omitzero"`  // the same in three numbers
	QR      string   `json:"qr,omitempty"`      // what to show, for a new device
}

// SafetyNumber is a number of 60 digits that two people read to each other.
type SafetyNumber struct {
	Handle string   `json:"handle"`
	Groups []string `json:"groups"` // twelve groups of five digits
}

// Alarm is something that the directory or the server did and must not do, or
// that happened to an identity.
type Alarm struct {
	ID       string `json:"id"`               // of this alarm
	Message  string `json:"message"`          // id of the text, such as rollback
	Attack   string `json:"attack,omitempty"` // such as MS-10
	User     string `json:"user,omitempty"`
	Handle   string `json:"handle,omitempty"`
	Name     string `json:"name,omitempty"`
	Device   string `json:"device,omitempty"`    // its name
	DeviceID string `json:"device_id,omitempty"` // to remove it by
	Time     uint64 `json:"time"`                // milliseconds since 1970
	Have     uint64 `json:"have,omitempty"`      // the numbers of the text
	Want     uint64 `json:"want,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Evidence bool   `json:"evidence"` // there is a proof to export
	Ended    uint64 `json:"ended,omitempty"`
}

// Change is one thing that happened to the own identity record: created, added or
// removed.
type Change struct {
	Time   uint64 `json:"time"` // milliseconds since 1970
	Kind   string `json:"kind"`
	Device string `json:"device"` // its name
}

// Event says what to look at again: check, request, sign-in, or device for one that
// was approved and has listed itself.
type Event struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"` // of the session
}

// Session is a sign-in of the account, with keys or without.
type Session struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Device  string `json:"device,omitempty"` // empty: it has no keys and can read nothing
	Method  string `json:"method"`           // password, passkey, oidc:ID or ldap:ID
	Created uint64 `json:"created"`
	Used    uint64 `json:"used"`
	This    bool   `json:"this,omitempty"`
}

// Methods is what the server offers for signing in.
type Methods struct {
	Password     bool       `json:"password"`
	Passkey      bool       `json:"passkey"`
	OIDC         []Provider `json:"oidc"`
	LDAP         []Provider `json:"ldap"`
	Registration string     `json:"registration"` // open, invite or closed
}

// Provider is an organisation's sign-in server.
type Provider struct {
	ID   string `json:"id"`
	Name string `json:"name"` // for people
}
