package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"conclave/core/mls"
	"conclave/core/secret"
	"conclave/core/suite"
)

var errState = errors.New("not a state of this program")

// A state is a snapshot and the client that it belongs to, which the library
// leaves to the application.
type state struct {
	Suite    suite.ID `json:"suite"`
	Identity string   `json:"identity"`
	Group    []byte   `json:"group"`
}

func (p *program) snapshot(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(state{m.Suite(), m.identity, m.group.Snapshot().Expose()})
	if err != nil {
		return nil, fmt.Errorf("encoding a state: %w", err)
	}
	return answer{"state": b}, nil
}

func (p *program) restore(r *request) (answer, error) {
	var s state
	if err := json.Unmarshal(r.State, &s); err != nil {
		return nil, fmt.Errorf("%w: %v", errState, err)
	}
	c, err := p.newClient(s.Suite, s.Identity)
	if err != nil {
		return nil, err
	}
	g, err := c.Restore(secret.New(s.Group))
	if err != nil {
		return nil, err
	}
	return answer{"group": p.add(c, g), "epoch": g.Epoch()}, nil
}

// send sends with the group, and saves it first where the library asks for that:
// once a snapshot was taken, each allows for so many messages. This program keeps
// the last one in memory, which is as long as it lives itself.
func (m *member) send(do func(*mls.Group) error) error {
	err := do(m.group)
	if errors.Is(err, mls.ErrSaveFirst) {
		m.saved = m.group.Snapshot()
		err = do(m.group)
	}
	return err
}
