package message

import (
	"bytes"
	"fmt"

	"conclave/core/attach"
	"conclave/core/tlsenc"
)

// A decoder reads bodies. The first error that is not the Reader's own is err.
type decoder struct {
	tlsenc.Reader
	err error
}

func (d *decoder) body(k Kind) Body {
	switch k {
	case KindText:
		return Text{Text: d.text(MaxText), ReplyTo: d.id(), Mentions: ids[User](d, MaxMentions)}
	case KindEdit:
		return Edit{Target: d.id(), Text: d.text(MaxText)}
	case KindDelete:
		return Delete{Target: d.id()}
	case KindReaction:
		return Reaction{Target: d.id(), Emoji: d.text(MaxEmoji), Remove: d.bool()}
	case KindReceipt:
		return Receipt{Delivered: ids[ID](d, MaxIDs), Read: ids[ID](d, MaxIDs)}
	case KindTyping:
		return Typing{}
	case KindFile:
		return d.file()
	case KindPin:
		return Pin{Target: d.id(), Pinned: d.bool()}
	case KindResend:
		return Resend{Device: Device(d.id()), Counters: d.counters()}
	case KindAgain:
		return Again{Original: bytes.Clone(d.Vector(maxOriginal))}
	case KindMerged:
		return Merged{Epoch: d.Uint64()}
	case KindHistory:
		return History{Archive: d.descriptor(d.Fixed(attach.DescriptorSize))}
	default:
		return nil
	}
}

func (d *decoder) file() File {
	f := File{
		File:  d.descriptor(d.Fixed(attach.DescriptorSize)),
		Name:  d.text(MaxFileName),
		Media: d.text(maxMedia),
		Width: d.Uint32(), Height: d.Uint32(), Length: d.Uint32(),
	}
	if b := d.Vector(attach.DescriptorSize); len(b) > 0 {
		thumbnail := d.descriptor(b)
		f.Thumbnail = &thumbnail
	}
	f.Caption = d.text(MaxText)
	return f
}

func (d *decoder) descriptor(b []byte) attach.Descriptor {
	file, err := attach.Decode(b)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%w: %w", ErrContent, err)
	}
	return file
}

func (d *decoder) id() (id ID) {
	copy(id[:], d.Fixed(idSize))
	return id
}

func (d *decoder) text(most int) string { return string(d.Vector(most)) }

func (d *decoder) bool() bool {
	n := d.Uint8()
	if n > 1 && d.err == nil {
		d.err = fmt.Errorf("%w: neither 0 nor 1", ErrContent)
	}
	return n == 1
}

func (d *decoder) counters() []uint64 {
	r := tlsenc.NewReader(d.Vector(8 * MaxIDs))
	var list []uint64
	for r.Len() > 0 && r.Err() == nil {
		list = append(list, r.Uint64())
	}
	d.note(r.Done())
	return list
}

// ids reads a list of at most most ids.
func ids[T ~[idSize]byte](d *decoder, most int) []T {
	r := tlsenc.NewReader(d.Vector(idSize * most))
	var list []T
	for r.Len() > 0 && r.Err() == nil {
		var id [idSize]byte
		copy(id[:], r.Fixed(idSize))
		list = append(list, T(id))
	}
	d.note(r.Done())
	return list
}

// note keeps the error of a list.
func (d *decoder) note(err error) {
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%w: %w", ErrContent, err)
	}
}
