package dd

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// ErrMode means that a scalability mode is not one this package writes.
var ErrMode = errors.New("dd: scalability mode not supported")

// A Mode is a scalability mode with layers predicted from each other: L1T1 to
// L4T3, and with Key the variants L2T1_KEY to L4T3_KEY, where a spatial layer
// depends on the one below in key pictures only. (Names as in W3C WebRTC-SVC.)
type Mode struct {
	Spatial, Temporal int // number of layers
	Key               bool
}

// ParseMode reads a name such as "L3T3_KEY". The error is ErrMode.
func ParseMode(name string) (Mode, error) {
	for spatial := 1; spatial <= maxModeSpatial; spatial++ {
		for temporal := 1; temporal <= maxModeTemporal; temporal++ {
			for _, key := range []bool{false, true} {
				if m := (Mode{spatial, temporal, key}); m.String() == name && m.isValid() {
					return m, nil
				}
			}
		}
	}
	return Mode{}, fmt.Errorf("%w: %.20q", ErrMode, name)
}

// Bounds of the modes we write.
const (
	maxModeSpatial  = 4
	maxModeTemporal = 3
)

func (m Mode) isValid() bool {
	return m.Spatial >= 1 && m.Spatial <= maxModeSpatial && m.Temporal >= 1 && m.Temporal <= maxModeTemporal &&
		(!m.Key || m.Spatial > 1)
}

// String returns the mode's name.
func (m Mode) String() string {
	s := fmt.Sprintf("L%dT%d", m.Spatial, m.Temporal)
	if m.Key {
		s += "_KEY"
	}
	return s
}

// Pattern returns the temporal ids of successive pictures, which repeat.
func (m Mode) Pattern() []uint8 {
	switch m.Temporal {
	case 2:
		return []uint8{0, 1}
	case 3:
		return []uint8{0, 2, 1, 2}
	}
	return []uint8{0}
}

// NewStructure returns the structure of a mode. There is a decode target for
// each spatial and temporal layer, in rising order, and a chain for each spatial
// layer. sizes are the resolutions of the spatial layers, or empty.
// The error is ErrMode.
func NewStructure(m Mode, sizes []Resolution) (*Structure, error) {
	if !m.isValid() || len(sizes) != 0 && len(sizes) != m.Spatial {
		return nil, ErrMode
	}
	s := &Structure{
		TargetCount:  uint8(m.Spatial * m.Temporal),
		ChainCount:   uint8(m.Spatial),
		SpatialCount: uint8(m.Spatial),
	}
	for i := range s.TargetCount {
		s.ProtectedBy[i] = i / uint8(m.Temporal)
	}
	for i, r := range sizes {
		if r.Width < 1 || r.Width > 1<<16 || r.Height < 1 || r.Height > 1<<16 {
			return nil, ErrMode
		}
		s.HasResolutions = true
		s.Resolutions[i] = r
	}
	for _, t := range templates(m) {
		s.Templates[s.TemplateCount] = t
		s.TemplateCount++
	}
	s.resolveTargets()
	return s, nil
}

// templates returns the distinct frames of a mode's first pictures, sorted by
// layer. Two rounds of the pattern after the key picture show them all.
func templates(m Mode) []Template {
	var all []Template
	h := history{mode: m}
	pattern := m.Pattern()
	for i := range 2*len(pattern) + 1 {
		for spatial := range uint8(m.Spatial) {
			d := h.next(spatial, pattern[i%len(pattern)], i == 0)
			if t, ok := d.template(); ok && !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Template) int {
		return cmp.Or(cmp.Compare(a.Spatial, b.Spatial), cmp.Compare(a.Temporal, b.Temporal))
	})
	return all
}

// template returns what a template for d is; ok is false if a difference does
// not fit into four bits, as happens with four spatial layers.
func (d *Descriptor) template() (t Template, ok bool) {
	t = Template{
		Spatial: d.Spatial, Temporal: d.Temporal, DTIs: d.DTIs,
		FrameDiffCount: d.FrameDiffCount, ChainDiffs: d.ChainDiffs,
	}
	for i, v := range d.FrameDiffs[:d.FrameDiffCount] {
		if v > 16 {
			return t, false
		}
		t.FrameDiffs[i] = uint8(v)
	}
	for _, v := range d.ChainDiffs[:d.ChainCount] {
		if v > 15 {
			return t, false
		}
	}
	return t, true
}

// A Writer writes the descriptors of one publisher's stream in decode order. It
// belongs to one goroutine.
type Writer struct {
	structure *Structure
	history   history
	current   Descriptor
	attach    bool
}

// NewWriter returns a Writer whose first frame has the given number.
// The error is ErrMode.
func NewWriter(m Mode, sizes []Resolution, frameNumber uint16) (*Writer, error) {
	s, err := NewStructure(m, sizes)
	if err != nil {
		return nil, err
	}
	return &Writer{structure: s, history: history{mode: m, number: frameNumber}}, nil
}

// Begin begins the next layer frame. Layers that the encoder dropped are left
// out. key is true for all frames of a key picture. It returns ErrMode for a
// layer the mode has not, and for a first picture that is no key picture or
// lacks spatial layer 0.
func (w *Writer) Begin(spatial, temporal uint8, key bool) error {
	if int(spatial) >= w.history.mode.Spatial || int(temporal) >= w.history.mode.Temporal || key && temporal != 0 ||
		!w.history.started && (!key || spatial != 0) {
		return ErrMode
	}
	w.current = w.history.next(spatial, temporal, key)
	w.current.TemplateID = w.structure.closest(&w.current)
	w.attach = key && spatial == 0
	return nil
}

// Append appends the descriptor of a packet of the frame begun last. The
// structure goes with the first packet of a key picture.
func (w *Writer) Append(dst []byte, first, last bool) ([]byte, error) {
	d := w.current
	d.StartOfFrame, d.EndOfFrame = first, last
	d.Attached = w.attach && first
	return Append(dst, &d, w.structure)
}

// closest returns the id of the template of d's layer that says most of d.
func (s *Structure) closest(d *Descriptor) uint8 {
	best, least := s.IDOffset, 4
	for i := range s.TemplateCount {
		t := &s.Templates[i]
		if t.Spatial != d.Spatial || t.Temporal != d.Temporal {
			continue
		}
		different := 0
		dtis, diffs, chains := d.differs(t, s)
		for _, b := range []bool{dtis, diffs, chains} {
			if b {
				different++
			}
		}
		if different < least {
			best, least = (s.IDOffset+i)&0x3f, different
		}
	}
	return best
}
