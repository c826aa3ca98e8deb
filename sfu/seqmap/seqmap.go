// Package seqmap remembers which incoming packet each outgoing RTP sequence
// number of one receiver stands for, so that a NACK can be answered from the
// publisher's cache after packets were dropped and renumbered.
//
// It also answers the other way round: which number a late packet was promised.
// Both directions need one array only, because numbers are given in the order
// of the incoming packets of a source.
package seqmap

// Window is how many outgoing numbers are remembered: some three seconds of a
// 3 Mbit/s stream. A receiver does not ask for older packets to any use.
const Window = 1024

// maxRuns is how many changes of source are remembered.
const maxRuns = 8

// A Source is the server's own handle of one incoming RTP stream (one SSRC). It
// is unique among the streams that may ever be forwarded in the same slot.
type Source uint32

// An Origin names an incoming packet.
type Origin struct {
	Source   Source
	Sequence uint64 // extended incoming sequence number
}

// A State says what became of an outgoing number.
type State uint8

// The states of an outgoing number.
const (
	// Missing: the number is kept free for a packet that has not arrived, so
	// that the receiver sees the loss.
	Missing State = iota
	Sent
	SentMarker // sent with the marker bit
	// Filled: the packet was not to be forwarded after all, and padding took its
	// number.
	Filled
)

// An entry is one outgoing number.
type entry struct {
	incoming uint32 // low bits
	run      uint16 // low bits of the run's number
	state    State
}

// A run is a stretch of numbers given to one source in rising order.
type run struct {
	source  Source
	first   uint64 // first incoming sequence number
	outFrom uint64 // first outgoing number
	outTo   uint64 // one more than the last outgoing number
	last    uint64 // last incoming sequence number
}

// A Map belongs to one outgoing stream and one goroutine.
type Map struct {
	next    uint64 // next outgoing number, extended
	entries [Window]entry
	runs    [maxRuns]run
	runNext uint64 // number of runs ever begun
}

// New returns a Map whose first outgoing number is first.
func New(first uint16) *Map {
	// A number starts one turn up so that looking back never goes below zero.
	return &Map{next: 1<<16 + uint64(first)}
}

// Append gives the next outgoing number to the packet o.
func (m *Map) Append(o Origin, s State) uint16 {
	r := &m.runs[(m.runNext-1)%maxRuns]
	if m.runNext == 0 || r.source != o.Source || o.Sequence <= r.last {
		r = &m.runs[m.runNext%maxRuns]
		*r = run{source: o.Source, first: o.Sequence, outFrom: m.next}
		m.runNext++
	}
	out := m.next
	r.last = o.Sequence
	r.outTo = out + 1
	m.entries[out%Window] = entry{uint32(o.Sequence), uint16(m.runNext - 1), s}
	m.next++
	return uint16(out)
}

// Next returns the number that Append will give next.
func (m *Map) Next() uint16 { return uint16(m.next) }

// Lookup returns the packet that has the number out. ok is false if that is
// unknown: never given, or forgotten.
func (m *Map) Lookup(out uint16) (o Origin, s State, ok bool) {
	e, r, ok := m.entry(out)
	if !ok {
		return Origin{}, 0, false
	}
	return Origin{r.source, r.sequence(e)}, e.state, true
}

// Set changes the state of a number that Lookup or Find knows.
func (m *Map) Set(out uint16, s State) {
	if e, _, ok := m.entry(out); ok {
		e.state = s
	}
}

// Find returns the number that the packet o has.
func (m *Map) Find(o Origin) (out uint16, s State, ok bool) {
	for i := m.runNext; i > 0 && i+maxRuns > m.runNext; i-- {
		r := &m.runs[(i-1)%maxRuns]
		if r.source != o.Source || o.Sequence < r.first || o.Sequence > r.last {
			continue
		}
		return m.search(r, o.Sequence)
	}
	return 0, 0, false
}

// search finds an incoming number in a run, whose numbers rise.
func (m *Map) search(r *run, incoming uint64) (out uint16, s State, ok bool) {
	low, high := max(r.outFrom, m.oldest()), r.outTo
	for low < high {
		middle := low + (high-low)/2
		e := &m.entries[middle%Window]
		switch got := r.sequence(e); {
		case got == incoming:
			return uint16(middle), e.state, true
		case got < incoming:
			low = middle + 1
		default:
			high = middle
		}
	}
	return 0, 0, false
}

// oldest returns the oldest outgoing number remembered.
func (m *Map) oldest() uint64 { return m.next - min(m.next, Window) }

// entry returns the entry of an outgoing number and its run.
func (m *Map) entry(out uint16) (*entry, *run, bool) {
	// The newest number whose low bits are out.
	full := m.next - 1 - uint64(uint16(m.next-1)-out)
	if full < m.oldest() || m.runNext == 0 {
		return nil, nil, false
	}
	e := &m.entries[full%Window]
	age := uint16(m.runNext-1) - e.run
	if age >= maxRuns || uint64(age) >= m.runNext {
		return nil, nil, false
	}
	r := &m.runs[(m.runNext-1-uint64(age))%maxRuns]
	if full < r.outFrom || full >= r.outTo {
		return nil, nil, false
	}
	return e, r, true
}

// sequence returns the extended incoming number of an entry of the run.
func (r *run) sequence(e *entry) uint64 {
	return r.first + uint64(e.incoming-uint32(r.first))
}
