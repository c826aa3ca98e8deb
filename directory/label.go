package directory

import (
	"crypto/hmac"
	"crypto/sha256"
	"sync"

	vrf "filippo.io/mostly-harmless/vrf-r255"

	"conclave/core/keytrans"
)

// A label and its proof that it is what the key makes of a name and a version.
type label struct {
	hash  keytrans.Hash
	proof [80]byte
}

// labels computes labels, 0.25 ms each, and remembers some. It is for concurrent
// use.
type labels struct {
	key    *vrf.PrivateKey
	secret [32]byte // of openings

	mu          sync.Mutex
	young, aged map[labelOf]label // a label moves from aged to young when it is used
}

type labelOf struct {
	namespace keytrans.Namespace
	version   uint32
	name      string
}

// maxYoung is the number of labels after which the aged ones are forgotten: both
// maps together take 20 MB.
const maxYoung = 1 << 15

func newLabels(s *Secrets) *labels {
	return &labels{key: s.vrf, secret: s.opening, young: make(map[labelOf]label)}
}

// get returns the label of a version of a name.
func (l *labels) get(ns keytrans.Namespace, name []byte, version uint32) label {
	of := labelOf{ns, version, string(name)}
	l.mu.Lock()
	v, ok := l.young[of]
	if !ok {
		if v, ok = l.aged[of]; ok {
			l.keep(of, v)
		}
	}
	l.mu.Unlock()
	if ok {
		return v
	}
	proof := l.key.Prove(keytrans.LabelInput(ns, name, version))
	copy(v.hash[:], proof.Hash())
	copy(v.proof[:], proof.Bytes())
	l.mu.Lock()
	l.keep(of, v)
	l.mu.Unlock()
	return v
}

// learn remembers the label of a stored entry.
func (l *labels) learn(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(labelOf{keytrans.Namespace(e.Namespace), e.Version, string(e.Name)}, label{e.Label, e.Proof})
}

func (l *labels) keep(of labelOf, v label) {
	if len(l.young) >= maxYoung {
		l.aged, l.young = l.young, make(map[labelOf]label)
	}
	l.young[of] = v
}

// opening returns what opens the commitment at a label.
func (l *labels) opening(at keytrans.Hash) (o keytrans.Hash) {
	mac := hmac.New(sha256.New, l.secret[:])
	mac.Write(at[:])
	mac.Sum(o[:0])
	return o
}
