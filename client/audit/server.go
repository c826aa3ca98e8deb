package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/transparency-dev/tessera/api/layout"

	"conclave/api"
	"conclave/client/remote"
	"conclave/core/keytrans"
)

// Limits of a server's answers.
const (
	maxLeaf   = 2 << 10 // bytes
	maxBundle = bundleSize * (2 + maxLeaf)
	// tries is how often a request is sent to a server that is busy or wants fewer
	// of them; longest is the longest wait between two.
	tries   = 20
	longest = time.Minute
)

// A Server is a directory that answers.
type Server struct {
	doer   remote.Doer
	server *remote.Server
}

// NewServer returns the Source of a server.
func NewServer(doer remote.Doer) *Server { return &Server{doer, remote.New(doer)} }

// Keys asks the server for its keys. Whoever knows them from elsewhere must not
// take them from here.
func (s *Server) Keys(ctx context.Context) (keytrans.ServerKeys, error) {
	var c *api.DirectoryConfig
	err := patiently(ctx, func() (err error) {
		c, err = s.server.DirectoryConfig(ctx)
		return err
	})
	if err == nil && len(c.VRFKey) != 32 {
		err = remote.ErrAnswer
	}
	if err != nil {
		return keytrans.ServerKeys{}, fmt.Errorf("audit: asking for the directory's keys: %w", err)
	}
	return keytrans.ServerKeys{Origin: c.Origin, LogKey: c.LogKey, VRFKey: [32]byte(c.VRFKey)}, nil
}

// Checkpoint implements [Source].
func (s *Server) Checkpoint(ctx context.Context) (note []byte, err error) {
	err = patiently(ctx, func() error {
		note, err = s.server.Checkpoint(ctx)
		return err
	})
	return note, err
}

// Mutations implements [Source].
func (s *Server) Mutations(ctx context.Context, epoch uint64) (file []byte, err error) {
	err = patiently(ctx, func() error {
		file, err = s.server.Mutations(ctx, epoch)
		return err
	})
	return file, err
}

// Leaves implements [Source].
func (s *Server) Leaves(ctx context.Context, bundle, size uint64) ([][]byte, error) {
	want := min(bundleSize, size-bundle*bundleSize)
	// Servers may drop a partial bundle once there is the whole one.
	paths := []string{layout.EntriesPath(bundle, uint8(want%bundleSize)), layout.EntriesPath(bundle, 0)}
	var body []byte
	var err error
	for _, path := range paths {
		body, err = s.tile(ctx, path)
		if err == nil || !errors.Is(err, errStatus) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	leaves := make([][]byte, 0, want)
	for len(body) >= 2 && uint64(len(leaves)) < want {
		n := int(binary.BigEndian.Uint16(body))
		if len(body) < 2+n {
			break
		}
		leaves, body = append(leaves, body[2:2+n]), body[2+n:]
	}
	if uint64(len(leaves)) != want {
		return nil, fmt.Errorf("%w: a bundle of leaves is short", remote.ErrAnswer)
	}
	return leaves, nil
}

var errStatus = errors.New("the server does not show a part of its log")

func (s *Server) tile(ctx context.Context, path string) ([]byte, error) {
	r, err := s.doer.Do(ctx, remote.Request{Method: "GET", Path: "/" + path, Limit: maxBundle})
	if err == nil && r.Status != 200 {
		err = fmt.Errorf("%w: status %d for %s", errStatus, r.Status, path)
	}
	return r.Body, err
}

// patiently repeats a request while the server is busy or wants fewer of them.
func patiently(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		refused := new(api.HTTPError)
		if !errors.As(err, &refused) || try == tries ||
			refused.Code != api.CodeSlowDown && refused.Code != api.CodeBusy {
			return err
		}
		wait := time.Duration(min(refused.RetryMS, uint64(longest.Milliseconds()))) * time.Millisecond
		timer := time.NewTimer(max(wait, 100*time.Millisecond))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
