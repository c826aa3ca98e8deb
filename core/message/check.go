package message

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

func (t Text) check() error {
	if t.Text == "" {
		return fmt.Errorf("%w: no text", ErrContent)
	}
	if len(t.Mentions) > MaxMentions || !ascending(t.Mentions) {
		return fmt.Errorf("%w: mentions are too many or not in order", ErrContent)
	}
	return checkText(t.Text)
}

func (e Edit) check() error {
	if e.Text == "" {
		return fmt.Errorf("%w: no text; delete the message instead", ErrContent)
	}
	return firstError(checkTarget(e.Target), checkText(e.Text))
}

func (d Delete) check() error { return checkTarget(d.Target) }
func (p Pin) check() error    { return checkTarget(p.Target) }

func (r Reaction) check() error {
	if r.Emoji == "" || len(r.Emoji) > MaxEmoji || !utf8.ValidString(r.Emoji) {
		return fmt.Errorf("%w: not an emoji", ErrContent)
	}
	for _, c := range r.Emoji {
		keycap := c >= '0' && c <= '9' || c == '#' || c == '*'
		if c < utf8.RuneSelf && !keycap || unicode.IsControl(c) || unicode.IsSpace(c) || bidirectional(c) {
			return fmt.Errorf("%w: not an emoji", ErrContent)
		}
	}
	return checkTarget(r.Target)
}

func (r Receipt) check() error {
	if len(r.Delivered)+len(r.Read) == 0 || max(len(r.Delivered), len(r.Read)) > MaxIDs {
		return fmt.Errorf("%w: receipt for none or too many", ErrContent)
	}
	if !ascending(r.Delivered) || !ascending(r.Read) {
		return fmt.Errorf("%w: ids are not in order", ErrContent)
	}
	return nil
}

func (Typing) check() error { return nil }

func (f File) check() error {
	if f.File.Check() != nil || f.Thumbnail != nil && f.Thumbnail.Check() != nil {
		return fmt.Errorf("%w: descriptor of a file", ErrContent)
	}
	if !fileName(f.Name) {
		return fmt.Errorf("%w: name of a file; rename it", ErrContent)
	}
	if !mediaType(f.Media) {
		return fmt.Errorf("%w: media type", ErrContent)
	}
	if (f.Width == 0) != (f.Height == 0) {
		return fmt.Errorf("%w: one side of a picture", ErrContent)
	}
	return checkText(f.Caption)
}

func (r Resend) check() error {
	if len(r.Counters) == 0 || len(r.Counters) > MaxIDs {
		return fmt.Errorf("%w: asks for none or too many", ErrContent)
	}
	var last uint64
	for _, n := range r.Counters {
		if n <= last {
			return fmt.Errorf("%w: counters are not in order", ErrContent)
		}
		last = n
	}
	return nil
}

// check refuses an original that is no content, or that nests or cannot be missed.
func (a Again) check() error {
	if len(a.Original) > maxOriginal {
		return fmt.Errorf("%w: original is too long", ErrContent)
	}
	if len(a.Original) >= headSize && Kind(a.Original[headSize-1]) == KindAgain {
		return fmt.Errorf("%w: again within again", ErrContent)
	}
	c, err := Decode(a.Original)
	if err != nil {
		return err
	}
	if c.Counter == 0 {
		return fmt.Errorf("%w: original is not counted", ErrContent)
	}
	return nil
}

func (Merged) check() error { return nil }

func (h History) check() error {
	if h.Archive.Check() != nil {
		return fmt.Errorf("%w: descriptor of an archive", ErrContent)
	}
	return nil
}

func (u Unknown) check() error {
	if u.Number < kindEnd || len(u.Data) > MaxBody {
		return fmt.Errorf("%w: kind %d is known or its body too long", ErrContent, u.Number)
	}
	return nil
}

func checkTarget(id ID) error {
	if id == (ID{}) {
		return fmt.Errorf("%w: no target", ErrContent)
	}
	return nil
}

// checkText refuses what is not UTF-8 or has control characters other than line
// feed and tab.
func checkText(s string) error {
	if len(s) > MaxText || !utf8.ValidString(s) {
		return fmt.Errorf("%w: text is too long or not UTF-8", ErrContent)
	}
	for _, c := range s {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return fmt.Errorf("%w: control character in a text", ErrContent)
		}
	}
	return nil
}

// fileName reports whether s can name a file anywhere without leading out of a
// folder or looking like another name.
func fileName(s string) bool {
	if s == "" || len(s) > MaxFileName || !utf8.ValidString(s) || strings.TrimSpace(s) != s || strings.Trim(s, ".") == "" {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return c == '/' || c == '\\' || c == ':' || unicode.IsControl(c) || bidirectional(c) || c == '\u2028' || c == '\u2029'
	})
}

// bidirectional reports whether c changes the direction of the text after it.
func bidirectional(c rune) bool {
	return unicode.Is(unicode.Bidi_Control, c)
}

// mediaType reports whether s is type/subtype in lower case.
func mediaType(s string) bool {
	major, minor, ok := strings.Cut(s, "/")
	token := func(s string) bool {
		return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.+-_") == ""
	}
	return ok && len(s) <= maxMedia && token(major) && token(minor)
}

// ascending reports whether ids are in order, each once, none zero.
func ascending[T ~[idSize]byte](ids []T) bool {
	var last [idSize]byte
	for _, id := range ids {
		b := [idSize]byte(id)
		if bytes.Compare(b[:], last[:]) <= 0 {
			return false
		}
		last = b
	}
	return true
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
