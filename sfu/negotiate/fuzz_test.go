package negotiate

import (
	"errors"
	"testing"

	"github.com/pion/sdp/v3"

	"conclave/sfu/room"
)

// FuzzReadOffer reads what clients made up. What is taken is within bounds, and
// the answer to it has the same m-lines.
func FuzzReadOffer(f *testing.F) {
	for _, text := range samples(f, ".offer") {
		f.Add(text)
	}
	f.Add(offer)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ReadOffer(text)
		if err != nil {
			if !errors.Is(err, ErrDescription) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if len(o.Sections) > room.MaxSections {
			t.Errorf("%d sections", len(o.Sections))
		}
		for _, s := range o.Sections {
			if len(s.SSRCs) > room.MaxSSRCs || len(s.RIDs) > room.MaxRIDs || len(s.Codecs) > maxFormats || !isName(s.Mid, maxName) {
				t.Errorf("section = %+v", s)
			}
			for repair, main := range s.SSRCs {
				if s.SSRCs[main] != main {
					t.Errorf("%d repairs %d, which repairs another", repair, main)
				}
			}
			for _, p := range s.Codecs {
				if p.Repair && s.Codecs[p.Repairs].Codec == room.Unknown {
					t.Errorf("%+v repairs what is not forwarded", p)
				}
			}
		}
		answer, err := o.Answer(local)
		if err != nil {
			t.Fatal(err)
		}
		var d sdp.SessionDescription
		if err := d.UnmarshalString(answer); err != nil {
			t.Fatalf("answer does not parse: %v\n%s", err, answer)
		}
		if len(d.MediaDescriptions) != len(o.lines) {
			t.Errorf("%d m-lines answer %d", len(d.MediaDescriptions), len(o.lines))
		}
	})
}

// FuzzReadAnswer reads answers that clients made up.
func FuzzReadAnswer(f *testing.F) {
	for _, text := range samples(f, ".answer") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ReadAnswer(text, threeSlots)
		if err != nil {
			if !errors.Is(err, ErrDescription) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if len(a.Bindings) != len(threeSlots) {
			t.Fatalf("%d bindings", len(a.Bindings))
		}
		for i, b := range a.Bindings {
			if b.Mid != threeSlots[i].Mid {
				t.Errorf("binding %d is of %q", i, b.Mid)
			}
			for c, n := range b.RepairTypes {
				if n != 0 && b.PayloadTypes[c] == 0 {
					t.Errorf("%v is repaired but not sent", room.Codec(c))
				}
			}
		}
	})
}
