package keytrans

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits of a policy.
const (
	// MaxPolicy is the most bytes of a policy.
	MaxPolicy = 64 << 10

	maxComponents = 256 // witnesses and groups
)

// A Witness of a policy.
type Witness struct {
	// Name is its name in the policy.
	Name string
	// Key is its key as a note verifier key of cosignature/v1.
	Key string
	// URL is where it is asked, or empty.
	URL string
}

// A Policy says which witnesses must confirm a checkpoint (C2SP tlog-policy).
// It is for concurrent use.
type Policy struct {
	text       string
	logs       []*noteKey
	components []component // in the order of the text: members come before groups
	quorum     int         // of components; -1 for none
	witnesses  []int       // components that are witnesses and count for the quorum
}

// A component is a witness or a group of components.
type component struct {
	name    string
	witness Witness
	key     *noteKey // of a witness
	need    int      // of a group: how many members
	members []int
	member  bool // of a group
}

// ParsePolicy reads a policy. Empty text is a policy without witnesses. Errors
// wrap ErrFormat and name the line.
//
// Only Ed25519 keys are taken: one that could not be checked would be a witness
// that never counts.
func ParsePolicy(text string) (*Policy, error) {
	p := &Policy{text: text, quorum: -1}
	if text == "" {
		return p, nil
	}
	if len(text) > MaxPolicy {
		return nil, fmt.Errorf("%w policy: more than %d bytes", ErrFormat, MaxPolicy)
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return nil, fmt.Errorf("%w policy: a control character", ErrFormat)
		}
	}
	seen, number := false, 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' || c == '\n' })
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		if err := p.line(fields, &seen); err != nil {
			return nil, fmt.Errorf("%w policy: line %d: %w", ErrFormat, number, err)
		}
	}
	if !seen {
		return nil, fmt.Errorf("%w policy: it names no quorum", ErrFormat)
	}
	if p.quorum >= 0 {
		p.collect(p.quorum)
		slices.Sort(p.witnesses)
	}
	return p, nil
}

func (p *Policy) line(fields []string, quorum *bool) error {
	keyword, args := fields[0], fields[1:]
	switch {
	case keyword == "log" && (len(args) == 1 || len(args) == 2):
		return p.addLog(args[0])
	case keyword == "witness" && (len(args) == 2 || len(args) == 3):
		return p.addWitness(args)
	case keyword == "group" && len(args) >= 3:
		return p.addGroup(args[0], args[1], args[2:])
	case keyword == "quorum" && len(args) == 1:
		if *quorum {
			return fmt.Errorf("a second quorum")
		}
		*quorum = true
		if args[0] == "none" {
			return nil
		}
		p.quorum = p.find(args[0])
		if p.quorum < 0 {
			return fmt.Errorf("the quorum is not defined above it")
		}
		return nil
	default:
		return fmt.Errorf("not a log, witness, group or quorum, or with the wrong number of words")
	}
}

func (p *Policy) addLog(vkey string) error {
	k, err := parseNoteKey(vkey, false)
	if err != nil {
		return err
	}
	for _, other := range p.logs {
		if other.key == k.key {
			return fmt.Errorf("the same log again")
		}
	}
	p.logs = append(p.logs, k)
	return nil
}

func (p *Policy) addWitness(args []string) error {
	k, err := parseNoteKey(args[1], true)
	if err != nil {
		return err
	}
	for i := range p.components {
		// One witness under two names would count twice.
		if other := p.components[i].key; other != nil && other.key == k.key {
			return fmt.Errorf("the same witness again")
		}
	}
	c := component{name: args[0], key: k, witness: Witness{Name: args[0], Key: args[1]}}
	if len(args) == 3 {
		c.witness.URL = args[2]
	}
	return p.add(c)
}

func (p *Policy) addGroup(name, need string, members []string) error {
	c := component{name: name}
	switch need {
	case "any":
		c.need = 1
	case "all":
		c.need = len(members)
	default:
		n, err := strconv.Atoi(need)
		if err != nil || strconv.Itoa(n) != need || n < 1 || n > len(members) {
			return fmt.Errorf("a group needs 1 to all of its members")
		}
		c.need = n
	}
	for _, m := range members {
		i := p.find(m)
		if i < 0 {
			return fmt.Errorf("a member is not defined above its group")
		}
		if p.components[i].member {
			return fmt.Errorf("a member of two groups, or twice of one")
		}
		p.components[i].member = true
		c.members = append(c.members, i)
	}
	return p.add(c)
}

func (p *Policy) add(c component) error {
	if c.name == "none" || p.find(c.name) >= 0 {
		return fmt.Errorf("the name is taken")
	}
	if len(p.components) == maxComponents {
		return fmt.Errorf("more than %d witnesses and groups", maxComponents)
	}
	p.components = append(p.components, c)
	return nil
}

func (p *Policy) find(name string) int {
	return slices.IndexFunc(p.components, func(c component) bool { return c.name == name })
}

// collect gathers the witnesses of a component. Each component is a member once,
// so that the recursion ends.
func (p *Policy) collect(i int) {
	c := &p.components[i]
	if c.key != nil {
		p.witnesses = append(p.witnesses, i)
	}
	for _, m := range c.members {
		p.collect(m)
	}
}

// String returns the text that was parsed.
func (p *Policy) String() string { return p.text }

// Witnesses returns the witnesses that count for the quorum, in the order of the
// text.
func (p *Policy) Witnesses() []Witness {
	out := make([]Witness, len(p.witnesses))
	for i, w := range p.witnesses {
		out[i] = p.components[w].witness
	}
	return out
}

// witness returns the place in witnesses of the one with a key of this name and
// id, or -1.
func (p *Policy) witness(name string, id uint32) int {
	return slices.IndexFunc(p.witnesses, func(i int) bool {
		k := p.components[i].key
		return k.name == name && k.id == id
	})
}

// enough reports whether the witnesses for which has is true are a quorum. The
// index is that of Witnesses.
func (p *Policy) enough(has func(i int) bool) bool {
	if p.quorum < 0 {
		return true
	}
	ok := make([]bool, len(p.components))
	for i, w := range p.witnesses {
		ok[w] = has(i)
	}
	for i := range p.components {
		c := &p.components[i]
		if c.key != nil {
			continue
		}
		n := 0
		for _, m := range c.members {
			if ok[m] {
				n++
			}
		}
		ok[i] = n >= c.need
	}
	return ok[p.quorum]
}
