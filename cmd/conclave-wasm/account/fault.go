//go:build js && wasm

package main

import (
	"encoding/json"
	"errors"
	"syscall/js"

	"conclave/api"
	"conclave/client/account"
	"conclave/client/directory"
	"conclave/client/remote"
	"conclave/client/vault"
	secrets "conclave/core/account"
	"conclave/core/identity"
	"conclave/core/keytrans"
)

var (
	errPanic   = errors.New("a fault in the program")
	errMethod  = errors.New("there is no such method")
	errOpen    = errors.New("the account is not open")
	errStorage = errors.New("the browser's storage failed")
)

// result is an answer of bridge.d.ts that carries v as JSON.
func result(v any) js.Value {
	b, err := json.Marshal(v)
	if err != nil {
		return faultAnswer(err)
	}
	o := js.Global().Get("Object").New()
	o.Set("result", string(b))
	return o
}

// faultAnswer is an answer of bridge.d.ts that says what went wrong.
func faultAnswer(err error) js.Value {
	f := js.Global().Get("Object").New()
	f.Set("code", faultCode(err))
	f.Set("message", err.Error())
	if refusal, ok := errors.AsType[*api.HTTPError](err); ok {
		if refusal.TriesLeft != nil {
			f.Set("triesLeft", *refusal.TriesLeft)
		}
		f.Set("retryMs", float64(refusal.RetryMS))
	}
	if tries, ok := errors.AsType[*account.TriesError](err); ok {
		f.Set("triesLeft", tries.Left)
		f.Set("retryMs", float64(tries.RetryMS))
	}
	if alarm, ok := errors.AsType[*directory.AlarmError](err); ok {
		f.Set("attack", alarm.Alarm.Attack)
	} else if lie, ok := errors.AsType[*keytrans.Error](err); ok {
		f.Set("attack", lie.Attack)
	}
	o := js.Global().Get("Object").New()
	o.Set("fault", f)
	return o
}

// faultCode returns the code of an error: that of an alarm, of the server, of the
// directory's check, or one of account-error.ts.
func faultCode(err error) string {
	if alarm, ok := errors.AsType[*directory.AlarmError](err); ok {
		return alarm.Alarm.ID
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	if refusal, ok := errors.AsType[*api.HTTPError](err); ok {
		return string(refusal.Code)
	}
	if lie, ok := errors.AsType[*keytrans.Error](err); ok {
		return lie.ID
	}
	return "unknown"
}

var codes = []struct {
	err  error
	code string
}{
	{account.ErrSignedOut, "no-session"},
	{account.ErrNoKeys, "no-keys"},
	{account.ErrConfirm, "confirm"},
	{account.ErrOtherAccount, "other-account"},
	{account.ErrRemoved, "removed"},
	{account.ErrOtherIdentity, "own-identity"},
	{account.ErrRequest, "request"},
	{account.ErrCheck, "check"},
	{account.ErrPaused, "paused"},
	{account.ErrDiffer, "differ"},
	{account.ErrWithheld, "withheld"},
	{account.ErrSelf, "self"},
	{account.ErrProof, "claim"},
	{account.ErrInvite, "link-server"},
	{secrets.ErrCode, "code-wrong"},
	{secrets.ErrWords, "code-words"},
	{secrets.ErrBackupOld, "backup-old"},
	{secrets.ErrBackupChanged, "backup-old"},
	{secrets.ErrWeak, "weak-phrase"},
	{secrets.ErrQRPeer, "differ"},
	{secrets.ErrQROwn, "differ"},
	{secrets.ErrQRUsed, "qr"},
	{secrets.ErrMalformed, "qr"},
	{identity.ErrHandle, "handle-invalid"},
	{identity.ErrName, "name"},
	{directory.ErrUnknown, "not-found"},
	{directory.ErrPaused, "directory-paused"},
	{directory.ErrPin, "server-identity"},
	{directory.ErrBlocked, "blocked"},
	{directory.ErrConflict, "busy"},
	{directory.ErrBusy, "busy"},
	{directory.ErrState, "damaged"},
	{remote.ErrUnreachable, "offline"},
	{remote.ErrAnswer, "transport"},
	{remote.ErrTooLarge, "transport"},
	{vault.ErrDamaged, "damaged"},
	{vault.ErrLocked, "locked"},
	{errStorage, "storage"},
}
