package room

import (
	"errors"
	"fmt"

	"conclave/api"
)

// ErrNoMedia is returned by [NoMedia].
var ErrNoMedia = errors.New("this server carries no media")

// An Error is an answer to a client: a stable code and a sentence for logs.
type Error struct {
	Code    api.ErrorCode
	Message string
	// Epoch is set with an epoch conflict, Limit with a full meeting.
	Epoch uint64
	Limit uint32
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Fatal reports whether the connection ends after the error is sent.
func (e *Error) Fatal() bool {
	return e.Code == api.ErrorCode_ERROR_CODE_MALFORMED || e.Code == api.ErrorCode_ERROR_CODE_INTERNAL
}

// Frame returns the Reply that carries e.
func (e *Error) Frame(request uint64) *api.ServerFrame {
	return reply(request, &api.Reply{Body: &api.Reply_Error{Error: &api.Error{
		Code: e.Code, Message: e.Message, CurrentEpoch: e.Epoch, Limit: e.Limit,
	}}})
}

func malformed(message string) *Error {
	return &Error{Code: api.ErrorCode_ERROR_CODE_MALFORMED, Message: message}
}

func tooLarge(what string, got, limit int) *Error {
	return &Error{
		Code:    api.ErrorCode_ERROR_CODE_TOO_LARGE,
		Message: fmt.Sprintf("%s is %d, at most %d", what, got, limit),
	}
}

func internalError() *Error {
	return &Error{Code: api.ErrorCode_ERROR_CODE_INTERNAL, Message: "the server could not handle this"}
}

func reply(request uint64, r *api.Reply) *api.ServerFrame {
	r.Request = request
	return &api.ServerFrame{Body: &api.ServerFrame_Reply{Reply: r}}
}
