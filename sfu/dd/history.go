package dd

// A history knows which frames a new one depends on, in the regular structures
// of [Mode]:
//
//   - the frame of spatial layer 0 in a key picture: on nothing;
//   - another frame of a key picture: on the layer below in the same picture;
//   - T0: on the last T0 of its spatial layer;
//   - T1, T2: on the last frame of its spatial layer with a lower temporal id, but
//     none above T0 that is older than the last T0 picture, so that a receiver can
//     begin with higher temporal layers there even if the encoder left out frames;
//   - without Key also: on the layer below in the same picture.
//
// A chain for a spatial layer is its T0 frames, and the frames they depend on in
// lower layers.
type history struct {
	mode    Mode
	number  uint16 // of the next frame
	started bool

	last  [maxModeSpatial][maxModeTemporal]frame // newest frame of each layer
	chain [maxModeSpatial]frame                  // newest frame of each chain

	picture [maxModeSpatial]frame // of the picture being written
	top     uint8                 // highest spatial layer of it so far
}

// A frame is a frame number that may be unset.
type frame struct {
	number uint16
	exists bool
}

// next returns the descriptor of the next frame, without template id and packet
// flags, and remembers the frame.
func (h *history) next(spatial, temporal uint8, key bool) Descriptor {
	if key && spatial == 0 {
		*h = history{mode: h.mode, number: h.number}
	}
	if !h.started || spatial <= h.top {
		h.picture = [maxModeSpatial]frame{}
		for s := range h.last {
			clear(h.last[s][temporal+1:])
		}
	}
	h.started, h.top = true, spatial

	d := Descriptor{
		FrameNumber: h.number, Spatial: spatial, Temporal: temporal,
		TargetCount: uint8(h.mode.Spatial * h.mode.Temporal), ChainCount: uint8(h.mode.Spatial),
	}
	h.addDTIs(&d, key)
	h.addFrameDiffs(&d, key)
	for c, f := range h.chain[:h.mode.Spatial] {
		if f.exists {
			d.ChainDiffs[c] = uint8(min(h.number-f.number, 255))
		}
	}

	this := frame{h.number, true}
	h.last[spatial][temporal] = this
	h.picture[spatial] = this
	if temporal == 0 {
		for c := range h.mode.Spatial {
			if c == int(spatial) || c > int(spatial) && (key || !h.mode.Key) {
				h.chain[c] = this
			}
		}
	}
	h.number++
	return d
}

// addFrameDiffs finds what the frame depends on.
func (h *history) addFrameDiffs(d *Descriptor, key bool) {
	if !key {
		reference := h.last[d.Spatial][0]
		for t := uint8(1); t < d.Temporal; t++ {
			if f := h.last[d.Spatial][t]; f.exists && h.number-f.number < h.number-reference.number {
				reference = f
			}
		}
		h.addFrameDiff(d, reference)
	}
	if d.Spatial > 0 && (key || !h.mode.Key || d.FrameDiffCount == 0) {
		h.addFrameDiff(d, h.picture[d.Spatial-1])
	}
}

func (h *history) addFrameDiff(d *Descriptor, on frame) {
	// The format has 12 bits. An older frame is not a reference in these modes.
	if diff := h.number - on.number; on.exists && diff <= 1<<12 {
		d.FrameDiffs[d.FrameDiffCount] = diff
		d.FrameDiffCount++
	}
}

// addDTIs says what the frame is to each decode target.
func (h *history) addDTIs(d *Descriptor, key bool) {
	for i := range d.TargetCount {
		spatial, temporal := i/uint8(h.mode.Temporal), i%uint8(h.mode.Temporal)
		switch {
		case spatial < d.Spatial || temporal < d.Temporal:
			d.DTIs[i] = NotPresent
		case spatial > d.Spatial && !key && h.mode.Key:
			d.DTIs[i] = NotPresent
		case spatial > d.Spatial && !key:
			d.DTIs[i] = Required
		case d.Temporal > 0 && temporal == d.Temporal:
			d.DTIs[i] = Discardable
		default:
			d.DTIs[i] = Switch
		}
	}
}
