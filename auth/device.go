package auth

import "context"

// Device returns the user and the device of a session that is bound to one. The
// refusals are those of a session: no-session, not-bound, slow-down.
func (s *Service) Device(ctx context.Context, c Caller) (user, device [16]byte, err error) {
	row, err := s.bound(ctx, c)
	if err != nil {
		return user, device, err
	}
	return row.User, row.Device, nil
}
