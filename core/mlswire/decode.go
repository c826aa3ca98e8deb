package mlswire

import (
	"errors"

	"conclave/core/tlsenc"
)

// What parsing refuses, beside the errors of package tlsenc.
var (
	// ErrVersion says that a structure is of a version other than [MLS10], so
	// that its layout is unknown.
	ErrVersion = errors.New("mlswire: unknown protocol version")
	// ErrWireFormat says that a [Message] is of an unknown wire format.
	ErrWireFormat = errors.New("mlswire: unknown wire format")
	// ErrContentType says that a content type is unknown.
	ErrContentType = errors.New("mlswire: unknown content type")
	// ErrSenderType says that a sender type is unknown.
	ErrSenderType = errors.New("mlswire: unknown sender type")
	// ErrCredentialType says that a credential is of an unknown type, whose
	// length nothing tells.
	ErrCredentialType = errors.New("mlswire: unknown credential type")
	// ErrLeafNodeSource says that a leaf node's source is unknown.
	ErrLeafNodeSource = errors.New("mlswire: unknown leaf node source")
	// ErrProposalType says that a proposal is of an unknown type, whose length
	// nothing tells.
	ErrProposalType = errors.New("mlswire: unknown proposal type")
	// ErrProposalOrRefType says that a commit holds what is neither a proposal
	// nor a reference to one.
	ErrProposalOrRefType = errors.New("mlswire: unknown type of proposal or reference")
	// ErrPSKType says that a pre-shared key is of an unknown type.
	ErrPSKType = errors.New("mlswire: unknown PSK type")
	// ErrPSKUsage says that the usage of a resumption PSK is unknown.
	ErrPSKUsage = errors.New("mlswire: unknown usage of a resumption PSK")
	// ErrOptional says that a presence octet is neither 0 nor 1, RFC 9420,
	// Section 2.1.1.
	ErrOptional = errors.New("mlswire: invalid presence octet")
	// ErrDuplicateExtension says that a list has two extensions of one type,
	// RFC 9420, Section 13.
	ErrDuplicateExtension = errors.New("mlswire: two extensions of one type")
	// ErrTreeShape says that a ratchet tree has a leaf where a parent belongs,
	// or the reverse, or ends in a blank node, RFC 9420, Section 12.4.3.3.
	ErrTreeShape = errors.New("mlswire: misplaced node in the ratchet tree")
	// ErrCost says that an input is made to cost memory: its structures would
	// take more than nine times its length.
	ErrCost = errors.New("mlswire: input would cost too much memory")
)

// The memory that decoded structures may take, beside the copy of the input.
// Many tiny elements could otherwise stand for large structures: fifteen bytes
// can be a leaf node of 320. Genuine messages stay far below, because keys and
// signatures make up most of them; a tree of nothing but blank nodes takes
// eight bytes for each.
const (
	budgetPerByte = 9
	budgetBase    = 4 << 10
)

// The sizes of decoded structures on 64-bit machines, held by TestCosts.
const (
	costPointer         = 8
	costBytes           = 24
	costExtension       = 32
	costExternalSender  = 80
	costLeafNode        = 320
	costParentNode      = 72
	costKeyPackage      = 400
	costProposalOrRef   = 40
	costPreSharedKeyID  = 96
	costReInit          = 56
	costRemove          = 8
	costCommit          = 32
	costHPKECiphertext  = 48
	costUpdatePathNode  = 48
	costUpdatePath      = costLeafNode + costBytes
	costEncryptedSecret = 72
)

// A decoder reads structures, with the first error sticking. In a dry run it
// checks and counts but keeps nothing, so that a list is counted before memory
// is taken for it: a list at depth n is read n+1 times, and n is at most 5.
type decoder struct {
	r      tlsenc.Reader
	err    error
	budget int64
	dry    bool
}

func newDecoder(r tlsenc.Reader) decoder {
	return decoder{r: r, budget: budgetBase + budgetPerByte*int64(r.Len())}
}

// fail keeps the first error and ends all reading.
func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.r = tlsenc.NewReader(nil)
}

// failUnlessShort fails with err, unless input was missing: the zero value that
// was then read says nothing.
func (d *decoder) failUnlessShort(err error) {
	if d.result() == nil {
		d.fail(err)
	}
}

// result returns the first error.
func (d *decoder) result() error {
	if d.err == nil {
		d.err = d.r.Err()
	}
	return d.err
}

// done returns the first error, or that input is left over.
func (d *decoder) done() error {
	if d.err == nil {
		d.err = d.r.Done()
	}
	return d.err
}

// bytes reads opaque<V>.
func (d *decoder) bytes() []byte { return d.r.Vector(tlsenc.MaxVector) }

// present reads the presence octet of an optional value, RFC 9420, Section 2.1.1.
func (d *decoder) present() bool {
	switch d.r.Uint8() {
	case 0:
	case 1:
		return true
	default:
		d.failUnlessShort(ErrOptional)
	}
	return false
}

// version reads the version that a structure begins with.
func (d *decoder) version() ProtocolVersion {
	v := ProtocolVersion(d.r.Uint16())
	if v != MLS10 {
		d.failUnlessShort(ErrVersion)
	}
	return v
}

// spend takes memory from the budget. It reports whether the caller may now
// allocate: not in a dry run, and not after an error.
func (d *decoder) spend(n int64) bool {
	if d.dry || d.result() != nil {
		return false
	}
	if d.budget -= n; d.budget < 0 {
		d.fail(ErrCost)
		return false
	}
	return true
}

// kept returns v on the heap. To take the address of what was read where it was
// read would allocate in dry runs too.
func kept[T any](v T) *T {
	p := new(T)
	*p = v
	return p
}

// open begins to read the inside of a vector; close ends it.
func (d *decoder) open() (outer tlsenc.Reader) {
	body := d.bytes()
	outer = d.r
	if outer.Err() == nil {
		d.r = tlsenc.NewReader(body)
	}
	return outer
}

func (d *decoder) close(outer tlsenc.Reader) {
	if err := d.r.Done(); err != nil {
		d.fail(err)
	}
	if d.err == nil {
		d.r = outer
	}
}

// list reads T<V> with read, which takes at least one byte. An empty list is nil.
func list[T any](d *decoder, cost int64, read func(*decoder) T) []T {
	outer := d.open()
	var values []T
	if n := count(d, read); n > 0 && d.spend(int64(n)*cost) {
		values = make([]T, 0, n)
		for d.r.Len() > 0 {
			values = append(values, read(d))
		}
	}
	d.close(outer)
	return values
}

// count returns how many values the open vector holds. It leaves the decoder
// before them, or, in a dry run, behind them.
func count[T any](d *decoder, read func(*decoder) T) int {
	start, dry, n := d.r, d.dry, 0
	d.dry = true
	for d.r.Len() > 0 {
		read(d)
		n++
	}
	d.dry = dry
	if d.result() == nil && !dry {
		d.r = start
	}
	return n
}

// uint16s reads a list of two-byte values.
func uint16s[T ~uint16](d *decoder) []T {
	return list(d, 2, func(d *decoder) T { return T(d.r.Uint16()) })
}

// encodeUint16s appends a list of two-byte values.
func encodeUint16s[T ~uint16](w *tlsenc.Writer, values []T) {
	w.Nested(func(w *tlsenc.Writer) {
		for _, v := range values {
			w.Uint16(uint16(v))
		}
	})
}
