package layer

// incomingWindow is how many incoming sequence numbers behind the newest may
// still be undecided: some seconds of a stream of which little is forwarded.
const incomingWindow = 2048

// An incoming keeps account of the sequence numbers of the source being
// forwarded: which are decided, and which packets beyond have been dropped.
//
//	... 41 42 43 | 44 45 46 47 48
//	    decided  | ?  d  ?  d        44 and 46 have not arrived, 45 and 47 are dropped
type incoming struct {
	decided uint64 // every number up to this one was sent, promised or dropped
	highest uint64 // highest number that arrived
	dropped [incomingWindow / 64]uint64
}

// start makes first the first number to decide about.
func (in *incoming) start(first uint64) {
	*in = incoming{decided: first - 1, highest: first - 1}
}

func (in *incoming) isDropped(n uint64) bool {
	return in.dropped[n%incomingWindow/64]&(1<<(n%64)) != 0
}

// drop notes that the packet n, which is not decided, is not forwarded.
func (in *incoming) drop(n uint64) {
	in.highest = max(in.highest, n)
	if n > in.decided+incomingWindow { // what is missing so long ago will not come
		in.decide(n - incomingWindow)
	}
	in.dropped[n%incomingWindow/64] |= 1 << (n % 64)
	for in.isDropped(in.decided + 1) {
		in.decide(in.decided + 1)
	}
}

// dropAll notes that the packets from first to last are not to be forwarded.
func (in *incoming) dropAll(first, last uint64) {
	for n := max(first, in.decided+1); n <= last; n++ {
		in.drop(n)
	}
}

// decide makes every number up to n decided.
func (in *incoming) decide(n uint64) {
	in.highest = max(in.highest, n)
	if n-in.decided >= incomingWindow {
		clear(in.dropped[:])
		in.decided = n
		return
	}
	for in.decided < n {
		in.decided++
		in.dropped[in.decided%incomingWindow/64] &^= 1 << (in.decided % 64)
	}
}
