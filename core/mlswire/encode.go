package mlswire

import "conclave/core/tlsenc"

// An Encoder appends its encoding to w. All structures of this package are
// Encoders but [FramedContentAuthData].
type Encoder interface{ Encode(w *tlsenc.Writer) }

// Marshal returns the encoding of v.
func Marshal(v Encoder) []byte {
	w := tlsenc.NewWriter(256)
	v.Encode(w)
	return w.Bytes()
}

// encodeList appends T<V>.
func encodeList[T any, P interface {
	*T
	Encoder
}](w *tlsenc.Writer, values []T) {
	w.Nested(func(w *tlsenc.Writer) {
		for i := range values {
			P(&values[i]).Encode(w)
		}
	})
}

// encodeOptional appends the presence octet, RFC 9420, Section 2.1.1.
func encodeOptional(w *tlsenc.Writer, present bool) {
	if present {
		w.Uint8(1)
	} else {
		w.Uint8(0)
	}
}
