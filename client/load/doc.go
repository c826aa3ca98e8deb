// Package load makes media load for a forwarding server and measures what
// arrives. It is what `conclave load media` runs.
//
// [Run] does a whole measurement of a Conclave server: publishers and
// subscribers join a meeting, and CPU and memory are read from the server's
// /metrics. [Publisher] and [Subscriber] are the peers it is made of; with an
// [Exchange] of their own they measure any other server that speaks SDP.
//
// The packets have the headers of their codec as browsers write them; the rest of
// the payload is random, as if it were sealed, and ends with the time of sending.
// Latency is measured with the clock of this process, so both ends must be in it.
package load
