package auth_test

import (
	"testing"

	"conclave/api"
)

// TestQueueOfPasswords holds that a flood of sign-ins is told to come back, and does
// not wait.
func TestQueueOfPasswords(t *testing.T) {
	h := newHarness(t, nil)
	h.register("ada")
	release := h.service.FillHashing(t)
	login := &api.PasswordLogin{Handle: "ada", AuthKey: authKey("ada"), Name: "x"}
	h.refused(api.CodeBusy, "POST", "/api/v1/auth/password/login", "", login)
	release()
	h.login("ada", "again")
}
