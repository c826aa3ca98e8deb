package account

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"conclave/client/vault"
)

// Config is what an Account stands on.
type Config struct {
	Vault      vault.Store
	Class      string           // native, web or command line
	DeviceName string           // name of this device for the list, 1 to 64 bytes
	Now        func() time.Time // nil: time.Now
}

// An Account is a person's account on one device. It may be used concurrently.
type Account struct{ cfg Config }

var errUnfinished = errors.New("account: not built yet")

// Open returns the account that the vault holds, which may be none yet. It asks
// the server nothing.
func Open(_ context.Context, cfg Config) (*Account, error) { return &Account{cfg}, nil }

// Status says how far the account has come, from the vault alone.
func (a *Account) Status(context.Context) (Status, error) { return Status{}, errUnfinished }

// Refresh looks the own identity up in the directory and returns the new Status.
func (a *Account) Refresh(context.Context) (Status, error) { return Status{}, errUnfinished }

// Methods asks the server how one may sign in.
func (a *Account) Methods(context.Context) (Methods, error) { return Methods{}, errUnfinished }

// SignUpPassword makes an account under a password; the session is kept.
func (a *Account) SignUpPassword(_ context.Context, handle, name, password string) (Status, error) {
	return Status{}, errUnfinished
}

// SignInPassword signs in to an account with its password.
func (a *Account) SignInPassword(_ context.Context, handle, password string) (Status, error) {
	return Status{}, errUnfinished
}

// SignInLDAP signs in with a name and password of the organisation's directory.
// The first sign-in makes the account.
func (a *Account) SignInLDAP(_ context.Context, username, password string) (Status, error) {
	return Status{}, errUnfinished
}

// BeginPasskeySignUp returns the options for the browser's
// navigator.credentials.create.
func (a *Account) BeginPasskeySignUp(_ context.Context, handle, name string) (json.RawMessage, error) {
	return nil, errUnfinished
}

// FinishPasskeySignUp takes the browser's answer. prf is the result of the prf
// extension, which never leaves this device; empty if there is none.
func (a *Account) FinishPasskeySignUp(_ context.Context, answer json.RawMessage, prf []byte) (Status, error) {
	return Status{}, errUnfinished
}

// BeginPasskeySignIn returns the options for navigator.credentials.get. An empty
// handle lets the browser offer what it has.
func (a *Account) BeginPasskeySignIn(_ context.Context, handle string) (json.RawMessage, error) {
	return nil, errUnfinished
}

// FinishPasskeySignIn takes the browser's answer, as FinishPasskeySignUp does.
func (a *Account) FinishPasskeySignIn(_ context.Context, answer json.RawMessage, prf []byte) (Status, error) {
	return Status{}, errUnfinished
}

// BeginOIDC returns the address that the person opens in a browser to sign in at
// an identity provider.
func (a *Account) BeginOIDC(_ context.Context, provider string) (url string, err error) {
	return "", errUnfinished
}

// FinishOIDC waits until the person has signed in there.
func (a *Account) FinishOIDC(context.Context) (Status, error) { return Status{}, errUnfinished }

// SignOut ends the session. The keys of this device stay in the vault, and a
// later sign-in to the same account goes on with them.
func (a *Account) SignOut(context.Context) error { return errUnfinished }

// Sessions lists the account's sign-ins.
func (a *Account) Sessions(context.Context) ([]Session, error) { return nil, errUnfinished }

// EndSession ends another sign-in of the account.
func (a *Account) EndSession(_ context.Context, id string) error { return errUnfinished }

// CreateIdentity makes the keys of the account and of this device, publishes the
// first identity record and verifies it in the directory, and stores the backup.
// handle and name are needed where the sign-in did not give them. It may be
// called again until ConfirmRecovery was: then it returns the same words.
func (a *Account) CreateIdentity(_ context.Context, handle, name string) (Recovery, error) {
	return Recovery{}, errUnfinished
}

// ConfirmRecovery takes the two words that Recovery asked for. Then the words
// are erased from this device and the account is ready.
func (a *Account) ConfirmRecovery(_ context.Context, words [2]string) (Status, error) {
	return Status{}, errUnfinished
}

// Devices lists the devices of the account, with those that were removed.
func (a *Account) Devices(context.Context) ([]Device, error) { return nil, errUnfinished }

// RequestDevice asks the account's other devices to let this one in. The Check
// it returns holds what a QR code shows, and the symbols once an old device
// answers by emoji. When it is done this device has its keys.
func (a *Account) RequestDevice(context.Context) (*Check, error) { return nil, errUnfinished }

// Requests lists the sessions that ask to become a device of this account.
func (a *Account) Requests(context.Context) ([]Request, error) { return nil, errUnfinished }

