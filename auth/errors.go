package auth

import (
	"net/http"

	"conclave/api"
)

// statuses are the HTTP statuses of codes; 403 if not listed.
var statuses = map[api.Code]int{
	api.CodeAccountsOff:      http.StatusNotFound,
	api.CodeMalformed:        http.StatusBadRequest,
	api.CodeTooLarge:         http.StatusRequestEntityTooLarge,
	api.CodeMediaType:        http.StatusUnsupportedMediaType,
	api.CodeNoSession:        http.StatusUnauthorized,
	api.CodeNotFound:         http.StatusNotFound,
	api.CodeSlowDown:         http.StatusTooManyRequests,
	api.CodeMethodOff:        http.StatusNotFound,
	api.CodeHandleTaken:      http.StatusConflict,
	api.CodeHandleInvalid:    http.StatusBadRequest,
	api.CodeRecordRefused:    http.StatusConflict,
	api.CodeBackupOld:        http.StatusConflict,
	api.CodeMailboxFull:      http.StatusTooManyRequests,
	api.CodeProvider:         http.StatusBadGateway,
	api.CodeLastLogin:        http.StatusConflict,
	api.CodeDirectoryRefused: http.StatusBadRequest,
	api.CodeBusy:             http.StatusServiceUnavailable,
	api.CodeInternal:         http.StatusInternalServerError,
}

// Refuse returns the error of a refusal with the status of its code. The message
// says what to do and holds nothing about anybody.
func Refuse(code api.Code, message string) *api.HTTPError {
	status := statuses[code]
	if status == 0 {
		status = http.StatusForbidden
	}
	return &api.HTTPError{Status: status, Code: code, Message: message}
}

// refuseTries returns a refusal that counts the tries left.
func refuseTries(code api.Code, message string, left int) *api.HTTPError {
	e := Refuse(code, message)
	e.TriesLeft = &left
	return e
}

// refuseUntil returns a refusal for the time until a window ends.
func refuseUntil(code api.Code, message string, now, until uint64) *api.HTTPError {
	e := Refuse(code, message)
	if code == api.CodeTooManyTries {
		e.TriesLeft = new(int)
	}
	e.RetryMS = 1
	if until > now {
		e.RetryMS = until - now
	}
	return e
}
