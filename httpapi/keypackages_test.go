package httpapi

import (
	"context"
	"fmt"
	"testing"
	"time"

	"conclave/api"
	"conclave/auth"
	"conclave/delivery"
)

// aShelf answers the routes of KeyPackages with err.
type aShelf struct {
	KeyPackages
	err     error
	devices [][16]byte
}

func (s *aShelf) Publish(context.Context, [16]byte, [16]byte, [][]byte, []byte) (api.KeyPackageCount, error) {
	return api.KeyPackageCount{Count: 7, LastResort: true}, s.err
}

func (s *aShelf) Claim(_ context.Context, _, _ [16]byte, devices [][16]byte) ([]delivery.Claimed, error) {
	s.devices = devices
	return []delivery.Claimed{{Device: devices[0], Message: []byte{1}, LastResort: true}}, s.err
}

// Device implements Accounts.
func (f *fakeAccounts) Device(context.Context, auth.Caller) (user, device [16]byte, err error) {
	return [16]byte{1}, [16]byte{2}, f.err
}

func TestKeyPackageRoutes(t *testing.T) {
	const path, device = "/api/v1/keypackages", "ab000000000000000000000000000000"
	s, accounts := new(aShelf), new(fakeAccounts)
	a := newAccountsAPI(t, Config{Accounts: accounts, KeyPackages: s})
	put := func() (string, int) {
		w := send(a, "PUT", path, "application/json", `{"key_packages":["AQI="]}`)
		return w.Body.String(), w.Code
	}
	claim := `{"user":"` + device + `","devices":["` + device + `"]}`
	if body, code := put(); code != 200 || body != `{"count":7,"last_resort":true}` {
		t.Errorf("PUT: %d %s", code, body)
	}
	w := send(a, "POST", path+"/claim", "application/json", claim)
	if want := `{"key_packages":[{"device":"` + device + `","key_package":"AQ==","last_resort":true}]}`; w.Body.String() != want || len(s.devices) != 1 {
		t.Errorf("claim: %d %s", w.Code, w.Body)
	}
	for err, want := range map[error]api.Code{
		delivery.ErrKeyPackage:                                   api.CodeMalformed,
		fmt.Errorf("%w: one", delivery.ErrKeyPackage):            api.CodeMalformed,
		delivery.ErrManyKeyPackages:                              api.CodeTooLarge,
		error(&delivery.OftenError{Wait: 3 * time.Second}):       api.CodeSlowDown,
		fmt.Errorf("reading the database: %w", context.Canceled): api.CodeInternal,
	} {
		s.err = err
		wantCode(t, err.Error(), send(a, "PUT", path, "application/json", `{"key_packages":[]}`), want)
		wantCode(t, err.Error(), send(a, "POST", path+"/claim", "application/json", claim), want)
	}
	for _, bad := range []string{`{"user":"x","devices":[]}`, `{"user":"` + device + `","devices":["AB"]}`} {
		wantCode(t, bad, send(a, "POST", path+"/claim", "application/json", bad), api.CodeMalformed)
	}
	accounts.err = auth.Refuse(api.CodeNotBound, "no device")
	for _, method := range []string{"GET", "DELETE"} {
		wantCode(t, method, send(a, method, path, "", ""), api.CodeNotBound)
	}
	wantCode(t, "PUT without a device", send(a, "PUT", path, "application/json", `{}`), api.CodeNotBound)
	off := newAccountsAPI(t, Config{})
	wantCode(t, "no accounts", send(off, "GET", path, "", ""), api.CodeAccountsOff)
}
