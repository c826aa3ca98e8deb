package feedback

// A Source is one SSRC of a publisher. It belongs to its [Recorder].
type Source struct {
	ssrc, clock uint32
	nack        bool
}

// Lost reports whether packets were given up since the last call, and the newest
// of them: nobody asks for them any more, so a decoder may need a key frame. It
// is always false for sources without NACK.
func (s *Source) Lost() (sequence uint16, lost bool) { return 0, false }
