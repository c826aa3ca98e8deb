// Package engine joins the parts of the forwarding plane: the transport
// (sfu/udp), the rooms' decisions (sfu/room) and the session descriptions
// (sfu/negotiate) that connect a client to both.
//
// Start with [New], which binds the sockets; [Engine.NewRoom] makes the media of
// one meeting and [Room.Attach] the side of one participant.
//
// # The way of a packet
//
//	udp     a shard reads a batch, opens what comes from one peer
//	engine  takes the lock of the peer's room, once
//	room    decides, and fills an rtp.Output
//	engine  releases the lock; frames to clients have gone to their queues
//	udp     the same shard seals and sends the Output
//
// So one room is decided by one goroutine at a time, and neither sealing nor a
// system call happens under a lock. Besides the shards there is one goroutine
// that lets time pass for all rooms, and for a moment one for each room that
// has offers to make.
//
// A panic in a room's code ends that room and is logged; the others go on.
package engine
