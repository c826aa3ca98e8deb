package keytranstest

import (
	"conclave/core/keytrans"
)

// Answer answers the body of a lookup honestly, out of the newest epoch and
// People.
func (m *Model) Answer(request []byte) ([]byte, error) {
	q, err := keytrans.ParseLookupRequest(request)
	if err != nil {
		return nil, err
	}
	for _, p := range m.People {
		if q.Kind == keytrans.ByHandle && string(q.Name) != p.Handle || q.Kind == keytrans.ByUser && string(q.Name) != string(p.User[:]) {
			continue
		}
		if version, ok := m.Greatest(p, len(m.Epochs)-1); ok {
			return m.Lookup(q, p, version).Encode(), nil
		}
	}
	return m.Lookup(q, nil, 0).Encode(), nil
}

// AnswerMonitor answers the body of monitoring honestly.
func (m *Model) AnswerMonitor(request []byte) ([]byte, error) {
	q, err := keytrans.ParseMonitorRequest(request)
	if err != nil {
		return nil, err
	}
	for _, p := range m.People {
		if p.User == q.User {
			return m.Monitor(q, m.GreatestOf(p)).Encode(), nil
		}
	}
	return nil, keytrans.ErrRequest
}

// Greatest is the greatest version of p in the map of an epoch.
func (m *Model) Greatest(p *Person, epoch int) (version uint32, ok bool) {
	for v := range uint32(len(p.Records)) {
		label, _ := m.Label(keytrans.Users, p.User[:], v)
		if _, in := m.Maps[epoch][label]; in {
			version, ok = v, true
		}
	}
	return version, ok
}

// GreatestOf is Greatest of p as [Model.Monitor] takes it.
func (m *Model) GreatestOf(p *Person) func(epoch int) uint32 {
	return func(epoch int) uint32 {
		v, _ := m.Greatest(p, epoch)
		return v
	}
}

// Consistency is the body that joins the log of from epochs to that of to.
func (m *Model) Consistency(from, to int) []byte {
	return keytrans.EncodeHashes(LogConsistency(from, m.Leaves[:to]))
}
