package negotiate

import (
	"slices"
	"testing"

	"github.com/pion/sdp/v3"
)

// TestReadExtensions says which lines a=extmap of a sender are taken, and how
// they are answered.
func TestReadExtensions(t *testing.T) {
	for _, tt := range []struct{ value, answer string }{
		{"1 " + uriMid, "1 " + uriMid},
		{"14/sendonly " + uriMid, "14/recvonly " + uriMid},
		{"16/sendrecv " + uriMid + " with attributes", "16/recvonly " + uriMid},
		{"255 " + uriMid, "255 " + uriMid},
		{"1/recvonly " + uriMid, ""},
		{"1/inactive " + uriMid, ""},
		{"0 " + uriMid, ""},
		{"15 " + uriMid, ""},
		{"256 " + uriMid, ""},
		{"x " + uriMid, ""},
		{"1 urn:ietf:params:rtp-hdrext:encrypt " + uriMid, ""},
		{"1", ""},
		{"", ""},
	} {
		list, err := readExtensions([]sdp.Attribute{sdp.NewAttribute("extmap", tt.value)}, []string{uriMid}, sdp.AttrKeyRecvOnly)
		if err != nil {
			t.Fatal(err)
		}
		var want []sdp.Attribute
		if tt.answer != "" {
			want = append(want, sdp.NewAttribute("extmap", tt.answer))
		}
		var got []sdp.Attribute
		for _, e := range list {
			got = append(got, e.answered())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q is answered %v, want %v", tt.value, got, want)
		}
	}
}
