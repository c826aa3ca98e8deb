package message

import (
	"bytes"
	"fmt"

	"conclave/core/attach"
	"conclave/core/tlsenc"
)

// A Kind is the number of a type of body.
type Kind uint8

// The kinds of this version. Others are Unknown.
const (
	KindText Kind = iota + 1
	KindEdit
	KindDelete
	KindReaction
	KindReceipt
	KindTyping
	KindFile
	KindPin
	KindResend
	KindAgain
	KindMerged
	KindHistory
	kindEnd
)

// Bounds of bodies.
const (
	MaxText     = 16 << 10 // bytes
	MaxMentions = 64
	MaxIDs      = 256 // of each list of a Receipt, and counters of a Resend
	MaxEmoji    = 32  // bytes
	MaxFileName = 255 // bytes
	maxMedia    = 127
)

type (
	// Text is a message to read, in the subset of Markdown of package markdown.
	Text struct {
		Text     string
		ReplyTo  ID     // zeros: no reply
		Mentions []User // ascending; for notifications
	}
	// Edit replaces the text of a Text, or the caption of a File, of the same user.
	Edit struct {
		Target ID
		Text   string
	}
	// Delete takes back a content. Whether the sender may is for the receiver to say.
	Delete struct{ Target ID }
	// Reaction adds or removes one emoji of the sender.
	Reaction struct {
		Target ID
		Emoji  string
		Remove bool
	}
	// Receipt says what reached this device and what its user read. Both ascending.
	Receipt struct{ Delivered, Read []ID }
	// Typing says that the user is writing. Its content has counter 0.
	Typing struct{}
	// File is a sealed file that the server keeps.
	File struct {
		File   attach.Descriptor
		Name   string
		Media  string // media type, lower case, without parameters
		Width  uint32 // pixels; 0: not a picture
		Height uint32
		Length uint32 // milliseconds; 0: neither sound nor film
		// Thumbnail is a small picture of it; nil: none.
		Thumbnail *attach.Descriptor
		Caption   string
	}
	// Pin pins or unpins a content for everybody.
	Pin struct {
		Target ID
		Pinned bool
	}
	// Resend asks a device for contents that are missing, by counter, ascending.
	Resend struct {
		Device   Device
		Counters []uint64
	}
	// Again is an earlier content of the same device, as it was encoded.
	Again struct{ Original []byte }
	// Merged says that the device is in this epoch and sends in no earlier one.
	Merged struct{ Epoch uint64 }
	// History hands a new member or device an archive of earlier contents.
	History struct{ Archive attach.Descriptor }
	// Unknown is a body of a later version. It is kept as it is.
	Unknown struct {
		Number Kind
		Data   []byte
	}
)

// Kind returns KindText.
func (Text) Kind() Kind { return KindText }

// Kind returns KindEdit.
func (Edit) Kind() Kind { return KindEdit }

// Kind returns KindDelete.
func (Delete) Kind() Kind { return KindDelete }

// Kind returns KindReaction.
func (Reaction) Kind() Kind { return KindReaction }

// Kind returns KindReceipt.
func (Receipt) Kind() Kind { return KindReceipt }

// Kind returns KindTyping.
func (Typing) Kind() Kind { return KindTyping }

// Kind returns KindFile.
func (File) Kind() Kind { return KindFile }

// Kind returns KindPin.
func (Pin) Kind() Kind { return KindPin }

// Kind returns KindResend.
func (Resend) Kind() Kind { return KindResend }

// Kind returns KindAgain.
func (Again) Kind() Kind { return KindAgain }

// Kind returns KindMerged.
func (Merged) Kind() Kind { return KindMerged }

// Kind returns KindHistory.
func (History) Kind() Kind { return KindHistory }

// Kind returns the number that came.
func (u Unknown) Kind() Kind { return u.Number }

func (t Text) encode(w *tlsenc.Writer) {
	w.Vector([]byte(t.Text))
	w.Fixed(t.ReplyTo[:])
	encodeIDs(w, t.Mentions)
}

func (e Edit) encode(w *tlsenc.Writer) {
	w.Fixed(e.Target[:])
	w.Vector([]byte(e.Text))
}

func (d Delete) encode(w *tlsenc.Writer) { w.Fixed(d.Target[:]) }

func (r Reaction) encode(w *tlsenc.Writer) {
	w.Fixed(r.Target[:])
	w.Vector([]byte(r.Emoji))
	w.Uint8(number(r.Remove))
}

func (r Receipt) encode(w *tlsenc.Writer) {
	encodeIDs(w, r.Delivered)
	encodeIDs(w, r.Read)
}

func (Typing) encode(*tlsenc.Writer) {}

func (f File) encode(w *tlsenc.Writer) {
	w.Fixed(f.File.Encode())
	w.Vector([]byte(f.Name))
	w.Vector([]byte(f.Media))
	w.Uint32(f.Width)
	w.Uint32(f.Height)
	w.Uint32(f.Length)
	var thumbnail []byte
	if f.Thumbnail != nil {
		thumbnail = f.Thumbnail.Encode()
	}
	w.Vector(thumbnail)
	w.Vector([]byte(f.Caption))
}

func (p Pin) encode(w *tlsenc.Writer) {
	w.Fixed(p.Target[:])
	w.Uint8(number(p.Pinned))
}

func (r Resend) encode(w *tlsenc.Writer) {
	w.Fixed(r.Device[:])
	w.Nested(func(w *tlsenc.Writer) {
		for _, n := range r.Counters {
			w.Uint64(n)
		}
	})
}

func (a Again) encode(w *tlsenc.Writer)   { w.Vector(a.Original) }
func (m Merged) encode(w *tlsenc.Writer)  { w.Uint64(m.Epoch) }
func (h History) encode(w *tlsenc.Writer) { w.Fixed(h.Archive.Encode()) }
func (u Unknown) encode(w *tlsenc.Writer) { w.Fixed(u.Data) }

func encodeIDs[T ~[idSize]byte](w *tlsenc.Writer, ids []T) {
	w.Nested(func(w *tlsenc.Writer) {
		for _, id := range ids {
			b := [idSize]byte(id)
			w.Fixed(b[:])
		}
	})
}

func number(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// decodeBody reads a body; the rules of its type are checked by the caller.
func decodeBody(k Kind, b []byte) (Body, error) {
	if k == 0 {
		return nil, fmt.Errorf("%w: no kind", ErrContent)
	}
	if k >= kindEnd {
		return Unknown{Number: k, Data: bytes.Clone(b)}, nil
	}
	d := decoder{Reader: tlsenc.NewReader(b)}
	body := d.body(k)
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContent, err)
	}
	if d.err != nil {
		return nil, d.err
	}
	return body, nil
}
