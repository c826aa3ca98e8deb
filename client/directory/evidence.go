package directory

import (
	"encoding/json"
	"fmt"

	"conclave/core/keytrans"
)

// evidenceFormat names the document.
const evidenceFormat = "conclave evidence 1"

// MaxEvidence is the most bytes of a document.
const MaxEvidence = 4 << 20

// Evidence is what shows others that a directory lied. Who reads it needs no
// server: see [Evidence.Verify]. In JSON, bytes are base64 with padding, ids and
// roots hexadecimal, times milliseconds since 1970.
type Evidence struct {
	Format string `json:"format"`
	ID     string `json:"id"`
	Attack string `json:"attack"`
	Time   uint64 `json:"time"` // by the clock of who saw it
	User   string `json:"user,omitempty"`
	Handle string `json:"handle,omitempty"`
	Detail string `json:"detail"`
	// Origin, LogKey, VRFKey and Policy are what the device had pinned of the server.
	// Whoever judges compares them with what they know of it.
	Origin string `json:"origin"`
	LogKey string `json:"log_key"`
	VRFKey []byte `json:"vrf_key"`
	Policy string `json:"policy"`
	// Question is what Proof answers, if it is an answer: "lookup" or "monitor".
	Question string `json:"question,omitempty"`
	// Proof is a keytrans.Evidence.
	Proof []byte `json:"proof,omitempty"`
	// Records are the identity records that were known before.
	Records [][]byte `json:"records,omitempty"`
	// Claims are the checkpoints that do not go together, as people passed them on.
	Claims []Claim `json:"claims,omitempty"`

	proof keytrans.EvidenceKind // of Proof; 0: none
}

// A Claim is a checkpoint as a person passed it on.
type Claim struct {
	From string `json:"from,omitempty"` // user
	Size uint64 `json:"size"`
	Root string `json:"root"`
	Note []byte `json:"note,omitempty"`
}

// ParseEvidence reads a document. Nothing is verified but the form.
func ParseEvidence(b []byte) (*Evidence, error) {
	if len(b) > MaxEvidence {
		return nil, fmt.Errorf("directory: evidence is longer than %d bytes", MaxEvidence)
	}
	e := new(Evidence)
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("directory: evidence does not parse as JSON")
	}
	if e.Format != evidenceFormat || len(e.VRFKey) != keytrans.HashSize {
		return nil, fmt.Errorf("directory: not a document of evidence")
	}
	return e, nil
}

// proven reports whether the document holds a proof that convinces others, rather
// than what this device says it saw.
func (e *Evidence) proven() bool {
	return e != nil && (e.proof == keytrans.Fork || e.proof == keytrans.Changed)
}

// evidence keeps the answer to a question, and what it was held against.
func (q *question) evidence(id string, before []byte) *Evidence {
	e := &keytrans.Evidence{Kind: keytrans.Answer, First: q.request, Second: q.answer, Time: q.at, ID: id}
	if len(q.answer) > maxKept {
		e.Second = nil
	}
	if q.st.Head != nil {
		e.Head = q.st.Head.Encode()
	}
	if u := q.st.Users[q.subject(q.st)]; u != nil {
		e.User = u.Encode()
	}
	return &Evidence{Question: q.label(), Proof: e.Encode(), Records: records(before), proof: e.Kind}
}

// maxKept is the longest answer that is kept as evidence, in bytes.
const maxKept = 1 << 20

// label names the kind of the question in a document.
func (q *question) label() string {
	if q.monitor {
		return "monitor"
	}
	return "lookup"
}

func records(all ...[]byte) [][]byte {
	var out [][]byte
	for _, r := range all {
		if len(r) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// describe fills in what every document has. Call it locked.
func (e *Evidence) describe(c *Client, f *finding) {
	e.Format, e.ID, e.Attack, e.Detail = evidenceFormat, f.ID, f.Attack, f.Detail
	e.Time, e.Handle = c.now(), f.Handle
	if !f.User.IsZero() {
		e.User = f.User.String()
	}
	if p := c.site.Pin; p != nil {
		e.Origin, e.LogKey, e.VRFKey, e.Policy = p.Keys.Origin, p.Keys.LogKey, p.Keys.VRFKey[:], p.Policy
	}
}

// encode returns the document as it is exported.
func (e *Evidence) encode() []byte {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil // strings, numbers and bytes always encode
	}
	return append(b, '\n')
}
