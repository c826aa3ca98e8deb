//go:build js && wasm

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"conclave/client/account"
)

var errArguments = errors.New("the arguments are not those of the method")

// A method is one of AccountMethods in web/src/account/types.ts.
type method func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error)

// methods has every method by its name.
var methods = map[string]method{
	// signing up and in
	"status":              none((*account.Account).Status),
	"refresh":             none((*account.Account).Refresh),
	"methods":             none((*account.Account).Methods),
	"signUpPassword":      four((*account.Account).SignUpPassword),
	"signInPassword":      two((*account.Account).SignInPassword),
	"signInLDAP":          three((*account.Account).SignInLDAP),
	"beginPasskeySignUp":  three((*account.Account).BeginPasskeySignUp),
	"beginPasskeySignIn":  none((*account.Account).BeginPasskeySignIn),
	"finishPasskeySignUp": passkey((*account.Account).FinishPasskeySignUp),
	"finishPasskeySignIn": passkey((*account.Account).FinishPasskeySignIn),
	"beginOIDC":           two((*account.Account).BeginOIDC),
	"finishOIDC":          one((*account.Account).FinishOIDC),
	"signOut":             leave((*account.Account).SignOut),
	"forget":              leave((*account.Account).Forget),
	"sessions":            none((*account.Account).Sessions),
	"endSession":          act((*account.Account).EndSession),
	"createIdentity":      two((*account.Account).CreateIdentity),
	"confirmRecovery":     two(confirmRecovery),

	// devices
	"devices": none((*account.Account).Devices),
	"history": none((*account.Account).History),
	"requestDevice": begun(func(a *account.Account, ctx context.Context, _ string) (*account.Check, error) {
		return a.RequestDevice(ctx)
	}),
	"requests":         none((*account.Account).Requests),
	"approve":          begun((*account.Account).Approve),
	"approveQR":        one((*account.Account).ApproveQR),
	"refuse":           act((*account.Account).Refuse),
	"revoke":           act((*account.Account).Revoke),
	"recover":          one((*account.Account).Recover),
	"recoverByPasskey": none((*account.Account).RecoverByPasskey),
	"reset":            none((*account.Account).Reset),
	"newRecovery":      none((*account.Account).NewRecovery),

	// people
	"contacts":      none((*account.Account).Contacts),
	"addContact":    one((*account.Account).AddContact),
	"acceptReset":   one((*account.Account).AcceptReset),
	"markSeen":      act((*account.Account).MarkSeen),
	"invite":        one((*account.Account).Invite),
	"useInvite":     one((*account.Account).UseInvite),
	"verifyEmoji":   begun((*account.Account).VerifyEmoji),
	"incoming":      none((*account.Account).Incoming),
	"safetyNumber":  one((*account.Account).SafetyNumber),
	"confirmNumber": one((*account.Account).ConfirmNumber),
	"numberDiffers": act((*account.Account).NumberDiffers),
	"showQR":        begun((*account.Account).ShowQR),
	"scanQR":        two((*account.Account).ScanQR),

	// comparisons and alarms
	"checks":       none((*account.Account).Checks),
	"checkWait":    checked((*account.Check).Wait),
	"checkMatch":   checked((*account.Check).Match),
	"checkDiffer":  checked((*account.Check).Differ),
	"checkCancel":  act(cancelCheck),
	"monitor":      none((*account.Account).Monitor),
	"alarms":       none((*account.Account).Alarms),
	"dismissAlarm": act((*account.Account).DismissAlarm),
	"evidence":     one(evidence),
	"next":         none((*account.Account).Next),
}

func confirmRecovery(a *account.Account, ctx context.Context, first, second string) (account.Status, error) {
	return a.ConfirmRecovery(ctx, [2]string{first, second})
}

func cancelCheck(a *account.Account, ctx context.Context, id string) error {
	c, err := a.Check(ctx, id)
	if err != nil {
		return err
	}
	return c.Cancel(ctx)
}

func evidence(a *account.Account, ctx context.Context, id string) (string, error) {
	b, err := a.Evidence(ctx, id)
	return string(b), err
}

// texts reads exactly n texts.
func texts(args []json.RawMessage, n int) ([]string, error) {
	if len(args) != n {
		return nil, errArguments
	}
	out := make([]string, n)
	for i, a := range args {
		if json.Unmarshal(a, &out[i]) != nil {
			return nil, errArguments
		}
	}
	return out, nil
}

func none[T any](f func(*account.Account, context.Context) (T, error)) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		if _, err := texts(args, 0); err != nil {
			return nil, err
		}
		return f(a, ctx)
	}
}

func one[T any](f func(*account.Account, context.Context, string) (T, error)) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		s, err := texts(args, 1)
		if err != nil {
			return nil, err
		}
		return f(a, ctx, s[0])
	}
}

func two[T any](f func(*account.Account, context.Context, string, string) (T, error)) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		s, err := texts(args, 2)
		if err != nil {
			return nil, err
		}
		return f(a, ctx, s[0], s[1])
	}
}

func three[T any](f func(*account.Account, context.Context, string, string, string) (T, error)) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		s, err := texts(args, 3)
		if err != nil {
			return nil, err
		}
		return f(a, ctx, s[0], s[1], s[2])
	}
}

func four[T any](f func(*account.Account, context.Context, string, string, string, string) (T, error)) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		s, err := texts(args, 4)
		if err != nil {
			return nil, err
		}
		return f(a, ctx, s[0], s[1], s[2], s[3])
	}
}

// leave is a method without arguments or a result.
func leave(f func(*account.Account, context.Context) error) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		if _, err := texts(args, 0); err != nil {
			return nil, err
		}
		return nil, f(a, ctx)
	}
}

// act is a method of one text without a result.
func act(f func(*account.Account, context.Context, string) error) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		s, err := texts(args, 1)
		if err != nil {
			return nil, err
		}
		return nil, f(a, ctx, s[0])
	}
}

// passkey takes the browser's answer as it is, and the credential's id and the
// result of the prf extension in base64url.
func passkey(f func(*account.Account, context.Context, json.RawMessage, []byte, []byte) (account.Status, error)) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		if len(args) != 3 {
			return nil, errArguments
		}
		s, err := texts(args[1:], 2)
		if err != nil {
			return nil, err
		}
		var b [2][]byte
		for i := range b {
			if b[i], err = base64.RawURLEncoding.DecodeString(s[i]); err != nil {
				return nil, errArguments
			}
		}
		return f(a, ctx, args[0], b[0], b[1])
	}
}

// begun begins a comparison and returns its state. It takes one text.
func begun(f func(*account.Account, context.Context, string) (*account.Check, error)) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		s, err := texts(args, 1)
		if err != nil {
			return nil, err
		}
		c, err := f(a, ctx, s[0])
		if err != nil {
			return nil, err
		}
		return c.State(), nil
	}
}

// checked calls a method of an open comparison, which it takes by its id.
func checked(f func(*account.Check, context.Context) (account.CheckState, error)) method {
	return func(ctx context.Context, a *account.Account, args []json.RawMessage) (any, error) {
		s, err := texts(args, 1)
		if err != nil {
			return nil, err
		}
		c, err := a.Check(ctx, s[0])
		if err != nil {
			return nil, err
		}
		return f(c, ctx)
	}
}
