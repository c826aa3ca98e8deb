package mlswire_test

import (
	"errors"
	"runtime"
	"testing"

	"conclave/core/mlswire"
	"conclave/core/tlsenc"
)

// The budget counts what structures take. On 32-bit machines they take less.
func TestCosts(t *testing.T) {
	for name, c := range mlswire.Costs() {
		if cost, size := c[0], c[1]; cost < size {
			t.Errorf("%s costs %d and takes %d bytes", name, cost, size)
		}
	}
}

// A hostile input is of 4 kB, most of it elements as small as they can be.
const (
	hostileSize = 4096
	hostileCost = 64 << 10
)

// many returns before, a vector of as many elements as fit into hostileSize,
// and after.
func many(before string, element func(i int) []byte, after string) []byte {
	w := tlsenc.NewWriter(hostileSize)
	w.Fixed([]byte(before))
	w.Nested(func(w *tlsenc.Writer) {
		for i := 0; ; i++ {
			e := element(i)
			if len(w.Bytes())+len(e)+len(after)+1 > hostileSize {
				return
			}
			w.Fixed(e)
		}
	})
	w.Fixed([]byte(after))
	return w.Bytes()
}

func same(s string) func(int) []byte { return func(int) []byte { return []byte(s) } }

// The smallest structures there are.
const (
	credential  = "\x00\x01\x00"                                   // basic, nobody
	anyLeaf     = "\x00\x00" + credential + "\x00\x00\x00\x00\x00" // no keys, no capabilities
	updateLeaf  = anyLeaf + "\x02\x00\x00"
	keyPackage  = "\x00\x01\x00\x01\x00" + updateLeaf + "\x00\x00"
	frameBefore = "\x00\x01\x00\x01" + "\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x01\x00\x00\x00\x00" + "\x00" + "\x03" // a PublicMessage with a commit
	frameAfter  = "\x00" + "\x00\x00" + "\x00"                                                                                // no path, no signature, no tags
)

// leafNode is a leaf of a tree, and parentNode a parent.
const (
	leafNode   = "\x01\x01" + updateLeaf
	parentNode = "\x01\x02\x00\x00\x00"
)

// leaves returns a leaf, and for i > 0 a node of the tree before it.
func leaves(between string) func(int) []byte {
	return func(i int) []byte {
		if i == 0 {
			return []byte(leafNode)
		}
		return []byte(between + leafNode)
	}
}

// extension returns an empty extension of a type of its own.
func extension(i int) []byte { return []byte{byte(i >> 8), byte(i), 0} }

// lists holds, for every list of the RFC that this package decodes, an input
// that is full of its elements.
var lists = []struct {
	name  string
	input []byte
	parse func([]byte) error
}{
	{"extensions", many("", extension, ""), failing(mlswire.ParseExtensions)},
	{"required capabilities", many("\x00\x00", same("\x0a\x0a"), ""), failing(mlswire.ParseRequiredCapabilities)},
	{"external senders", many("", same("\x00"+credential), ""), failing(mlswire.ParseExternalSenders)},
	{"certificates", many("\x00\x02", same("\x00"), ""), failing(mlswire.ParseCredential)},
	{"versions", many("\x00\x00"+credential, same("\x0a\x0a"), "\x00\x00\x00\x00\x02\x00\x00"), failing(mlswire.ParseLeafNode)},
	{"suites", many("\x00\x00"+credential+"\x00", same("\x0a\x0a"), "\x00\x00\x00\x02\x00\x00"), failing(mlswire.ParseLeafNode)},
	{"leaf extensions", many(anyLeaf+"\x02", extension, "\x00"), failing(mlswire.ParseLeafNode)},
	{"KeyPackage extensions", many("\x00\x01\x00\x01\x00"+updateLeaf, extension, "\x00"), failing(mlswire.ParseKeyPackage)},
	{"leaves", many("", leaves("\x00"), ""), failing(mlswire.ParseRatchetTree)},
	{"parents", many("", same("\x00"+parentNode), ""), failing(mlswire.ParseRatchetTree)},
	{"leaves and parents", many("", leaves(parentNode), ""), failing(mlswire.ParseRatchetTree)},
	{"blank nodes", blankNodes(), failing(mlswire.ParseRatchetTree)},
	{"unmerged leaves", unmergedLeaves(), failing(mlswire.ParseRatchetTree)},
	{"references", many(frameBefore, same("\x02\x00"), frameAfter), failing(mlswire.ParseMessage)},
	{"adds", many(frameBefore, same("\x01\x00\x01"+keyPackage), frameAfter), failing(mlswire.ParseMessage)},
	{"updates", many(frameBefore, same("\x01\x00\x02"+updateLeaf), frameAfter), failing(mlswire.ParseMessage)},
	{"removes", many(frameBefore, same("\x01\x00\x03\x00\x00\x00\x00"), frameAfter), failing(mlswire.ParseMessage)},
	{"PSKs", many(frameBefore, same("\x01\x00\x04\x01\x00\x00"), frameAfter), failing(mlswire.ParseMessage)},
	{"reinits", many(frameBefore, same("\x01\x00\x05\x00\x00\x01\x00\x01\x00"), frameAfter), failing(mlswire.ParseMessage)},
	{"external inits", many(frameBefore, same("\x01\x00\x06\x00"), frameAfter), failing(mlswire.ParseMessage)},
	{"group context extensions", many(frameBefore, same("\x01\x00\x07\x00"), frameAfter), failing(mlswire.ParseMessage)},
	{"adds with extensions", many(frameBefore, same("\x01\x00\x01\x00\x01\x00\x01\x00"+anyLeaf+"\x02\x0f\x00\x01\x00\x00\x02\x00\x00\x03\x00\x00\x04\x00\x00\x05\x00"+"\x00\x00\x00"), frameAfter), failing(mlswire.ParseMessage)},
	{"path nodes", many("\x00\x01"+updateLeaf, same("\x00\x00"), ""), failing(mlswire.ParseCommit)},
	{"path ciphertexts", ciphertexts(), failing(mlswire.ParseCommit)},
	{"new members", many("\x00\x01\x00\x03\x00\x01", same("\x00\x00\x00"), "\x00"), failing(mlswire.ParseMessage)},
	{"group secrets' PSKs", many("", same("\x01\x00\x00"), ""), func(b []byte) error {
		r := tlsenc.NewReader(b)
		_, err := mlswire.DecodePreSharedKeyIDs(&r)
		return err
	}},
	{"one long vector", many("", same("x"), ""), failing(mlswire.ParseExtensions)},
}