// Approve begins the comparison by emoji with the device of a request. When both
// sides said that the symbols match, the device is added.
func (a *Account) Approve(_ context.Context, request string) (*Check, error) {
	return nil, errUnfinished
}

// ApproveQR adds the device whose QR code was scanned.
func (a *Account) ApproveQR(_ context.Context, text string) (Device, error) {
	return Device{}, errUnfinished
}

// Refuse deletes a request.
func (a *Account) Refuse(_ context.Context, request string) error { return errUnfinished }

// Revoke removes a device from the account.
func (a *Account) Revoke(_ context.Context, device string) error { return errUnfinished }

// Recover gives this device its keys by the recovery code.
func (a *Account) Recover(_ context.Context, words string) (Status, error) {
	return Status{}, errUnfinished
}

// Reset replaces the identity when every device and the code are lost. All
// contacts are told, and every verification is gone. It needs a sign-in younger
// than ten minutes.
func (a *Account) Reset(context.Context) (Recovery, error) { return Recovery{}, errUnfinished }

// Contacts lists the people this account knows.
func (a *Account) Contacts(context.Context) ([]Contact, error) { return nil, errUnfinished }

// AddContact looks a handle up and keeps what the directory proved.
func (a *Account) AddContact(_ context.Context, handle string) (Contact, error) {
	return Contact{}, errUnfinished
}

// Lookup asks the directory for a handle and verifies the answer.
func (a *Account) Lookup(_ context.Context, handle string) (LookupResult, error) {
	return LookupResult{}, errUnfinished
}

// AcceptReset takes the new identity of a contact, not verified.
func (a *Account) AcceptReset(_ context.Context, handle string) (Contact, error) {
	return Contact{}, errUnfinished
}

// Invite returns a link that tells the server's identity, its witnesses and this
// person's identity key.
func (a *Account) Invite(context.Context) (link string, err error) { return "", errUnfinished }

// UseInvite pins what a link says before anything is asked of the server. It
// returns the user who invited.
func (a *Account) UseInvite(_ context.Context, link string) (inviter string, err error) {
	return "", errUnfinished
}

// VerifyEmoji begins the comparison of symbols with a contact, or takes part in
// the one that the contact began.
func (a *Account) VerifyEmoji(_ context.Context, handle string) (*Check, error) {
	return nil, errUnfinished
}

// Incoming lists the comparisons that contacts began and nobody answered here.
func (a *Account) Incoming(context.Context) ([]CheckState, error) { return nil, errUnfinished }

// SafetyNumber returns the number to read to a contact.
func (a *Account) SafetyNumber(_ context.Context, handle string) (SafetyNumber, error) {
	return SafetyNumber{}, errUnfinished
}

// ConfirmNumber records that the contact's number was the same.
func (a *Account) ConfirmNumber(_ context.Context, handle string) (Contact, error) {
	return Contact{}, errUnfinished
}

// ShowQR returns the code that a contact scans. The Check is done when they did.
func (a *Account) ShowQR(_ context.Context, handle string) (QR, *Check, error) {
	return QR{}, nil, errUnfinished
}

// ScanQR takes the code that a contact shows, which verifies both sides.
func (a *Account) ScanQR(_ context.Context, handle, text string) (Contact, error) {
	return Contact{}, errUnfinished
}

// Monitor checks what the directory said about this account and its contacts
// since the last time, and returns what is new.
func (a *Account) Monitor(context.Context) ([]Alarm, error) { return nil, errUnfinished }

// Alarms lists the alarms that were not dismissed.
func (a *Account) Alarms(context.Context) ([]Alarm, error) { return nil, errUnfinished }

// DismissAlarm takes an alarm from the list; its evidence stays.
func (a *Account) DismissAlarm(_ context.Context, id string) error { return errUnfinished }

// Evidence returns the proof of an alarm as a file for conclave audit --evidence.
func (a *Account) Evidence(_ context.Context, id string) ([]byte, error) { return nil, errUnfinished }

// A Check is one comparison with another device, in both directions. Its state
// is in the vault, so that it outlives the program for ten minutes.
type Check struct{ account *Account }

// State returns the state now.
func (c *Check) State() CheckState { return CheckState{} }

// Wait returns the next state that differs from the last one that Wait or State
// returned, or the same one after about 25 seconds without news. Call it in a
// loop until the phase is an end.
func (c *Check) Wait(context.Context) (CheckState, error) { return CheckState{}, errUnfinished }

// Match says that the person saw the same symbols.
func (c *Check) Match(context.Context) (CheckState, error) { return CheckState{}, errUnfinished }

// Differ says that the symbols differ, which is an alarm.
func (c *Check) Differ(context.Context) (CheckState, error) { return CheckState{}, errUnfinished }

// Cancel ends the comparison.
func (c *Check) Cancel(context.Context) error { return errUnfinished }
