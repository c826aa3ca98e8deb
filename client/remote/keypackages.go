package remote

import (
	"context"

	"conclave/api"
)

const pathKeyPackages = "/api/v1/keypackages"

// PutKeyPackages publishes KeyPackages of this device.
func (s *Server) PutKeyPackages(ctx context.Context, in *api.KeyPackagesPut) (*api.KeyPackageCount, error) {
	return answer[api.KeyPackageCount](ctx, s, "PUT", pathKeyPackages, true, in)
}

// KeyPackages says how many KeyPackages of this device the server has.
func (s *Server) KeyPackages(ctx context.Context) (*api.KeyPackageCount, error) {
	return answer[api.KeyPackageCount](ctx, s, "GET", pathKeyPackages, true, nil)
}

// DeleteKeyPackages removes all KeyPackages of this device.
func (s *Server) DeleteKeyPackages(ctx context.Context) error {
	return s.json(ctx, "DELETE", pathKeyPackages, true, nil, new(api.KeyPackageCount))
}

// ClaimKeyPackages asks for a KeyPackage of each of some devices.
func (s *Server) ClaimKeyPackages(ctx context.Context, in *api.KeyPackagesClaim) (*api.KeyPackagesClaimed, error) {
	return answer[api.KeyPackagesClaimed](ctx, s, "POST", pathKeyPackages+"/claim", true, in)
}
