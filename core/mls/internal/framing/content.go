package framing

import (
	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// encodeContent encodes PrivateMessageContent, RFC 9420, Section 6.3.1, padded
// to a multiple of block bytes:
//
//	application_data<V> or Proposal or Commit | FramedContentAuthData auth
//	opaque padding[], all zero
func encodeContent(ac *mlswire.AuthenticatedContent, block int) ([]byte, error) {
	c := &ac.Content
	var w tlsenc.Writer
	c.EncodeBody(&w)
	ac.Auth.Encode(&w, c.ContentType)
	if block > 1 {
		padding := -len(w.Bytes()) % block
		if padding < 0 {
			padding += block
		}
		if padding > MaxContent-len(c.AuthenticatedData)-len(c.ApplicationData) {
			return nil, ErrTooLong
		}
		w.Fixed(make([]byte, padding))
	}
	return w.Bytes(), nil
}

// decodeContent decodes PrivateMessageContent, RFC 9420, Section 6.3.1. What it
// returns aliases plaintext.
func decodeContent(m *mlswire.PrivateMessage, leaf uint32, plaintext []byte) (*mlswire.AuthenticatedContent, error) {
	ac := &mlswire.AuthenticatedContent{
		WireFormat: mlswire.WireFormatPrivateMessage,
		Content: mlswire.FramedContent{
			GroupID:           m.GroupID,
			Epoch:             m.Epoch,
			Sender:            mlswire.Sender{Type: mlswire.SenderTypeMember, Index: leaf},
			AuthenticatedData: m.AuthenticatedData,
			ContentType:       m.ContentType,
		},
	}
	r := tlsenc.NewReader(plaintext)
	if err := mlswire.DecodeContent(&r, &ac.Content, &ac.Auth); err != nil {
		return nil, err
	}
	// In constant time for a length, RFC 9420, Section 6.3.1.
	var nonzero byte
	for _, b := range r.Rest() {
		nonzero |= b
	}
	if nonzero != 0 {
		return nil, ErrPadding
	}
	if err := checkTag(ac); err != nil {
		return nil, err
	}
	return ac, nil
}