func failing[T any](parse func([]byte) (T, error)) func([]byte) error {
	return func(b []byte) error {
		_, err := parse(b)
		return err
	}
}

// blankNodes is a tree of blank nodes but for the last leaf: of a group that
// was large, this is a genuine tree.
func blankNodes() []byte {
	return many("", func(i int) []byte {
		if i == 4064 {
			return []byte(leafNode)
		}
		if i > 4064 {
			return make([]byte, hostileSize)
		}
		return []byte{0}
	}, "")
}

func unmergedLeaves() []byte {
	parent := string(many("\x01\x02\x00\x00", same("\x00\x00\x00\x00"), "    "))
	w := tlsenc.NewWriter(hostileSize)
	w.Vector([]byte("\x00" + parent[:len(parent)-4]))
	return w.Bytes()
}

func ciphertexts() []byte {
	node := string(many("\x00", same("\x00\x00"), "                      "))
	w := tlsenc.NewWriter(hostileSize)
	w.Fixed([]byte("\x00\x01" + updateLeaf))
	w.Vector([]byte(node[:len(node)-22]))
	return w.Bytes()
}

// allocated returns how many bytes f allocates, on average.
func allocated(f func()) uint64 {
	const runs = 8
	var before, after runtime.MemStats
	f()
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}

// No input of 4 kB makes a parser take more than 64 kB, garbage included. What
// would take more is refused with ErrCost, and nothing but lists of empty
// structures would.
func TestCostIsBounded(t *testing.T) {
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			if len(l.input) > hostileSize || len(l.input) < hostileSize-64 {
				t.Fatalf("the input is of %d bytes", len(l.input))
			}
			err := l.parse(l.input)
			if err != nil && !errors.Is(err, mlswire.ErrCost) && l.name != "one long vector" {
				t.Errorf("parsing = %v, want nil or ErrCost", err)
			}
			if got := allocated(func() { _ = l.parse(l.input) }); got > hostileCost {
				t.Errorf("parsing %d bytes allocates %d, want at most %d", len(l.input), got, hostileCost)
			} else {
				t.Logf("parsing %d bytes allocates %d: %v", len(l.input), got, err)
			}
		})
	}
}

// What is genuine in the worst case is not refused for its cost.
func TestCostAllowsGenuine(t *testing.T) {
	for _, name := range []string{"required capabilities", "blank nodes", "unmerged leaves", "removes"} {
		for _, l := range lists {
			if l.name != name {
				continue
			}
			if err := l.parse(l.input); err != nil {
				t.Errorf("%s: parsing = %v, want nil", name, err)
			}
		}
	}
}

// A length is checked before anything is allocated for it.
func TestHugeLength(t *testing.T) {
	huge := "\xbf\xff\xff\xff"
	for name, input := range map[string]string{
		"message":       frameBefore[:4] + huge,
		"proposals":     frameBefore + huge,
		"welcome":       "\x00\x01\x00\x03\x00\x01" + huge,
		"key package":   "\x00\x01\x00\x05\x00\x01\x00\x01" + huge,
		"certificates":  "\x00\x01\x00\x05\x00\x01\x00\x01\x00\x00\x00\x00\x02" + huge,
		"group context": "\x00\x01\x00\x04\x00\x01\x00\x01" + huge,
	} {
		parse := failing(mlswire.ParseMessage)
		if err := parse([]byte(input)); !errors.Is(err, tlsenc.ErrShort) {
			t.Errorf("%s: ParseMessage = %v, want ErrShort", name, err)
		}
		if got := allocated(func() { _ = parse([]byte(input)) }); got > 4096 {
			t.Errorf("%s: ParseMessage allocates %d bytes", name, got)
		}
	}
	for name, parse := range map[string]func([]byte) error{
		"ParseRatchetTree": failing(mlswire.ParseRatchetTree),
		"ParseExtensions":  failing(mlswire.ParseExtensions),
		"ParseCommit":      failing(mlswire.ParseCommit),
	} {
		if got := allocated(func() { _ = parse([]byte(huge)) }); got > 4096 {
			t.Errorf("%s allocates %d bytes", name, got)
		}
	}
}

// BenchmarkHostile shows what the worst inputs of 4 kB cost.
func BenchmarkHostile(b *testing.B) {
	for _, l := range lists {
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = l.parse(l.input)
			}
		})
	}
}
