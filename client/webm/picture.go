package webm

import (
	"errors"
	"fmt"
)

// ErrNotDecodable means that a picture needs something that the recording does
// not hold; the next key picture mends it.
var ErrNotDecodable = errors.New("picture cannot be decoded")

const (
	maxLayers      = 8 // frames a superframe index can name (VP9 specification, Annex B)
	superframeMark = 0b110
)

// A joiner turns the layer frames of one picture after another into what a
// decoder of a file shows as one picture of the top layer's size.
//
// It follows what was found to play everywhere: all layers are kept in one
// superframe, and every layer but the top one is marked as not shown.
type joiner struct {
	slots slots
}

// A joined picture is one WebM block.
type joined struct {
	data []byte
	key  bool
	size size // of the top layer
}

// join makes one block of the layers of a picture, lowest first. The layers of
// a picture must all be given to it, in decoding order, or it loses track of
// the sizes in the decoder's buffers and returns errors that wrap ErrVP9.
func (j *joiner) join(layers [][]byte) (joined, error) {
	if len(layers) == 0 || len(layers) > maxLayers {
		return joined{}, fmt.Errorf("%w: %d layers", ErrVP9, len(layers))
	}
	var out joined
	frames := make([][]byte, 0, len(layers))
	state := j.slots
	for i, layer := range layers {
		h, err := state.parse(layer)
		if err != nil {
			return joined{}, err
		}
		state.store(h)
		out.key = out.key || h.key && i == 0
		out.size = h.size
		switch top := i == len(layers)-1; {
		case top && !h.show && !h.showExisting:
			return joined{}, fmt.Errorf("%w: its top layer is not shown", ErrNotDecodable)
		case top:
			frames = append(frames, layer)
		case h.showExisting:
			// Shows an older picture and changes nothing: it has no place
			// below a layer that is shown.
		default:
			frames = append(frames, hide(layer, h))
		}
	}
	j.slots = state
	out.data = superframe(frames)
	return out, nil
}

// superframe joins frames and adds the index that tells a decoder where each
// ends (VP9 bitstream specification, Annex B). One frame alone needs none.
func superframe(frames [][]byte) []byte {
	total, largest := 0, 0
	for _, f := range frames {
		total += len(f)
		largest = max(largest, len(f))
	}
	if len(frames) == 1 {
		return append(make([]byte, 0, total), frames[0]...)
	}
	bytesPerSize := 1
	for largest >= 1<<(8*bytesPerSize) && bytesPerSize < 4 {
		bytesPerSize++
	}
	out := make([]byte, 0, total+2+bytesPerSize*len(frames))
	for _, f := range frames {
		out = append(out, f...)
	}
	marker := byte(superframeMark<<5 | (bytesPerSize-1)<<3 | (len(frames) - 1))
	out = append(out, marker)
	for _, f := range frames {
		for i := range bytesPerSize {
			out = append(out, byte(len(f)>>(8*i)))
		}
	}
	return append(out, marker)
}
