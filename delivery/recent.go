package delivery

import (
	"sync"

	"conclave/api"
)

// Bounds of what is kept in memory.
const (
	recentRows   = 64      // of a group
	recentGroups = 4096    // when there are more, all are forgotten
	recentBytes  = 1 << 20 // of a group
)

// recent are the newest rows of busy groups, so that a row that goes to a thousand
// devices is read once.
type recent struct {
	mu     sync.Mutex
	groups map[[16]byte]*tail
}

// A tail is the end of a log, without a gap.
type tail struct {
	rows  []*api.Row
	bytes int
}

func newRecent() *recent { return &recent{groups: make(map[[16]byte]*tail)} }

// add keeps a row. If it does not follow what is kept, that is forgotten.
func (r *recent) add(group [16]byte, row *api.Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.groups[group]
	if t == nil {
		if len(r.groups) >= recentGroups {
			clear(r.groups)
		}
		t = &tail{}
		r.groups[group] = t
	}
	if n := len(t.rows); n > 0 && row.GetSeq() <= t.rows[n-1].GetSeq() {
		return
	} else if n > 0 && row.GetSeq() != t.rows[n-1].GetSeq()+1 {
		*t = tail{}
	}
	t.rows = append(t.rows, row)
	t.bytes += len(row.GetMessage())
	for len(t.rows) > 1 && (len(t.rows) > recentRows || t.bytes > recentBytes) {
		t.bytes -= len(t.rows[0].GetMessage())
		t.rows[0] = nil
		t.rows = t.rows[1:]
	}
}

// after returns the rows after a number, none if they are not here, and whether they
// are the newest that are known.
func (r *recent) after(group [16]byte, seq uint64, rows, bytes int) (out []*api.Row, newest bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.groups[group]
	if t == nil || len(t.rows) == 0 || seq+1 < t.rows[0].GetSeq() || seq >= t.rows[len(t.rows)-1].GetSeq() {
		return nil, false
	}
	for _, row := range t.rows[seq+1-t.rows[0].GetSeq():] {
		if bytes -= len(row.GetMessage()); len(out) > 0 && (len(out) >= rows || bytes < 0) {
			break
		}
		out = append(out, row)
	}
	return out, out[len(out)-1] == t.rows[len(t.rows)-1]
}

// wire returns a row as it goes to devices.
func (row *Row) wire() *api.Row {
	return &api.Row{
		Seq: row.Seq, Kind: api.RowKind(row.Kind), Sender: row.Sender[:], ClientMessageId: row.ClientID[:],
		Epoch: row.Epoch, Time: row.Time, Message: row.Message,
	}
}
