package attach

import "conclave/core/tlsenc"

// format is the version of a descriptor and of all that it describes.
const format = 1

// DescriptorSize is the size of an encoded descriptor, in bytes.
const DescriptorSize = 2 + 16 + 32 + 8 + 4 + 32

// A Descriptor is all that is needed to find, open and check a file. Whoever has
// it can read the file, so it travels inside encrypted messages only, and
// printing it shows nothing.
type Descriptor struct {
	ID  [16]byte // where the server keeps the sealed chunks
	Key [32]byte // secret
	Layout
	Root [32]byte // see Root
}

// String keeps the key out of logs.
func (Descriptor) String() string { return "attach.Descriptor" }

// GoString keeps the key out of logs.
func (Descriptor) GoString() string { return "attach.Descriptor" }

// Encode returns the one encoding of a descriptor, in the TLS presentation
// language (RFC 8446, Section 3):
//
//	struct {
//	    uint16 format = 1;
//	    opaque id[16];
//	    opaque key[32];
//	    uint64 size;
//	    uint32 chunk;
//	    opaque root[32];
//	} Descriptor;
func (d *Descriptor) Encode() []byte {
	w := tlsenc.NewWriter(DescriptorSize)
	w.Uint16(format)
	w.Fixed(d.ID[:])
	w.Fixed(d.Key[:])
	w.Uint64(d.Size)
	w.Uint32(d.Chunk)
	w.Fixed(d.Root[:])
	return w.Bytes()
}

// Decode reads what Encode wrote, or returns ErrDescriptor.
func Decode(b []byte) (Descriptor, error) {
	if len(b) != DescriptorSize {
		return Descriptor{}, ErrDescriptor
	}
	r := tlsenc.NewReader(b)
	version := r.Uint16()
	var d Descriptor
	copy(d.ID[:], r.Fixed(len(d.ID)))
	copy(d.Key[:], r.Fixed(len(d.Key)))
	d.Size = r.Uint64()
	d.Chunk = r.Uint32()
	copy(d.Root[:], r.Fixed(len(d.Root)))
	if r.Done() != nil || version != format || d.Check() != nil {
		return Descriptor{}, ErrDescriptor
	}
	return d, nil
}
