package attach

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A Reader gives the content of a file whose sealed chunks arrive one after the
// other. It gives no byte of a chunk before that chunk is verified, and none of
// the last chunk before the whole file is. It is not safe for concurrent use.
type Reader struct {
	cipher  *Cipher
	desc    Descriptor
	sealed  io.Reader
	digests []Digest // of the verified chunks
	buf     []byte
	rest    []byte // verified and not given yet
	err     error  // sticks
}

// NewReader returns a Reader of the sealed chunks that come from sealed. To go on
// after chunks that an earlier Reader verified, give its Digests; sealed then
// begins with the chunk after them. It returns ErrLayout or ErrDescriptor.
func NewReader(d Descriptor, sealed io.Reader, verified []Digest) (*Reader, error) {
	c, err := NewCipher(d.Key, d.Layout)
	if err != nil {
		return nil, err
	}
	if len(verified) >= d.Chunks() {
		return nil, fmt.Errorf("%w: all of its chunks were read before", ErrDescriptor)
	}
	return &Reader{cipher: c, desc: d, sealed: sealed, digests: slices.Clone(verified)}, nil
}

// Digests returns the digests of the chunks verified until now, the earlier ones
// included. They are not secret, but whoever can change them can make the end of
// the file fail.
func (r *Reader) Digests() []Digest { return slices.Clone(r.digests) }

// Read implements io.Reader. It returns ErrDamaged for what is not the file, and
// io.EOF only when the whole file was verified. Every other error is that of the
// source of chunks, and a new Reader may go on from Digests.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.err = r.next()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next reads and verifies one chunk. It returns io.EOF after the last.
func (r *Reader) next() error {
	n := len(r.digests)
	if n == r.desc.Chunks() {
		return io.EOF
	}
	if r.buf == nil {
		r.buf = make([]byte, r.desc.ChunkSize(0)+Overhead)
	}
	sealed := r.buf[:r.desc.ChunkSize(n)+Overhead]
	if _, err := io.ReadFull(r.sealed, sealed); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return ErrDamaged // cut off
		}
		return fmt.Errorf("attach: reading the sealed file: %w", err)
	}
	digest := Digest(sha256.Sum256(sealed))
	chunk, err := r.cipher.Open(sealed[:0], n, sealed)
	if err != nil {
		return err
	}
	digests := append(r.digests, digest) //nolint:gocritic // kept only if the root is right
	if n == r.desc.Chunks()-1 {
		if Root(r.desc.Layout, digests) != r.desc.Root || !ended(r.sealed) {
			clear(chunk)
			return ErrDamaged
		}
	}
	r.digests, r.rest = digests, chunk
	return nil
}

// ended reports whether nothing follows.
func ended(r io.Reader) bool {
	n, err := io.ReadFull(r, make([]byte, 1))
	return n == 0 && errors.Is(err, io.EOF)
}
