package history

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"

	"conclave/client/vault"
)

const (
	maxQuery   = 16  // words
	maxResults = 500 // of one search
)

// Search returns the messages in which each word of query begins a word of the
// text or of the file's name, whatever its case, newest first by arrival; in
// scripts that put no spaces between words it may stand anywhere. The zero ID
// searches all conversations. The limit is 1 to 500. It reads all messages, a
// hundred at a time, until ctx ends.
func (h *History) Search(ctx context.Context, conversation ID, query string, limit int) ([]Message, error) {
	want := words(query)
	if len(want) == 0 || limit < 1 {
		return nil, nil
	}
	want, limit = want[:min(len(want), maxQuery)], min(limit, maxResults)
	in := []ID{conversation}
	if conversation.IsZero() {
		all, err := h.Conversations(ctx)
		if err != nil {
			return nil, err
		}
		in = in[:0]
		for i := range all {
			in = append(in, all[i].ID)
		}
	}
	var found []Message
	for _, c := range in {
		more, err := h.searchOne(ctx, c, want, limit)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
		slices.SortStableFunc(found, func(a, b Message) int {
			return cmp.Or(b.Arrived.Compare(a.Arrived), cmp.Compare(b.Seq, a.Seq))
		})
		found = slices.Clip(found[:min(limit, len(found))])
	}
	return found, nil
}

// searchOne returns the newest that match in one conversation.
func (h *History) searchOne(ctx context.Context, conversation ID, want []string, limit int) ([]Message, error) {
	var found []Message
	for _, prefix := range []string{pendingPrefix(conversation), messagesPrefix(conversation)} {
		for to := vault.End(prefix); ; {
			entries, err := h.db.Range(ctx, prefix, to, page, true)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				var m Message
				if err := decode(e.Value, &m); err != nil {
					return nil, err
				}
				if m.Kind != KindNotice && m.matches(want) {
					m.Content = nil
					found = append(found, m)
				}
				if len(found) == limit {
					return found, nil
				}
			}
			if len(entries) < page {
				break
			}
			to = entries[len(entries)-1].Key
		}
	}
	return found, nil
}

func (m *Message) matches(want []string) bool {
	has := words(m.Text)
	if m.File != nil {
		has = append(has, words(m.File.Name)...)
	}
	for _, w := range want {
		anywhere := strings.ContainsFunc(w, unspaced)
		if !slices.ContainsFunc(has, func(h string) bool {
			return strings.HasPrefix(h, w) || anywhere && strings.Contains(h, w)
		}) {
			return false
		}
	}
	return true
}

// words returns the words of a text, folded.
func words(text string) []string {
	return strings.FieldsFunc(strings.Map(fold, text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
}

// fold makes letters equal that differ in case only.
func fold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
