package dd

// PatchFrameNumber sets the frame number of a descriptor in place.
func PatchFrameNumber(b []byte, n uint16) error { return ErrMalformed }

// AppendPatched appends to dst the descriptor raw, which [Parse] read as d, with
// another frame number and, if setActive, with active as the mask of active
// decode targets. All else keeps its bits. s is the structure d was resolved
// with. It returns dst unchanged and ErrTooLong if the result would not fit into
// a header extension.
func AppendPatched(dst, raw []byte, d *Descriptor, s *Structure, frameNumber uint16, setActive bool, active uint32) ([]byte, error) {
	return dst, ErrMalformed
}
