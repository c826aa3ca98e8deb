// Package attach seals files that are sent beside messages, chunk by chunk.
//
// A sender calls [Prepare], uploads what [Sealer.Chunk] returns, and sends the
// [Descriptor] inside an encrypted message. Whoever has the descriptor reads the
// file with [NewReader], or single chunks with [Cipher.Open].
//
// Each file has a random key of its own. From it, the size of the file and the
// size of its chunks, HKDF ([RFC 5869]) makes the key of AES-256-GCM
// ([SP 800-38D]). The nonce of a chunk is its number and whether it is the last:
// the STREAM construction of [Hoang, Reyhanitabar, Rogaway and Vizár]. So a chunk
// that is changed, moved, left out, added or taken from another file does not
// open. The descriptor also has a hash of all sealed chunks, since whoever knows
// the key of AES-GCM can make a second ciphertext with the same tag: two readers
// of one descriptor who reach the end have the same file.
//
// Nothing here does I/O of its own. Memory is one chunk, and 32 bytes for each
// chunk of the file.
//
// [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869.html
// [SP 800-38D]: https://doi.org/10.6028/NIST.SP.800-38D
// [Hoang, Reyhanitabar, Rogaway and Vizár]: https://eprint.iacr.org/2015/189
package attach

import "errors"

const (
	// MinChunk is the least size of a chunk before it is sealed, in bytes. All
	// sizes are powers of two.
	MinChunk = 64 << 10
	// MaxChunk is the greatest size of a chunk before it is sealed, in bytes.
	MaxChunk = 1 << 20
	// MaxChunks is the greatest number of chunks of a file: 64 GiB.
	MaxChunks = 1 << 16
	// Overhead is how many bytes longer a chunk is when it is sealed.
	Overhead = 16
)

var (
	// ErrLayout says that a file is too large, or that its chunks have a size that
	// is not allowed: split the file.
	ErrLayout = errors.New("attach: the file is too large or its chunks have a wrong size")
	// ErrDamaged says that what arrived is not what was sent: it was damaged, cut
	// off or replaced. Ask the sender to send the file again.
	ErrDamaged = errors.New("attach: the file was damaged or replaced")
	// ErrChanged says that the file of the sender is not the one that the upload
	// began with. Send it as a new file.
	ErrChanged = errors.New("attach: the file has changed: send it again")
	// ErrDescriptor says that a descriptor does not parse. Ignore the message.
	ErrDescriptor = errors.New("attach: invalid descriptor")
)

// A Layout says how a file is cut into chunks.
type Layout struct {
	Size  uint64 // of the file, in bytes
	Chunk uint32 // size of each chunk but the last, in bytes
}

// LayoutFor returns the layout that a sender uses for a file of size bytes: small
// files have small chunks, so that little is lost when the connection is.
func LayoutFor(size uint64) Layout {
	switch {
	case size <= 4<<20:
		return Layout{size, MinChunk}
	case size <= 64<<20:
		return Layout{size, 256 << 10}
	default:
		return Layout{size, MaxChunk}
	}
}

// Check returns ErrLayout if no file may have this layout.
func (l Layout) Check() error {
	if l.Chunk < MinChunk || l.Chunk > MaxChunk || l.Chunk&(l.Chunk-1) != 0 || l.Size > uint64(l.Chunk)*MaxChunks {
		return ErrLayout
	}
	return nil
}

// Chunks returns the number of chunks, at least 1: an empty file has an empty one.
// The layout must pass Check.
func (l Layout) Chunks() int {
	return int(max(1, (l.Size+uint64(l.Chunk)-1)/uint64(l.Chunk)))
}

// ChunkSize returns the size of chunk n, from 0, before it is sealed.
func (l Layout) ChunkSize(n int) int {
	if n < l.Chunks()-1 {
		return int(l.Chunk)
	}
	return int(l.Size - uint64(l.Chunk)*uint64(l.Chunks()-1))
}

// SealedSize returns the size of all sealed chunks together, in bytes.
func (l Layout) SealedSize() uint64 { return l.Size + uint64(l.Chunks())*Overhead }
