package httpapi

import (
	"context"
	"encoding/hex"
	"errors"

	"conclave/api"
	"conclave/auth"
	"conclave/core/identity"
	"conclave/delivery"
)

// KeyPackages is what the routes of api/keypackages.go call; *delivery.KeyPackages
// is one.
type KeyPackages interface {
	Publish(ctx context.Context, user, device [16]byte, oneTime [][]byte, lastResort []byte) (api.KeyPackageCount, error)
	Count(ctx context.Context, user, device [16]byte) (api.KeyPackageCount, error)
	Claim(ctx context.Context, by, user [16]byte, devices [][16]byte) ([]delivery.Claimed, error)
	Remove(ctx context.Context, user, device [16]byte) error
}

var _ KeyPackages = (*delivery.KeyPackages)(nil)

// keyPackageRoutes adds the routes of KeyPackages. Without accounts, they say so.
func (a *API) keyPackageRoutes() {
	const path = "/api/v1/keypackages"
	if a.cfg.Accounts == nil || a.cfg.KeyPackages == nil {
		for _, pattern := range []string{"GET " + path, "PUT " + path, "DELETE " + path, "POST " + path + "/claim"} {
			a.mux.HandleFunc(pattern, a.accountsOff)
		}
		return
	}
	a.mux.HandleFunc("PUT "+path, serve(a, api.MaxKeyPackageSet, a.putKeyPackages))
	a.mux.HandleFunc("GET "+path, handle(a, a.countKeyPackages))
	a.mux.HandleFunc("DELETE "+path, handle(a, a.deleteKeyPackages))
	a.mux.HandleFunc("POST "+path+"/claim", serve(a, api.MaxAccountBody, a.claimKeyPackages))
}

func (a *API) putKeyPackages(ctx context.Context, c auth.Caller, req *api.KeyPackagesPut) (*api.KeyPackageCount, error) {
	user, device, err := a.cfg.Accounts.Device(ctx, c)
	if err != nil {
		return nil, err
	}
	n, err := a.cfg.KeyPackages.Publish(ctx, user, device, req.KeyPackages, req.LastResort)
	return &n, refuseKeyPackages(err)
}

func (a *API) countKeyPackages(ctx context.Context, c auth.Caller) (*api.KeyPackageCount, error) {
	user, device, err := a.cfg.Accounts.Device(ctx, c)
	if err != nil {
		return nil, err
	}
	n, err := a.cfg.KeyPackages.Count(ctx, user, device)
	return &n, refuseKeyPackages(err)
}

func (a *API) deleteKeyPackages(ctx context.Context, c auth.Caller) (*api.KeyPackageCount, error) {
	user, device, err := a.cfg.Accounts.Device(ctx, c)
	if err != nil {
		return nil, err
	}
	return &api.KeyPackageCount{}, refuseKeyPackages(a.cfg.KeyPackages.Remove(ctx, user, device))
}

func (a *API) claimKeyPackages(ctx context.Context, c auth.Caller, req *api.KeyPackagesClaim) (*api.KeyPackagesClaimed, error) {
	by, _, err := a.cfg.Accounts.Device(ctx, c)
	if err != nil {
		return nil, err
	}
	user, err := identity.ParseUserID(req.User)
	if err != nil || len(req.Devices) > api.MaxClaimDevices {
		return nil, auth.Refuse(api.CodeMalformed, "name a user and at most 32 devices")
	}
	devices := make([][16]byte, len(req.Devices))
	for i, text := range req.Devices {
		d, err := identity.ParseDeviceID(text)
		if err != nil {
			return nil, auth.Refuse(api.CodeMalformed, "an id has 32 lower-case hexadecimal digits")
		}
		devices[i] = d
	}
	list, err := a.cfg.KeyPackages.Claim(ctx, by, user, devices)
	if err != nil {
		return nil, refuseKeyPackages(err)
	}
	out := &api.KeyPackagesClaimed{KeyPackages: make([]api.ClaimedKeyPackage, len(list))}
	for i, k := range list {
		out.KeyPackages[i] = api.ClaimedKeyPackage{Device: hex.EncodeToString(k.Device[:]), KeyPackage: k.Message, LastResort: k.LastResort}
	}
	return out, nil
}

// refuseKeyPackages says what was wrong with a request.
func refuseKeyPackages(err error) error {
	switch often := new(delivery.OftenError); {
	case err == nil:
		return nil
	case errors.Is(err, delivery.ErrKeyPackage):
		return auth.Refuse(api.CodeMalformed, err.Error())
	case errors.Is(err, delivery.ErrManyKeyPackages):
		return auth.Refuse(api.CodeTooLarge, err.Error())
	case errors.As(err, &often):
		e := auth.Refuse(api.CodeSlowDown, "too many KeyPackages: wait a little")
		e.RetryMS = uint64(max(often.Wait.Milliseconds(), 1))
		return e
	default:
		return err
	}
}
