package dd

import "encoding/binary"

// Bits before the parts that [AppendPatched] moves.
const (
	mandatoryBits = 24
	flagBits      = 5
)

// Parse reads the descriptor b into d. structure is the last structure of the
// same source, or nil. If the packet carries a structure, it is read into
// attached, d.Attached is set, and the descriptor is resolved with it; attached
// must not be nil and must not be structure itself, because a packet that fails
// half-way leaves it undefined.
//
// The errors are ErrMalformed, and ErrNoStructure if the template is not in
// structure. In both cases d holds what was read so far.
func Parse(b []byte, structure, attached *Structure, d *Descriptor) error {
	*d = Descriptor{}
	if len(b) < 3 || len(b) > MaxSize {
		return ErrMalformed
	}
	d.StartOfFrame = b[0]&0x80 != 0
	d.EndOfFrame = b[0]&0x40 != 0
	d.TemplateID = b[0] & 0x3f
	d.FrameNumber = binary.BigEndian.Uint16(b[1:])

	r := bitReader{b: b, at: mandatoryBits}
	var customDTIs, customFrameDiffs, customChains bool
	if len(b) > 3 { // extended_descriptor_fields
		d.Attached = r.flag()
		d.HasActive = r.flag()
		customDTIs = r.flag()
		customFrameDiffs = r.flag()
		customChains = r.flag()
		if d.Attached {
			if !attached.read(&r) {
				return ErrMalformed
			}
			structure = attached
		}
	}
	d.activeAt = uint16(r.at)
	if structure == nil || structure.TemplateCount == 0 {
		return ErrNoStructure
	}
	d.TargetCount = structure.TargetCount
	d.ChainCount = structure.ChainCount
	if d.Attached {
		d.Active = structure.AllTargets()
	}
	if d.HasActive {
		d.Active = r.f(int(d.TargetCount))
	}

	t, ok := structure.Template(d.TemplateID)
	if !ok {
		if d.Attached {
			return ErrMalformed
		}
		return ErrNoStructure
	}
	d.inherit(t)
	if customDTIs {
		d.readDTIs(&r)
	}
	if customFrameDiffs && !d.readFrameDiffs(&r) {
		return ErrMalformed
	}
	if customChains {
		for i := range d.ChainCount {
			d.ChainDiffs[i] = uint8(r.f(8))
		}
	}
	d.bits = uint16(r.at)
	if r.failed {
		return ErrMalformed
	}
	return nil
}

// inherit takes what the template says (frame_dependency_definition).
func (d *Descriptor) inherit(t *Template) {
	d.Spatial, d.Temporal = t.Spatial, t.Temporal
	d.DTIs = t.DTIs
	d.FrameDiffCount = t.FrameDiffCount
	for i := range t.FrameDiffCount {
		d.FrameDiffs[i] = uint16(t.FrameDiffs[i])
	}
	d.ChainDiffs = t.ChainDiffs
}

func (d *Descriptor) readDTIs(r *bitReader) {
	for i := range d.TargetCount {
		d.DTIs[i] = DTI(r.f(2))
	}
}

// readFrameDiffs reads frame_fdiffs.
func (d *Descriptor) readFrameDiffs(r *bitReader) bool {
	d.FrameDiffCount = 0
	for size := r.f(2); size != 0; size = r.f(2) {
		if d.FrameDiffCount == MaxFrameDiffs {
			return false
		}
		d.FrameDiffs[d.FrameDiffCount] = uint16(r.f(4*int(size))) + 1
		d.FrameDiffCount++
	}
	return !r.failed
}

// read reads template_dependency_structure, and reports whether it was sound.
func (s *Structure) read(r *bitReader) bool {
	*s = Structure{}
	s.IDOffset = uint8(r.f(6))
	s.TargetCount = uint8(r.f(5)) + 1
	if !s.readLayers(r) {
		return false
	}
	for i := range s.TemplateCount {
		for j := range s.TargetCount {
			s.Templates[i].DTIs[j] = DTI(r.f(2))
		}
	}
	for i := range s.TemplateCount {
		if !s.Templates[i].readFrameDiffs(r) {
			return false
		}
	}
	s.readChains(r)
	s.resolveTargets()
	s.HasResolutions = r.flag()
	if s.HasResolutions {
		for i := range s.SpatialCount {
			s.Resolutions[i] = Resolution{r.f(16) + 1, r.f(16) + 1}
		}
	}
	return !r.failed
}

// Values of next_layer_idc (Table A.2).
const (
	sameLayer = iota
	nextTemporal
	nextSpatial
	noMoreLayers
)

// readLayers reads template_layers.
func (s *Structure) readLayers(r *bitReader) bool {
	var spatial, temporal uint8
	for {
		if s.TemplateCount == MaxTemplates {
			return false
		}
		s.Templates[s.TemplateCount].Spatial = spatial
		s.Templates[s.TemplateCount].Temporal = temporal
		s.TemplateCount++
		switch r.f(2) {
		case nextTemporal:
			temporal++
		case nextSpatial:
			temporal = 0
			spatial++
		case noMoreLayers:
			s.SpatialCount = spatial + 1
			return true
		}
		if r.failed || spatial == MaxSpatial || temporal == MaxTemporal {
			return false
		}
	}
}

// readFrameDiffs reads one template's part of template_fdiffs.
func (t *Template) readFrameDiffs(r *bitReader) bool {
	for r.flag() {
		if t.FrameDiffCount == MaxFrameDiffs {
			return false
		}
		t.FrameDiffs[t.FrameDiffCount] = uint8(r.f(4)) + 1
		t.FrameDiffCount++
	}
	return !r.failed
}

// readChains reads template_chains.
func (s *Structure) readChains(r *bitReader) {
	s.ChainCount = uint8(r.ns(int(s.TargetCount) + 1))
	if s.ChainCount == 0 {
		return
	}
	for i := range s.TargetCount {
		s.ProtectedBy[i] = uint8(r.ns(int(s.ChainCount)))
	}
	for i := range s.TemplateCount {
		for j := range s.ChainCount {
			s.Templates[i].ChainDiffs[j] = uint8(r.f(4))
		}
	}
}

// resolveTargets finds the layer of each decode target (decode_target_layers).
func (s *Structure) resolveTargets() {
	for i := range s.TargetCount {
		var l Layer
		for j := range s.TemplateCount {
			t := &s.Templates[j]
			if t.DTIs[i] == NotPresent {
				continue
			}
			l.Spatial = max(l.Spatial, t.Spatial)
			l.Temporal = max(l.Temporal, t.Temporal)
		}
		s.Targets[i] = l
	}
}

// Template returns the template with the given frame_dependency_template_id.
func (s *Structure) Template(id uint8) (t *Template, ok bool) {
	i := (id - s.IDOffset) & 0x3f
	if i >= s.TemplateCount {
		return nil, false
	}
	return &s.Templates[i], true
}

// AllTargets returns the mask of all decode targets.
func (s *Structure) AllTargets() uint32 { return uint32(1<<s.TargetCount - 1) }

// TargetsWithin returns the mask of the decode targets that need no layer above l.
func (s *Structure) TargetsWithin(l Layer) uint32 {
	var mask uint32
	for i := range s.TargetCount {
		if s.Targets[i].Spatial <= l.Spatial && s.Targets[i].Temporal <= l.Temporal {
			mask |= 1 << i
		}
	}
	return mask
}
