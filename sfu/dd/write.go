package dd

import "encoding/binary"

// AppendPatched appends to dst the descriptor raw, which [Parse] read as d, with
// another frame number and, if setActive, with active as the mask of active
// decode targets. All else keeps its bits. It returns dst unchanged and
// ErrTooLong if the result does not fit into a header extension.
func AppendPatched(dst, raw []byte, d *Descriptor, frameNumber uint16, setActive bool, active uint32) ([]byte, error) {
	if len(raw) < 3 || int(d.bits) > len(raw)*8 {
		return dst, ErrMalformed
	}
	start := len(dst)
	if !setActive {
		dst = append(dst, raw...)
		binary.BigEndian.PutUint16(dst[start+1:], frameNumber)
		return dst, nil
	}

	var buf [MaxSize]byte
	w := bitWriter{b: buf[:]}
	w.f(8, uint32(raw[0]))
	w.f(16, uint32(frameNumber))
	width := int(d.TargetCount)
	rest := int(d.activeAt)
	if len(raw) == 3 {
		w.f(flagBits, 0b01000)
	} else {
		w.f(flagBits, uint32(raw[3]>>3)|0b01000)
		w.copyBits(raw, mandatoryBits+flagBits, int(d.activeAt))
		if d.HasActive {
			rest += width
		}
	}
	w.f(width, active)
	w.copyBits(raw, rest, int(d.bits))
	if w.failed {
		return dst, ErrTooLong
	}
	return append(dst, buf[:w.size()]...), nil
}

// Append appends the descriptor d to dst, resolved with s: what differs from the
// template d.TemplateID is written as custom fields. If d.Attached, s goes along.
// It returns dst unchanged and ErrMalformed if d does not fit s or the format, or
// ErrTooLong.
func Append(dst []byte, d *Descriptor, s *Structure) ([]byte, error) {
	t, ok := s.Template(d.TemplateID)
	if !ok || t.Spatial != d.Spatial || t.Temporal != d.Temporal || d.FrameDiffCount > MaxFrameDiffs {
		return dst, ErrMalformed
	}
	var buf [MaxSize]byte
	w := bitWriter{b: buf[:]}
	w.flag(d.StartOfFrame)
	w.flag(d.EndOfFrame)
	w.f(6, uint32(d.TemplateID))
	w.f(16, uint32(d.FrameNumber))

	dtis, diffs, chains := d.differs(t, s)
	if d.Attached || d.HasActive || dtis || diffs || chains {
		w.flag(d.Attached)
		w.flag(d.HasActive)
		w.flag(dtis)
		w.flag(diffs)
		w.flag(chains)
		if d.Attached && !s.write(&w) {
			return dst, ErrMalformed
		}
		if d.HasActive {
			w.f(int(s.TargetCount), d.Active)
		}
		if !d.writeCustom(&w, s, dtis, diffs, chains) {
			return dst, ErrMalformed
		}
	}
	if w.failed {
		return dst, ErrTooLong
	}
	return append(dst, buf[:w.size()]...), nil
}

// differs reports which parts of d are not those of its template.
func (d *Descriptor) differs(t *Template, s *Structure) (dtis, diffs, chains bool) {
	for i := range s.TargetCount {
		dtis = dtis || d.DTIs[i] != t.DTIs[i]
	}
	diffs = d.FrameDiffCount != t.FrameDiffCount
	for i := range min(d.FrameDiffCount, t.FrameDiffCount) {
		diffs = diffs || d.FrameDiffs[i] != uint16(t.FrameDiffs[i])
	}
	for i := range s.ChainCount {
		chains = chains || d.ChainDiffs[i] != t.ChainDiffs[i]
	}
	return dtis, diffs, chains
}

// writeCustom writes frame_dtis, frame_fdiffs and frame_chains.
func (d *Descriptor) writeCustom(w *bitWriter, s *Structure, dtis, diffs, chains bool) bool {
	if dtis {
		for i := range s.TargetCount {
			w.f(2, uint32(d.DTIs[i]))
		}
	}
	if diffs {
		for _, v := range d.FrameDiffs[:d.FrameDiffCount] {
			size := 1
			switch {
			case v == 0 || v > 1<<12:
				return false
			case v > 1<<8:
				size = 3
			case v > 1<<4:
				size = 2
			}
			w.f(2, uint32(size))
			w.f(4*size, uint32(v-1))
		}
		w.f(2, 0)
	}
	if chains {
		for i := range s.ChainCount {
			w.f(8, uint32(d.ChainDiffs[i]))
		}
	}
	return true
}

// write writes template_dependency_structure, and reports whether s can be
// written: templates are sorted by layer without a gap, and differences fit.
func (s *Structure) write(w *bitWriter) bool {
	if s.TemplateCount == 0 || s.TemplateCount > MaxTemplates || s.TargetCount == 0 || s.TargetCount > MaxTargets ||
		s.ChainCount > s.TargetCount {
		return false
	}
	w.f(6, uint32(s.IDOffset))
	w.f(5, uint32(s.TargetCount-1))
	if !s.writeLayers(w) {
		return false
	}
	for i := range s.TemplateCount {
		for j := range s.TargetCount {
			w.f(2, uint32(s.Templates[i].DTIs[j]))
		}
	}
	for i := range s.TemplateCount {
		t := &s.Templates[i]
		for _, v := range t.FrameDiffs[:t.FrameDiffCount] {
			if v == 0 || v > 16 {
				return false
			}
			w.f(5, 1<<4|uint32(v-1))
		}
		w.f(1, 0)
	}
	if !s.writeChains(w) {
		return false
	}
	w.flag(s.HasResolutions)
	if s.HasResolutions {
		for _, r := range s.Resolutions[:s.SpatialCount] {
			w.f(16, r.Width-1)
			w.f(16, r.Height-1)
		}
	}
	return true
}

// writeLayers writes template_layers.
func (s *Structure) writeLayers(w *bitWriter) bool {
	for i := range s.TemplateCount - 1 {
		a, b := &s.Templates[i], &s.Templates[i+1]
		switch {
		case b.Spatial == a.Spatial && b.Temporal == a.Temporal:
			w.f(2, sameLayer)
		case b.Spatial == a.Spatial && b.Temporal == a.Temporal+1:
			w.f(2, nextTemporal)
		case b.Spatial == a.Spatial+1 && b.Temporal == 0:
			w.f(2, nextSpatial)
		default:
			return false
		}
	}
	w.f(2, noMoreLayers)
	first, last := &s.Templates[0], &s.Templates[s.TemplateCount-1]
	return first.Spatial == 0 && first.Temporal == 0 && s.SpatialCount == last.Spatial+1
}

// writeChains writes template_chains.
func (s *Structure) writeChains(w *bitWriter) bool {
	w.ns(int(s.TargetCount)+1, uint32(s.ChainCount))
	if s.ChainCount == 0 {
		return true
	}
	for _, c := range s.ProtectedBy[:s.TargetCount] {
		if c >= s.ChainCount {
			return false
		}
		w.ns(int(s.ChainCount), uint32(c))
	}
	for i := range s.TemplateCount {
		for _, v := range s.Templates[i].ChainDiffs[:s.ChainCount] {
			if v > 15 {
				return false
			}
			w.f(4, uint32(v))
		}
	}
	return true
}
