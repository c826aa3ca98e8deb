package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"conclave/api"
	"conclave/client/account"
	"conclave/client/directory"
	"conclave/client/remote"
	vaultnative "conclave/client/vault/native"
	coreaccount "conclave/core/account"
	"conclave/core/identity"
	"conclave/core/keytrans"
)

// Exit codes of the commands of an account, so that scripts can tell what went
// wrong.
const (
	exitNotReady = 3 // nobody is signed in, or this device has no keys
	exitWrong    = 4 // wrong password, code or word
	exitAlarm    = 5 // the server or the directory was caught, or a comparison failed
	exitOffline  = 6 // the server cannot be reached
)

// A message is what a person reads: what happened, and what to do next. Slots are
// {name}, {handle}, {device}, {have}, {want} and {since}.
type message struct{ text, next string }

// messages are the texts of the alarms, by id: the words of the web client.
var messages = map[string]message{
	"proof":           {"The key directory gave a wrong proof. New contacts are paused; your conversations go on.", "Save the evidence (conclave alarms) and try again."},
	"stale":           {"The server returned outdated keys for {name}. Not used.", "Try again."},
	"flipflop":        {"The key directory was changed and changed back. Evidence saved.", "conclave alarms shows it."},
	"frozen":          {"The key directory has not moved since {since}. New contacts are paused.", "Tell the administrator."},
	"rollback":        {"The server lost or hid history ({have} of {want} entries).", "Save the evidence (conclave alarms), and tell the administrator."},
	"split":           {"You and {name} are shown different directories. Evidence saved.", "Verify {name} in person."},
	"witness":         {"The directory is confirmed by {have} of the {want} witnesses that it needs. New contacts are paused.", "Try again."},
	"server-identity": {"The server's identity changed. Not connected.", "Ask the administrator for a new invite."},
	"handle-moved":    {"The handle @{handle} now belongs to a different person.", "Ask them in another way."},
	"clock":           {"This device's clock differs from the witnesses.", "Set the clock, then try again."},
	"reset":           {"{name}'s identity was reset. Verify {name} before you send.", "conclave verify {handle}, or conclave contacts accept {handle}"},
	"ghost-device":    {"The server offered a device for {name} that {name} did not sign. Ignored.", "Nothing to do."},
	"keypackage":      {"Could not add {name}'s {device}: wrong keys.", "The other devices are added. Tell the administrator."},
	"own-identity":    {"Someone published a new identity for you. It was not this device.", "Tell your contacts, and save the evidence (conclave alarms). If it was you: conclave logout --forget, then sign in again."},
	"own-device":      {"New device \"{device}\" was added to your account.", "If it was not you: conclave devices revoke"},
	"refused-one":     {"The server has refused {name}'s keys since {since}.", "Ask somebody who knows {name}."},
	"backup-old":      {"The backup is older than your account. Not restored.", "Use another device."},
	"signin-no-keys":  {"New sign-in without keys: {device}. It can read nothing.", "conclave devices approve, or conclave devices refuse"},
	"differ":          {"Stop. Someone may stand between you and {name}. Do not trust calls or messages with {name} until a check succeeds.", "Meet in person, and verify again."},
	"link-server":     {"This invite belongs to another server. Not joined.", "Check the address, or ask for the link again."},
}

// tellAlarm returns the text of an alarm with what to do next.
func tellAlarm(a *account.Alarm) string {
	m, ok := messages[a.Message]
	if !ok {
		m = message{"The server did what it must not do (" + a.Message + ").", "Save the evidence (conclave alarms)."}
	}
	name := a.Name
	if name == "" {
		name = "@" + a.Handle
	}
	text := strings.NewReplacer(
		"{name}", name, "{handle}", a.Handle, "{device}", a.Device,
		"{have}", strconv.FormatUint(a.Have, 10), "{want}", strconv.FormatUint(a.Want, 10), "{since}", since(a),
	).Replace(m.text + " " + m.next)
	if a.Attack != "" {
		text += " [" + a.Attack + "]"
	}
	return text
}

// since is the time from which an alarm counts.
func since(a *account.Alarm) string {
	ms := a.Time
	if a.Message == "frozen" && a.Have > 0 {
		ms = a.Have
	}
	return time.UnixMilli(int64(ms)).Format("Monday 2 January 15:04")
}

