package remote

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"conclave/api"
)

// Sessions lists the sign-ins of the account.
func (s *Server) Sessions(ctx context.Context) ([]api.Session, error) {
	out, err := answer[api.Sessions](ctx, s, "GET", "/api/v1/account/sessions", true, nil)
	if err != nil {
		return nil, err
	}
	return out.Sessions, nil
}

// EndSession ends the session with an endpoint.
func (s *Server) EndSession(ctx context.Context, endpoint string) error {
	return s.json(ctx, "DELETE", "/api/v1/account/sessions/"+url.PathEscape(endpoint), true, nil, new(api.Empty))
}

// Bind makes the session one of a device.
func (s *Server) Bind(ctx context.Context, in *api.Bind) (*api.Session, error) {
	return answer[api.Session](ctx, s, "POST", "/api/v1/account/bind", true, in)
}

// Logins lists the ways to sign in to the account.
func (s *Server) Logins(ctx context.Context) ([]api.Login, error) {
	out, err := answer[api.Logins](ctx, s, "GET", "/api/v1/account/logins", true, nil)
	if err != nil {
		return nil, err
	}
	return out.Logins, nil
}

// RemoveLogin removes a way to sign in.
func (s *Server) RemoveLogin(ctx context.Context, id string) error {
	return s.json(ctx, "DELETE", "/api/v1/account/logins/"+url.PathEscape(id), true, nil, new(api.Empty))
}

// NewInvite lets somebody register once.
func (s *Server) NewInvite(ctx context.Context) (*api.AccountInvite, error) {
	return answer[api.AccountInvite](ctx, s, "POST", "/api/v1/account/invites", true, &api.Empty{})
}

// PostDeviceRequest asks the account's devices to let this session in.
func (s *Server) PostDeviceRequest(ctx context.Context, body []byte) error {
	return s.json(ctx, "POST", "/api/v1/account/requests", true, &api.DeviceRequestPost{Body: body}, new(api.Empty))
}

// DeviceRequests lists the sessions that ask to become a device.
func (s *Server) DeviceRequests(ctx context.Context) ([]api.DeviceRequest, error) {
	out, err := answer[api.DeviceRequests](ctx, s, "GET", "/api/v1/account/requests", true, nil)
	if err != nil {
		return nil, err
	}
	return out.Requests, nil
}

// DeleteDeviceRequest takes the request of an endpoint away.
func (s *Server) DeleteDeviceRequest(ctx context.Context, endpoint string) error {
	return s.json(ctx, "DELETE", "/api/v1/account/requests/"+url.PathEscape(endpoint), true, nil, new(api.Empty))
}

// PutBackup stores the backup.
func (s *Server) PutBackup(ctx context.Context, in *api.BackupPut) error {
	return s.json(ctx, "PUT", "/api/v1/account/backup", true, in, new(api.Empty))
}

// Backup returns the newest backup to a device.
func (s *Server) Backup(ctx context.Context) (*api.Backup, error) {
	return answer[api.Backup](ctx, s, "GET", "/api/v1/account/backup", true, nil)
}

// OpenBackup returns the newest backup to who knows what opens it.
func (s *Server) OpenBackup(ctx context.Context, auth []byte) (*api.Backup, error) {
	return answer[api.Backup](ctx, s, "POST", "/api/v1/account/backup/open", true, &api.BackupOpen{Auth: auth})
}

// PostMail sends body to a user or an endpoint.
func (s *Server) PostMail(ctx context.Context, to string, body []byte) error {
	return s.json(ctx, "POST", "/api/v1/mailbox/"+url.PathEscape(to), true, &api.MailboxPost{Body: body}, new(api.Empty))
}

// Mail returns the messages after a number, and waits for one at most as long as
// wait, which is capped to [api.MaxMailboxWaitMS].
func (s *Server) Mail(ctx context.Context, after uint64, wait time.Duration) (*api.Mailbox, error) {
	ms := min(max(wait.Milliseconds(), 0), api.MaxMailboxWaitMS)
	path := "/api/v1/mailbox?after=" + strconv.FormatUint(after, 10) + "&wait_ms=" + strconv.FormatInt(ms, 10)
	return answer[api.Mailbox](ctx, s, "GET", path, true, nil)
}
