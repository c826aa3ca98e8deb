package keytrans

import (
	"errors"
	"fmt"

	"conclave/core/tlsenc"
)

// A claim names a label.
type claim struct {
	namespace Namespace
	name      []byte
	version   uint32
	vrf       [vrfSize]byte
}

// A statement is what a directory said of some labels in one epoch, with all
// that is needed to check it by the server's keys alone.
//
//	struct { uint8 namespace; opaque name<V>; uint32 version; opaque vrf[80]; } Claim;
//	struct {
//	    opaque checkpoint<V>;
//	    opaque epoch<V>;        /* any entry of the log */
//	    Hash inclusion<V>;
//	    Claim claims<V>;        /* at most 65 */
//	    BatchProof proof;       /* of the claims, in order */
//	} Statement;
type statement struct {
	checkpoint []byte
	epoch      []byte
	inclusion  []Hash
	claims     []claim
	proof      *BatchProof
}

const maxStatement = 256 << 10

func (s *statement) encode() []byte {
	w := tlsenc.NewWriter(8 << 10)
	w.Vector(s.checkpoint)
	w.Vector(s.epoch)
	writeHashes(w, s.inclusion)
	w.Nested(func(w *tlsenc.Writer) {
		for i := range s.claims {
			c := &s.claims[i]
			w.Uint8(uint8(c.namespace))
			w.Vector(c.name)
			w.Uint32(c.version)
			w.Fixed(c.vrf[:])
		}
	})
	s.proof.encode(w)
	return w.Bytes()
}

func parseStatement(b []byte) (*statement, error) {
	r := tlsenc.NewReader(b)
	s := &statement{checkpoint: r.Vector(maxCheckpoint), epoch: r.Vector(maxEpoch)}
	var errs [3]error
	s.inclusion, errs[0] = readHashes(&r, maxInclusion)
	list := tlsenc.NewReader(r.Vector(maxTerminals * (1 + 4 + maxName + 4 + vrfSize)))
	for list.Len() > 0 && errs[1] == nil {
		if len(s.claims) == maxTerminals {
			errs[1] = fmt.Errorf("more than %d claims", maxTerminals)
			break
		}
		c := claim{namespace: Namespace(list.Uint8()), name: list.Vector(maxName), version: list.Uint32()}
		copy(c.vrf[:], list.Fixed(vrfSize))
		s.claims, errs[1] = append(s.claims, c), list.Err()
	}
	if r.Err() == nil {
		s.proof, errs[2] = readBatch(&r)
	}
	if err := done("statement", &r, errs[:]...); err != nil {
		return nil, err
	}
	return s, nil
}

// A fact is what a statement proves of one label.
type fact struct {
	label Hash
	found Found
}

// check proves a statement.
func (v *Verifier) checkStatement(b []byte) (*Epoch, []fact, error) {
	s, err := parseStatement(b)
	if err != nil {
		return nil, nil, err
	}
	o, err := v.open(s.checkpoint)
	if err != nil {
		return nil, nil, err
	}
	e, err := ParseEpoch(s.epoch)
	if err != nil {
		return nil, nil, err
	}
	if !included(o.Checkpoint, e.Index, s.epoch, s.inclusion) {
		return nil, nil, errors.New("the epoch is not in the log")
	}
	labels := make([]Hash, len(s.claims))
	for i := range s.claims {
		c := &s.claims[i]
		if labels[i], err = v.label(c.namespace, c.name, c.version, c.vrf[:]); err != nil {
			return nil, nil, err
		}
	}
	found, err := s.proof.Verify(e.MapRoot, labels)
	if err != nil {
		return nil, nil, err
	}
	facts := make([]fact, len(labels))
	for i := range facts {
		facts[i] = fact{labels[i], found[i]}
	}
	return e, facts, nil
}

// contradict reports whether a map that only grows cannot have been both.
func (v *Verifier) contradict(first, second []byte) (bool, error) {
	e1, facts1, err := v.checkStatement(first)
	if err != nil {
		return false, err
	}
	e2, facts2, err := v.checkStatement(second)
	if err != nil {
		return false, err
	}
	if e1.Index > e2.Index {
		e1, e2, facts1, facts2 = e2, e1, facts2, facts1
	}
	for _, a := range facts1 {
		for _, b := range facts2 {
			if a.label == b.label && a.found != b.found && (a.found.Exists || e1.Index == e2.Index) {
				return true, nil
			}
		}
	}
	return false, nil
}
