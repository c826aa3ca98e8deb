package remote

import (
	"context"
	"strconv"

	"conclave/api"
)

// The directory's answers are public and verified by the caller, so these calls
// carry no session: the server is not told who asks.

// DirectoryConfig asks which keys the server says its directory has. A client
// that has pinned them must not take them from here.
func (s *Server) DirectoryConfig(ctx context.Context) (*api.DirectoryConfig, error) {
	return answer[api.DirectoryConfig](ctx, s, "GET", "/api/v1/directory/config", false, nil)
}

// Lookup sends an encoded keytrans.LookupRequest and returns the answer as it
// came.
func (s *Server) Lookup(ctx context.Context, request []byte) ([]byte, error) {
	return s.binary(ctx, "/api/v1/directory/lookup", request)
}

// Monitor sends an encoded keytrans.MonitorRequest and returns the answer as it
// came.
func (s *Server) Monitor(ctx context.Context, request []byte) ([]byte, error) {
	return s.binary(ctx, "/api/v1/directory/monitor", request)
}

// Consistency returns the proof that the log of from epochs is a prefix of that
// of to, as it came.
func (s *Server) Consistency(ctx context.Context, from, to uint64) ([]byte, error) {
	path := "/api/v1/directory/consistency?from=" + strconv.FormatUint(from, 10) + "&to=" + strconv.FormatUint(to, 10)
	return s.do(ctx, &call{method: "GET", path: path, want: typeBinary, limit: MaxProof})
}

// Checkpoint returns the newest checkpoint that the server publishes, a signed
// note.
func (s *Server) Checkpoint(ctx context.Context) ([]byte, error) {
	return s.do(ctx, &call{method: "GET", path: "/checkpoint", want: typeText, limit: MaxCheckpoint})
}

// Mutations returns the entries that an epoch put into the map.
func (s *Server) Mutations(ctx context.Context, epoch uint64) ([]byte, error) {
	path := "/api/v1/directory/mutations/" + strconv.FormatUint(epoch, 10)
	return s.do(ctx, &call{method: "GET", path: path, want: typeBinary, limit: MaxMutations})
}

// PublishRecord gives the server an encoded identity record of the session's
// user to publish.
func (s *Server) PublishRecord(ctx context.Context, record []byte) (*api.RecordAccepted, error) {
	b, err := s.do(ctx, &call{
		method: "POST", path: "/api/v1/account/record", auth: true,
		kind: typeBinary, body: record, want: typeJSON, limit: MaxAnswer,
	})
	if err != nil {
		return nil, err
	}
	out := new(api.RecordAccepted)
	if err := decode(b, out); err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Server) binary(ctx context.Context, path string, body []byte) ([]byte, error) {
	return s.do(ctx, &call{
		method: "POST", path: path, kind: typeBinary, body: body, want: typeBinary, limit: MaxDirectory,
	})
}
