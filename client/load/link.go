package load

import "time"

// A Link is an emulated link towards a subscriber. It acts in this process, on
// what the subscriber's socket has read.
type Link struct {
	Rate   int           // bit/s of UDP payload; 0: unlimited
	Queue  time.Duration // what the queue before it holds at Rate; 300 ms; beyond it, dropped
	Loss   float64       // share of datagrams dropped at random, 0 to 1
	Delay  time.Duration // added to every datagram
	Jitter time.Duration // added at random, 0 to Jitter, without reordering
}
