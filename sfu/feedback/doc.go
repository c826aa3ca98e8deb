// Package feedback writes what a server tells a publisher about the packets that
// arrived: which it wants again (generic NACK, RFC 4585, Section 6.2.1), when each
// came (transport-wide feedback,
// draft-holmer-rmcat-transport-wide-cc-extensions-01) and how many were lost
// (receiver reports, RFC 3550, Section 6.4.2).
//
// A [Recorder] belongs to one publishing connection. It has no socket, clock or
// goroutine: packets and times go in, RTCP comes out of [Recorder.Append] whenever
// [Recorder.Next] has come. Nothing is allocated for a packet, and what a
// Recorder remembers is bounded whatever a publisher sends.
package feedback
