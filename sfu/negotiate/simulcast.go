package negotiate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"conclave/sfu/room"
)

const maxRID = 16 // characters; what the one-byte form of a header extension holds

// A rid is one encoding of a simulcast (RFC 8851).
type rid struct {
	id           string
	restrictions string // "pt=96;max-width=…", or ""
}

// readSimulcast returns the encodings that an m-line offers to send at the same
// time (RFC 8853), in its order. Of alternatives the first counts.
func readSimulcast(m *sdp.MediaDescription, formats []*format) ([]rid, error) {
	known := make(map[string]rid)
	lines := 0
	for _, a := range m.Attributes {
		if a.Key != "rid" { // q send pt=96
			continue
		}
		if lines++; lines > maxRIDLines {
			return nil, errTooMany("a=rid", maxRIDLines)
		}
		f := strings.Fields(a.Value)
		if len(f) < 2 || f[1] != "send" || !isName(f[0], maxRID) {
			continue
		}
		r := rid{id: f[0]}
		if len(f) > 2 {
			var ok bool
			if r.restrictions, ok = restrict(f[2], formats); !ok {
				continue
			}
		}
		known[r.id] = r
	}
	var list []rid
	value, _ := m.Attribute("simulcast") // send q;h,x;~f recv a
	f := strings.Fields(value)
	for i := 0; i+1 < len(f); i += 2 {
		if f[i] != "send" {
			continue
		}
		for alternatives := range strings.SplitSeq(f[i+1], ";") {
			for one := range strings.SplitSeq(alternatives, ",") {
				r, ok := known[strings.TrimPrefix(one, "~")]
				if !ok || len(list) == room.MaxRIDs || slices.Contains(list, r) {
					continue
				}
				list = append(list, r)
				break
			}
		}
	}
	return list, nil
}

// restrict returns restrictions of an encoding as they are answered: those offered,
// with only those payload types that are taken (RFC 8851, Section 6.3). It
// reports false if none is.
func restrict(offered string, formats []*format) (string, bool) {
	if len(offered) > maxFmtp {
		return "", false
	}
	list := strings.Split(offered, ";")
	for i, one := range list {
		numbers, ok := strings.CutPrefix(one, "pt=")
		if !ok {
			continue
		}
		numbers = strings.Join(slices.DeleteFunc(strings.Split(numbers, ","), func(n string) bool {
			return !slices.ContainsFunc(formats, func(f *format) bool { return strconv.Itoa(int(f.number)) == n })
		}), ",")
		if numbers == "" {
			return "", false
		}
		list[i] = "pt=" + numbers
	}
	return strings.Join(list, ";"), true
}

// ranked returns the names of encodings, lowest resolution first: the usual names
// (quarter, half, full) say so; others keep their order, which is lowest first
// as clients here offer them.
func ranked(rids []rid) []string {
	rank := map[string]int{"q": 0, "h": 1, "f": 2}
	var names []string
	usual := true
	for _, r := range rids {
		_, ok := rank[r.id]
		usual = usual && ok
		names = append(names, r.id)
	}
	if usual {
		slices.SortFunc(names, func(a, b string) int { return rank[a] - rank[b] })
	}
	return names
}

// isName reports whether s can name an m-line or an encoding: 1 to n characters
// of those that rids may have (RFC 8851, Section 10).
func isName(s string, n int) bool {
	return s != "" && len(s) <= n && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && r != '-' && r != '_'
	})
}

// readSSRCs returns the sources of an m-line, each with what it repairs or itself
// (RFC 5576 and RFC 4588, Section 8).
func readSSRCs(attributes []sdp.Attribute) (map[uint32]uint32, error) {
	sources := make(map[uint32]uint32)
	for _, a := range attributes {
		var numbers []string
		switch f := strings.Fields(a.Value); {
		case a.Key == "ssrc" && len(f) > 0: // 1234 cname:x
			numbers = f[:1]
		case a.Key == "ssrc-group" && len(f) == 3 && f[0] == "FID": // FID 1234 5678
			numbers = f[1:]
		default:
			continue
		}
		ssrcs := make([]uint32, 0, 2)
		for _, text := range numbers {
			n, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return nil, errMissing("number in an a=ssrc or a=ssrc-group")
			}
			ssrcs = append(ssrcs, uint32(n))
			if _, ok := sources[uint32(n)]; !ok {
				sources[uint32(n)] = uint32(n)
			}
		}
		if len(sources) > room.MaxSSRCs {
			return nil, errTooMany("sources", room.MaxSSRCs)
		}
		if len(ssrcs) == 2 {
			sources[ssrcs[1]] = ssrcs[0]
		}
	}
	for _, main := range sources {
		if sources[main] != main {
			return nil, errMissing("source that is no repair itself in an a=ssrc-group")
		}
	}
	return sources, nil
}
