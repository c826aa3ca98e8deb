package load

// A Count is what a subscriber, or many, received from the start. Counts add up,
// and the difference of two is what came between them.
type Count struct {
	Packets    int64 // media packets, each once, however it came
	Bytes      int64 // of them, without SRTP's tag
	Lost       int64 // gaps in sequence numbers less those filled later; between two Counts it may be negative
	Late       int64 // packets that filled a gap, repaired or reordered
	Repaired   int64 // of them, by retransmission
	Duplicates int64 // packets that came before
	Padding    int64 // packets without payload, such as probes
	Dropped    int64 // datagrams that the emulated link dropped
	Latency    Histogram
}

// Add returns c and d together.
func (c Count) Add(d Count) Count { return c }

// Sub returns what came between d, taken earlier, and c.
func (c Count) Sub(d Count) Count { return c }
