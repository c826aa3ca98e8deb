package meeting

import "google.golang.org/protobuf/encoding/protowire"

// A field number path of api.ServerFrame that leads to lists of messages.
const (
	frameReply        = 1
	frameStreams      = 3
	frameOffer        = 4
	frameSlots        = 5
	frameStreamStates = 6
	replyJoined       = 3
)

// isCrowded reports whether a frame has more elements than any honest one. An
// empty element takes two bytes of a frame and a hundred of memory once it is
// unmarshalled, so they are counted before.
func isCrowded(frame []byte) bool {
	budget := maxElements
	ok := eachField(frame, &budget, func(number protowire.Number, body []byte) bool {
		switch number {
		case frameReply:
			return eachField(body, &budget, func(number protowire.Number, body []byte) bool {
				return number != replyJoined || eachField(body, &budget, nil)
			})
		case frameStreams, frameOffer, frameSlots, frameStreamStates:
			return eachField(body, &budget, nil)
		default: // no lists in it
			return true
		}
	})
	return !ok && budget < 0
}

// eachField takes one off budget for every field of b and calls f, if there is
// one, with those that hold bytes. It reports false when the budget is used up,
// when b does not parse, or when f does.
func eachField(b []byte, budget *int, f func(protowire.Number, []byte) bool) bool {
	for len(b) > 0 {
		if *budget--; *budget < 0 {
			return false
		}
		number, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return false
		}
		n := protowire.ConsumeFieldValue(number, kind, b[tag:])
		if n < 0 {
			return false
		}
		if kind == protowire.BytesType && f != nil {
			body, _ := protowire.ConsumeBytes(b[tag:])
			if !f(number, body) {
				return false
			}
		}
		b = b[tag+n:]
	}
	return true
}
