package media

import (
	"fmt"

	"conclave/client/clip"
	"conclave/sfu/dd"
)

// A vp9Source is a recorded VP9 track with what a packetizer has to know of it:
// which pictures each frame is predicted from.
type vp9Source struct {
	mode   string
	sizes  []dd.Resolution // by spatial layer
	frames []sourceFrame   // as in the track
}

// A sourceFrame is what a packetizer needs to know of a recorded frame.
type sourceFrame struct {
	key        bool
	interLayer bool
	pictures   []uint8
}

// newVP9Source returns the source of a track. It returns an error for a track
// that cannot be sent: the pictures that a frame needs must lie after the last
// key picture and near enough.
func newVP9Source(t *clip.Track) (*vp9Source, error) {
	if _, err := dd.ParseMode(t.Mode); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrClip, err)
	}
	layers, _ := t.Layers()
	s := &vp9Source{mode: t.Mode, sizes: make([]dd.Resolution, layers), frames: make([]sourceFrame, len(t.Frames))}
	pictureOf := make([]int, len(t.Frames))
	picture, key := 0, false
	lastKey := 0 // picture
	for i, f := range t.Frames {
		if i > 0 && f.Time != t.Frames[i-1].Time {
			picture++
			key = false
		}
		if f.Key {
			key, lastKey = true, picture
		}
		pictureOf[i] = picture
		s.frames[i].key = key
		s.sizes[f.Spatial] = dd.Resolution{Width: max(uint32(f.Width), 1), Height: max(uint32(f.Height), 1)}
		for _, d := range f.References {
			from := pictureOf[i-int(d)]
			back := picture - from
			switch {
			case back == 0:
				s.frames[i].interLayer = true
			case from < lastKey || back > maxPDiff || len(s.frames[i].pictures) == maxPDiffs:
				return nil, fmt.Errorf("%w: frame %d is predicted from what receivers may not have", ErrClip, i)
			default:
				s.frames[i].pictures = append(s.frames[i].pictures, uint8(back))
			}
		}
	}
	return s, nil
}
