package attach

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// A Sealer seals the chunks of one file in any order and as often as is asked,
// so that an upload can go on where it was cut off.
//
// Sealing a chunk again after the file has changed would use a nonce twice, for
// two contents, and the server would see both. So all chunks are sealed once
// before any leaves, and one that comes out differently later is never returned.
//
// It is not safe for concurrent use.
type Sealer struct {
	cipher  *Cipher
	source  io.ReaderAt
	desc    Descriptor
	digests []Digest
	buf     []byte // one sealed chunk
}

// Prepare reads a file of size bytes once and returns what seals it, under a new
// key. It returns ErrLayout, ErrChanged if the file is shorter, or the error of
// source. The file must stay as it is until it is sent.
func Prepare(source io.ReaderAt, size uint64) (*Sealer, error) {
	d := Descriptor{Layout: LayoutFor(size)}
	rand.Read(d.Key[:]) // never fails: it crashes the program instead
	s, err := scan(source, d)
	if err != nil {
		return nil, err
	}
	s.desc.Root = Root(d.Layout, s.digests)
	return s, nil
}

// Resume reads a file once that an earlier run prepared, and returns what seals
// it with the key of that descriptor. It returns ErrChanged if the file is not
// the one described.
func Resume(source io.ReaderAt, d Descriptor) (*Sealer, error) {
	s, err := scan(source, d)
	if err != nil {
		return nil, err
	}
	if Root(d.Layout, s.digests) != d.Root {
		return nil, ErrChanged
	}
	return s, nil
}

// scan seals all chunks and keeps their digests.
func scan(source io.ReaderAt, d Descriptor) (*Sealer, error) {
	c, err := NewCipher(d.Key, d.Layout)
	if err != nil {
		return nil, err
	}
	s := &Sealer{cipher: c, source: source, desc: d, digests: make([]Digest, d.Chunks())}
	s.buf = make([]byte, d.ChunkSize(0)+Overhead)
	for n := range s.digests {
		sealed, err := s.sealed(n)
		if err != nil {
			return nil, err
		}
		s.digests[n] = sha256.Sum256(sealed)
	}
	return s, nil
}

// Descriptor returns the description of the file. The caller sets its ID when the
// server has given one.
func (s *Sealer) Descriptor() Descriptor { return s.desc }

// Chunk returns sealed chunk n, from 0, which is valid until the next call. It
// returns ErrChanged if the file is not the one that was prepared, and otherwise
// the error of the source.
func (s *Sealer) Chunk(n int) ([]byte, error) {
	if n < 0 || n >= len(s.digests) {
		return nil, ErrLayout
	}
	sealed, err := s.sealed(n)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(sealed) != s.digests[n] {
		clear(sealed)
		return nil, ErrChanged
	}
	return sealed, nil
}

// sealed reads and seals chunk n in buf.
func (s *Sealer) sealed(n int) ([]byte, error) {
	chunk := s.buf[:s.desc.ChunkSize(n)]
	got, err := s.source.ReadAt(chunk, int64(n)*int64(s.desc.Chunk))
	switch {
	case got == len(chunk):
	case err == nil || errors.Is(err, io.EOF):
		return nil, ErrChanged
	default:
		return nil, fmt.Errorf("attach: reading the file: %w", err)
	}
	return s.cipher.seal(s.buf[:0], n, chunk), nil
}
