package session

import "conclave/core/sframe"

// sealRaw seals plaintext as a data frame of any member.
func sealRaw(g *Group, as SenderIndex, counter uint64, plaintext []byte) []byte {
	key, err := g.MediaKey(as, sframe.Data)
	if err != nil {
		panic(err)
	}
	s, err := sframe.NewSealer(key, counter, counter+1)
	if err != nil {
		panic(err)
	}
	sealed, err := s.Seal(nil, plaintext, g.dataMetadata())
	if err != nil {
		panic(err)
	}
	return sealed
}
