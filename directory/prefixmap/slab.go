package prefixmap

const chunkSize = 1024

// A slab is a list of leaves that grows without moving: copies of it share the
// leaves that both have. It is one pointer for 1024 leaves to the garbage
// collector, which does not look inside.
type slab struct {
	chunks []*[chunkSize]Entry
	n      int
}

// at returns leaf number i-1.
func (s *slab) at(i uint32) *Entry {
	i--
	return &s.chunks[i/chunkSize][i%chunkSize]
}

// add appends entries and returns the number of the first plus one. A copy of s
// that was made before does not see them; what another copy appended is lost.
func (s *slab) add(entries []Entry) uint32 {
	first := uint32(s.n) + 1
	for i := range entries {
		if s.n%chunkSize == 0 {
			s.chunks = append(s.chunks[:s.n/chunkSize:s.n/chunkSize], new([chunkSize]Entry))
		}
		s.chunks[s.n/chunkSize][s.n%chunkSize] = entries[i]
		s.n++
	}
	return first
}
