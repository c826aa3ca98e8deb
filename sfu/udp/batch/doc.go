// Package batch sends and receives many UDP datagrams with few system calls.
//
// On Linux a read is one recvmmsg of datagrams that the kernel may have joined
// (UDP_GRO), and a flush is one sendmmsg of messages that each carry a run of
// datagrams for one address (UDP_SEGMENT, called GSO). What the kernel or a route
// refuses is sent in a plainer form; see Level. Elsewhere every datagram is a
// system call of its own.
//
// Begin with Listen; then one goroutine with NewReadBatch and Socket.Read, and one
// NewWriter for each goroutine that sends. Reading, writing and flushing allocate
// nothing.
package batch
