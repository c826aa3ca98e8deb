package keytrans

import (
	"fmt"

	"conclave/core/tlsenc"
)

// Limits of what is parsed, in bytes or elements.
const (
	maxName       = 256
	maxCheckpoint = 16 << 10
	maxInclusion  = 64
	maxTreeProof  = 128
	vrfSize       = 80
)

func readHash(r *tlsenc.Reader, h *Hash) { copy(h[:], r.Fixed(HashSize)) }

// readHashes takes Hash<V> of at most most hashes.
func readHashes(r *tlsenc.Reader, most int) ([]Hash, error) {
	b := r.Vector(most * HashSize)
	if err := r.Err(); err != nil {
		return nil, err
	}
	if len(b)%HashSize != 0 {
		return nil, fmt.Errorf("%d bytes of hashes", len(b))
	}
	return cutHashes(b), nil
}

// cutHashes copies len(b)/32 hashes.
func cutHashes(b []byte) []Hash {
	if len(b) == 0 {
		return nil
	}
	out := make([]Hash, len(b)/HashSize)
	for i := range out {
		copy(out[i][:], b[i*HashSize:])
	}
	return out
}

func writeHashes(w *tlsenc.Writer, hashes []Hash) {
	w.Nested(func(w *tlsenc.Writer) {
		for i := range hashes {
			w.Fixed(hashes[i][:])
		}
	})
}

// readVRFs takes opaque<V> of proofs of 80 bytes; they alias the input.
func readVRFs(r *tlsenc.Reader, most int) ([][]byte, error) {
	b := r.Vector(most * vrfSize)
	if err := r.Err(); err != nil {
		return nil, err
	}
	if len(b)%vrfSize != 0 {
		return nil, fmt.Errorf("%d bytes of label proofs", len(b))
	}
	if len(b) == 0 {
		return nil, nil
	}
	out := make([][]byte, len(b)/vrfSize)
	for i := range out {
		out[i] = b[i*vrfSize : (i+1)*vrfSize : (i+1)*vrfSize]
	}
	return out, nil
}

func writeVRFs(w *tlsenc.Writer, proofs [][]byte) {
	w.Nested(func(w *tlsenc.Writer) {
		for _, p := range proofs {
			w.Fixed(p)
		}
	})
}

// readVersions takes uint32<V>, rising, of at most most versions.
func readVersions(r *tlsenc.Reader, most int) ([]uint32, error) {
	b := r.Vector(4 * most)
	if err := r.Err(); err != nil {
		return nil, err
	}
	if len(b)%4 != 0 {
		return nil, fmt.Errorf("%d bytes of versions", len(b))
	}
	if len(b) == 0 {
		return nil, nil
	}
	out := make([]uint32, len(b)/4)
	list := tlsenc.NewReader(b)
	for i := range out {
		out[i] = list.Uint32()
		if out[i] >= 2*MaxVersion || i > 0 && out[i] <= out[i-1] {
			return nil, fmt.Errorf("versions are not in order")
		}
	}
	return out, nil
}

func writeVersions(w *tlsenc.Writer, versions []uint32) {
	w.Nested(func(w *tlsenc.Writer) {
		for _, v := range versions {
			w.Uint32(v)
		}
	})
}

// readBool takes a uint8 that is 0 or 1.
func readBool(r *tlsenc.Reader) (bool, error) {
	v := r.Uint8()
	if v > 1 {
		return false, fmt.Errorf("a flag is %d", v)
	}
	return v == 1, r.Err()
}

func writeBool(w *tlsenc.Writer, v bool) {
	if v {
		w.Uint8(1)
	} else {
		w.Uint8(0)
	}
}

// done ends a parse: the first of the errors, wrapped.
func done(what string, r *tlsenc.Reader, errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("%w %s: %w", ErrFormat, what, err)
		}
	}
	if err := r.Done(); err != nil {
		return fmt.Errorf("%w %s: %w", ErrFormat, what, err)
	}
	return nil
}
