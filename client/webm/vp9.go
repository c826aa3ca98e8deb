package webm

import (
	"errors"
	"fmt"
)

// ErrVP9 is wrapped by all errors about a VP9 frame that cannot be understood.
var ErrVP9 = errors.New("malformed VP9 frame")

const (
	syncCode   = 0x498342
	refSlots   = 8 // reference frame buffers, VP9 specification, Section 3
	refsPerUse = 3 // references of one inter frame
	colorRGB   = 7
)

// A size is the width and height of a picture in pixels.
type size struct{ width, height int }

// A vp9Header is what the uncompressed header says that concerns a muxer.
type vp9Header struct {
	showExisting bool
	key          bool
	intraOnly    bool
	show         bool
	size         size
	refresh      uint8 // reference slots the frame is stored in

	showBit  int // position of show_frame
	errorBit int // position of error_resilient_mode
	endBit   int // first bit after header_size_in_bytes
}

// slots are the sizes of the pictures in the decoder's reference buffers. An
// inter frame may say "as large as that one", and how long its header is
// depends on its size.
type slots [refSlots]size

// parse reads the uncompressed header of a profile 0 frame (VP9 bitstream
// specification, Section 6.2). The frame's compressed part must be there.
func (s *slots) parse(frame []byte) (vp9Header, error) {
	r := &bitReader{b: frame}
	h := vp9Header{}
	if r.bits(2) != 2 {
		return h, fmt.Errorf("%w: no frame marker", ErrVP9)
	}
	if profile := r.bit() | r.bit()<<1; profile != 0 {
		return h, fmt.Errorf("%w: profile %d", ErrVP9, profile)
	}
	if h.showExisting = r.flag(); h.showExisting {
		h.size = s[r.bits(3)]
		return h, shortError(r)
	}
	h.key = !r.flag()
	h.showBit = r.pos
	h.show = r.flag()
	h.errorBit = r.pos
	resilient := r.flag()
	if err := s.parseFrameKind(r, &h, resilient); err != nil {
		return h, err
	}
	if !resilient {
		r.skip(2) // refresh_frame_context, frame_parallel_decoding_mode
	}
	r.skip(2) // frame_context_idx
	skipLoopFilter(r)
	skipQuantization(r)
	skipSegmentation(r)
	skipTiles(r, h.size.width)
	compressed := int(r.bits(16))
	h.endBit = r.pos
	if err := shortError(r); err != nil {
		return h, err
	}
	if compressed == 0 || (h.endBit+7)/8+compressed > len(frame) {
		return h, fmt.Errorf("%w: compressed header of %d bytes", ErrVP9, compressed)
	}
	return h, nil
}

// parseFrameKind reads the part of the header that differs between key,
// intra-only and inter frames.
func (s *slots) parseFrameKind(r *bitReader, h *vp9Header, resilient bool) error {
	if h.key {
		if r.bits(24) != syncCode {
			return fmt.Errorf("%w: no sync code", ErrVP9)
		}
		if r.bits(3) == colorRGB {
			return fmt.Errorf("%w: RGB in profile 0", ErrVP9)
		}
		r.skip(1) // color_range
		h.size = readSize(r)
		skipRenderSize(r)
		h.refresh = 0xff
		return nil
	}
	if !h.show {
		h.intraOnly = r.flag()
	}
	if !resilient {
		r.skip(2) // reset_frame_context
	}
	if h.intraOnly {
		if r.bits(24) != syncCode {
			return fmt.Errorf("%w: no sync code", ErrVP9)
		}
		h.refresh = uint8(r.bits(8))
		h.size = readSize(r)
		skipRenderSize(r)
		return nil
	}
	h.refresh = uint8(r.bits(8))
	var refs [refsPerUse]uint32
	for i := range refs {
		refs[i] = r.bits(3)
		r.skip(1) // ref_frame_sign_bias
	}
	if err := s.readSizeFromRefs(r, h, refs); err != nil {
		return err
	}
	r.skip(1) // allow_high_precision_mv
	if !r.flag() {
		r.skip(2) // raw_interpolation_filter
	}
	return nil
}

// readSizeFromRefs is frame_size_with_refs of Section 6.2.5.
func (s *slots) readSizeFromRefs(r *bitReader, h *vp9Header, refs [refsPerUse]uint32) error {
	found := false
	for _, ref := range refs {
		if found = r.flag(); found {
			h.size = s[ref]
			break
		}
	}
	if !found {
		h.size = readSize(r)
	}
	if h.size == (size{}) {
		return fmt.Errorf("%w: sized as a reference that was not seen", ErrVP9)
	}
	skipRenderSize(r)
	return nil
}

// store records that the decoder has put the frame of h into its slots.
func (s *slots) store(h vp9Header) {
	for i := range s {
		if !h.showExisting && h.refresh>>i&1 == 1 {
			s[i] = h.size
		}
	}
}

func readSize(r *bitReader) size {
	return size{width: int(r.bits(16)) + 1, height: int(r.bits(16)) + 1}
}

func skipRenderSize(r *bitReader) {
	if r.flag() {
		r.skip(32)
	}
}

func skipLoopFilter(r *bitReader) {
	r.skip(6 + 3) // level, sharpness
	enabled := r.flag()
	if updated := enabled && r.flag(); !updated {
		return
	}
	for range 4 + 2 { // reference deltas, mode deltas
		if r.flag() {
			r.skip(6 + 1)
		}
	}
}

func skipQuantization(r *bitReader) {
	r.skip(8)
	for range 3 {
		if r.flag() {
			r.skip(4 + 1)
		}
	}
}

func skipSegmentation(r *bitReader) {
	if !r.flag() {
		return
	}
	skipProbabilities := func(n int) {
		for range n {
			if r.flag() {
				r.skip(8)
			}
		}
	}
	if r.flag() { // segmentation_update_map
		skipProbabilities(7)
		if r.flag() { // segmentation_temporal_update
			skipProbabilities(3)
		}
	}
	if !r.flag() { // segmentation_update_data
		return
	}
	r.skip(1) // segmentation_abs_or_delta_update
	features := [4]int{8 + 1, 6 + 1, 2, 0}
	for range 8 {
		for _, bits := range features {
			if r.flag() {
				r.skip(bits)
			}
		}
	}
}

func skipTiles(r *bitReader, width int) {
	blocks := (width + 63) / 64 // 64x64 superblocks in a row
	least, most := 0, 1
	for 64<<least < blocks {
		least++
	}
	for blocks>>most >= 4 {
		most++
	}
	most--
	for least < most && r.flag() {
		least++
	}
	if r.flag() { // tile_rows_log2
		r.skip(1)
	}
}

func shortError(r *bitReader) error {
	if r.short {
		return fmt.Errorf("%w: cut short", ErrVP9)
	}
	return nil
}

// hide returns frame marked as not shown. A frame that is not shown has the
// extra bit intra_only after error_resilient_mode unless it is a key frame
// (Section 6.2), so that everything up to the end of the header moves by one.
func hide(frame []byte, h vp9Header) []byte {
	if h.showExisting || !h.show {
		return frame
	}
	w := bitWriter{b: make([]byte, 0, len(frame)+1)}
	w.copyBits(frame, 0, h.showBit)
	w.bit(0)
	w.copyBits(frame, h.errorBit, h.errorBit+1)
	if !h.key {
		w.bit(0) // intra_only
	}
	w.copyBits(frame, h.errorBit+1, h.endBit)
	return append(w.b, frame[(h.endBit+7)/8:]...)
}
