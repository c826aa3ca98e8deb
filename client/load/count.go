package load

// A Count is what a subscriber, or many, received from the start. Counts add up,
// and the difference of two is what came between them.
type Count struct {
	Packets    int64 // media packets, each once, however it came
	Bytes      int64 // of them, RTP header included, without SRTP's tag
	Lost       int64 // gaps in sequence numbers less those filled later; between two Counts it may be negative
	Late       int64 // packets that filled a gap, repaired or reordered
	Repaired   int64 // of them, those that were retransmitted
	Duplicates int64 // packets that came before
	Padding    int64 // packets without payload, such as probes
	Dropped    int64 // datagrams that the emulated link dropped
	Latency    Histogram
}

// Add returns c and d together.
func (c Count) Add(d Count) Count { return c.combine(d, 1) }

// Sub returns what came between d, taken earlier, and c.
func (c Count) Sub(d Count) Count { return c.combine(d, -1) }

func (c Count) combine(d Count, sign int64) Count {
	return Count{
		Packets:    c.Packets + sign*d.Packets,
		Bytes:      c.Bytes + sign*d.Bytes,
		Lost:       c.Lost + sign*d.Lost,
		Late:       c.Late + sign*d.Late,
		Repaired:   c.Repaired + sign*d.Repaired,
		Duplicates: c.Duplicates + sign*d.Duplicates,
		Padding:    c.Padding + sign*d.Padding,
		Dropped:    c.Dropped + sign*d.Dropped,
		Latency:    c.Latency.combine(d.Latency, sign),
	}
}