// codes are the texts of what a server refuses.
var codes = map[api.Code]struct {
	exit int
	text string
}{
	api.CodeAccountsOff:   {exitUsage, "this server has no accounts; ask its administrator"},
	api.CodeNoSession:     {exitNotReady, "the sign-in has ended; next: conclave login"},
	api.CodeNotBound:      {exitNotReady, "this sign-in has no keys; next: conclave devices add, or conclave recover"},
	api.CodeNotFresh:      {exitNotReady, "this needs a new sign-in; next: conclave login, then the same again"},
	api.CodeSignInFailed:  {exitWrong, "wrong handle or password"},
	api.CodeMethodOff:     {exitUsage, "this server does not offer this way to sign in"},
	api.CodeRegistration:  {exitFailed, "this server takes new accounts by invite only; ask for one, and give its code with --invite"},
	api.CodeHandleTaken:   {exitFailed, "this handle is taken, or looks like one that is; choose another"},
	api.CodeHandleInvalid: {exitUsage, "not a handle: use 2 to 32 letters or digits of one script, with . _ - between them"},
	api.CodeExpired:       {exitFailed, "it took too long; begin again"},
	api.CodeCodeWrong:     {exitWrong, "these words do not open the backup"},
	api.CodeTooManyTries:  {exitWrong, "too many tries"},
	api.CodeMailboxFull:   {exitFailed, "the other side's mailbox is full; try again in some minutes"},
	api.CodeProvider:      {exitFailed, "the organisation's sign-in server did not answer; try again"},
	api.CodeSlowDown:      {exitFailed, "too many requests; wait a minute and try again"},
	api.CodeBusy:          {exitOffline, "the server is busy; try again in a minute"},
	api.CodeInternal:      {exitFailed, "the server failed; try again, and tell its administrator if it stays"},
}

// explainAccount makes of an error of an account one that says what to do next,
// with an exit code of its own.
func explainAccount(err error) error {
	if err == nil {
		return nil
	}
	if x := new(exitError); errors.As(err, &x) {
		return err
	}
	with := func(code int, format string, args ...any) error { return &exitError{code, fmt.Errorf(format, args...)} }
	if alarm, ok := errors.AsType[*directory.AlarmError](err); ok {
		return with(exitAlarm, "%s", tellAlarm(account.AlarmOf(&alarm.Alarm)))
	}
	if lie, ok := errors.AsType[*keytrans.Error](err); ok {
		return with(exitAlarm, "%s", tellAlarm(&account.Alarm{Message: lie.ID, Attack: lie.Attack, Have: lie.Have, Want: lie.Want}))
	}
	if t, ok := errors.AsType[*account.TriesError](err); ok {
		return with(exitWrong, "%s", triesText(t))
	}
	if h, ok := errors.AsType[*api.HTTPError](err); ok {
		if c, ok := codes[h.Code]; ok {
			return with(c.exit, "%s", c.text)
		}
		return with(exitFailed, "the server refused (%s); try again, and tell its administrator if it stays", h.Code)
	}
	return explainLocal(err, with)
}

// explainLocal explains what this device itself found.
func explainLocal(err error, with func(int, string, ...any) error) error {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	word := new(coreaccount.WordError)
	switch {
	case is(account.ErrSignedOut):
		return with(exitNotReady, "nobody is signed in here; next: conclave login HANDLE, or conclave register HANDLE")
	case is(account.ErrNoKeys):
		return with(exitNotReady, "this device has no keys yet; next: conclave devices add, or conclave recover")
	case is(context.Canceled):
		return with(exitFailed, "stopped waiting")
	case is(account.ErrRemoved):
		return with(exitNotReady, "this device was removed from the account; next: conclave login")
	case is(account.ErrConfirm):
		return with(exitWrong, "these are not the words; look at what you wrote down")
	case errors.As(err, &word):
		return with(exitWrong, "word %d is not one of the list; check its spelling", word.Number)
	case is(coreaccount.ErrWords):
		return with(exitWrong, "this is not a recovery code: type its twelve words in order")
	case is(coreaccount.ErrBackupOld, coreaccount.ErrBackupForeign, coreaccount.ErrBackupChanged):
		return with(exitAlarm, "%s", tellAlarm(&account.Alarm{Message: "backup-old", Attack: "MS-32"}))
	case is(coreaccount.ErrQRPeer, coreaccount.ErrQROwn, coreaccount.ErrSASKeys, account.ErrDiffer):
		return with(exitAlarm, "%w", errDiffer)
	case is(account.ErrInvite):
		return with(exitAlarm, "%s", messages["link-server"].text+" "+messages["link-server"].next)
	case is(directory.ErrUnknown):
		return with(exitFailed, "nobody has this handle here; ask how it is written")
	case is(remote.ErrUnreachable):
		return with(exitOffline, "%v; is the server running, and the address right?", remoteText(err))
	case is(remote.ErrAnswer):
		return with(exitOffline, "this address does not answer as a Conclave server; check --server")
	case is(vaultnative.ErrNoKeyring):
		return with(exitUsage, "this machine has no keyring to keep the keys in; set CONCLAVE_PASSPHRASE, or run it in a terminal")
	case is(identity.ErrHandle):
		return with(exitUsage, "%s", codes[api.CodeHandleInvalid].text)
	default:
		return err
	}
}

// remoteText returns why a server cannot be reached, without the package's name.
func remoteText(err error) string {
	_, text, ok := strings.Cut(err.Error(), "remote: ")
	if !ok {
		return err.Error()
	}
	return text
}

func triesText(t *account.TriesError) string {
	what := "wrong handle or password"
	if errors.Is(t, coreaccount.ErrCode) {
		what = "these words do not open the backup"
	}
	if t.Left > 0 {
		return fmt.Sprintf("%s; %d tries left", what, t.Left)
	}
	return fmt.Sprintf("%s; too many tries, the next one in %d minutes", what, max(1, (t.RetryMS+59_999)/60_000))
}
