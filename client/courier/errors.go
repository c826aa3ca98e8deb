package courier

import (
	"errors"
	"fmt"
	"time"

	"conclave/api"
)

// ErrOffline says that there is no connection, or that it broke before the reply: the
// server may have done what was asked or not. Ask again when the state is [Online]; a
// message keeps its client_message_id then.
var ErrOffline = errors.New("courier: not connected: try again when online")

// ErrLarge says that a request is larger than a server takes.
var ErrLarge = errors.New("courier: the request is too large: send less at a time")

var (
	errSilent = errors.New("courier: the server has gone silent")
	errFrame  = errors.New("courier: the server sent what is no frame")
)

// A RefusalError is the server's refusal of a request or of the connection.
type RefusalError struct {
	Code api.RefusalCode
	Text string        // for developers
	Wait time.Duration // how long to wait before asking again; 0: not said
	// Epoch, Head and First are where the group is, if the code says so.
	Epoch, Head, First uint64
}

// Error implements error.
func (e *RefusalError) Error() string {
	return fmt.Sprintf("the server refused: %s (%s)", e.Text, e.Code)
}

// longestWait bounds what a server may ask a client to wait.
const longestWait = time.Hour

// refusal returns r as an error.
func refusal(r *api.Refusal) *RefusalError {
	return &RefusalError{
		Code: r.GetCode(), Text: r.GetText(),
		Wait:  time.Duration(min(r.GetRetryMs(), uint64(longestWait.Milliseconds()))) * time.Millisecond,
		Epoch: r.GetEpoch(), Head: r.GetHead(), First: r.GetFirst(),
	}
}

// isFinal reports whether connecting again would be refused again, or would throw out
// the connection that replaced this one.
func (e *RefusalError) isFinal() bool {
	switch e.Code {
	case api.RefusalCode_REFUSAL_CODE_NO_SESSION, api.RefusalCode_REFUSAL_CODE_NOT_BOUND,
		api.RefusalCode_REFUSAL_CODE_PROTOCOL, api.RefusalCode_REFUSAL_CODE_REPLACED:
		return true
	default:
		return false
	}
}
