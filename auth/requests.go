package auth

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"conclave/api"
)

const (
	requestLifetime = 10 * time.Minute
	maxRequests     = 4096 // of all accounts
	maxUserRequests = 8    // of one
)

// requests are what devices without keys ask the others, in memory: who asks
// waits for the answer, and asks again if the server restarted.
type requests struct {
	mu         sync.Mutex
	byEndpoint map[[16]byte]request
}

type request struct {
	user    [16]byte
	name    string
	method  string
	body    []byte
	created uint64
}

func (r *request) expired(now uint64) bool { return r.created+ms(requestLifetime) <= now }

// put keeps a request in place of an older one of the same session.
func (r *requests) put(endpoint [16]byte, q request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := 0
	for e, old := range r.byEndpoint {
		if old.expired(q.created) {
			delete(r.byEndpoint, e)
		} else if old.user == q.user && e != endpoint {
			of++
		}
	}
	if of >= maxUserRequests || len(r.byEndpoint) >= maxRequests {
		return Refuse(api.CodeSlowDown, "too many devices ask at a time: refuse one, or wait 10 minutes")
	}
	if r.byEndpoint == nil {
		r.byEndpoint = make(map[[16]byte]request)
	}
	r.byEndpoint[endpoint] = q
	return nil
}

// of returns the requests of a user, oldest first.
func (r *requests) of(user [16]byte, now uint64) []api.DeviceRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []api.DeviceRequest{}
	for endpoint, q := range r.byEndpoint {
		if q.user == user && !q.expired(now) {
			list = append(list, api.DeviceRequest{
				Endpoint: hexID(endpoint), Name: q.name, Method: q.method, Body: q.body,
				CreatedMS: q.created, ExpiresMS: q.created + ms(requestLifetime),
			})
		}
	}
	slices.SortFunc(list, func(a, b api.DeviceRequest) int {
		return cmp.Or(cmp.Compare(a.CreatedMS, b.CreatedMS), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return list
}

// owner returns whose request an endpoint has.
func (r *requests) owner(endpoint [16]byte) (user [16]byte, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q, ok := r.byEndpoint[endpoint]
	return q.user, ok
}

// remove takes a request away; none is fine.
func (r *requests) remove(endpoint [16]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byEndpoint, endpoint)
}

// PostRequest keeps what the caller's device asks the user's other devices.
func (s *Service) PostRequest(ctx context.Context, c Caller, req *api.DeviceRequestPost) (*api.Empty, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	if row.Device != ([16]byte{}) {
		return nil, Refuse(api.CodeForbidden, "this device has its keys already")
	}
	if len(req.Body) == 0 || len(req.Body) > api.MaxDeviceRequest {
		return nil, Refuse(api.CodeTooLarge, "a device request has 1 to 8192 bytes")
	}
	now := s.now()
	if err := s.requests.put(row.Endpoint, request{row.User, row.Name, row.Method, req.Body, now}); err != nil {
		return nil, err
	}
	s.mail.notify(row.User, kindRequest, row.Endpoint, now)
	return &api.Empty{}, nil
}

// Requests lists the requests of the caller's account; a session without keys
// sees its own.
func (s *Service) Requests(ctx context.Context, c Caller) (*api.DeviceRequests, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	list := s.requests.of(row.User, s.now())
	if row.Device == ([16]byte{}) {
		own := hexID(row.Endpoint)
		list = slices.DeleteFunc(list, func(q api.DeviceRequest) bool { return q.Endpoint != own })
	}
	return &api.DeviceRequests{Requests: list}, nil
}

// DeleteRequest takes a request of the caller's account away.
func (s *Service) DeleteRequest(ctx context.Context, c Caller, endpoint string) (*api.Empty, error) {
	row, err := s.session(ctx, c)
	if err != nil {
		return nil, err
	}
	id, err := parseID(endpoint)
	if err != nil {
		return nil, err
	}
	user, ok := s.requests.owner(id)
	if !ok || user != row.User || row.Device == ([16]byte{}) && id != row.Endpoint {
		return nil, Refuse(api.CodeNotFound, "the account has no such request")
	}
	s.requests.remove(id)
	return &api.Empty{}, nil
}
