package attach_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"conclave/core/attach"
)

// content is the same bytes at every run.
func content(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// seal returns the sealed chunks of a file.
func seal(t *testing.T, file []byte) (attach.Descriptor, [][]byte) {
	t.Helper()
	s, err := attach.Prepare(bytes.NewReader(file), uint64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	d := s.Descriptor()
	return d, chunks(t, s)
}

func chunks(t *testing.T, s *attach.Sealer) [][]byte {
	t.Helper()
	d := s.Descriptor()
	all := make([][]byte, d.Chunks())
	for n := range all {
		b, err := s.Chunk(n)
		if err != nil {
			t.Fatal(err)
		}
		all[n] = bytes.Clone(b)
	}
	return all
}

// open returns what a Reader gives of sealed bytes, and its error.
func open(t *testing.T, d attach.Descriptor, sealed []byte) ([]byte, error) {
	t.Helper()
	r, err := attach.NewReader(d, bytes.NewReader(sealed), nil)
	if err != nil {
		t.Fatal(err)
	}
	return io.ReadAll(r)
}

func TestRoundTrip(t *testing.T) {
	const c = attach.MinChunk
	for _, size := range []int{0, 1, c - 1, c, c + 1, 3 * c, 3*c + 5, 4<<20 + 1} {
		file := content(size)
		d, sealed := seal(t, file)
		all := bytes.Join(sealed, nil)
		if uint64(len(all)) != d.SealedSize() {
			t.Errorf("%d bytes are sealed in %d, SealedSize says %d", size, len(all), d.SealedSize())
		}
		got, err := open(t, d, all)
		if err != nil || !bytes.Equal(got, file) {
			t.Errorf("a file of %d bytes comes back as %d bytes, %v", size, len(got), err)
		}
	}
}

// TestRefused changes what a server keeps in every way it could, MS-36.
func TestRefused(t *testing.T) {
	const c = attach.MinChunk
	file := content(3*c + 100)
	d, s := seal(t, file)
	_, other := seal(t, file)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	all := join(s...)
	cases := map[string]struct {
		sealed []byte
		whole  int // chunks that may be given before it is noticed
	}{
		"swapped":            {join(s[1], s[0], s[2], s[3]), 0},
		"swapped later":      {join(s[0], s[2], s[1], s[3]), 1},
		"repeated":           {join(s[0], s[0], s[2], s[3]), 1},
		"one left out":       {join(s[0], s[2], s[3]), 1},
		"one added":          {join(s[0], s[1], s[2], s[2], s[3]), 3},
		"bytes after":        {append(bytes.Clone(all), 0), 3},
		"last again":         {join(all, s[3]), 3},
		"of another upload":  {join(s[0], other[1], s[2], s[3]), 1},
		"last of another":    {join(s[0], s[1], s[2], other[3]), 3},
		"all of another":     {join(other...), 0},
		"nothing":            {nil, 0},
		"last byte left out": {all[:len(all)-1], 3},
	}
	for n := range 4 {
		edge := n * (c + attach.Overhead)
		cases[fmt.Sprintf("cut at the edge of %d", n)] = struct {
			sealed []byte
			whole  int
		}{all[:edge], n}
	}
	for name, test := range cases {
		got, err := open(t, d, test.sealed)
		if !errors.Is(err, attach.ErrDamaged) || !bytes.Equal(got, file[:test.whole*c]) {
			t.Errorf("%s: %d bytes, %v, want %d bytes, %v", name, len(got), err, test.whole*c, attach.ErrDamaged)
		}
	}
}

// TestFlippedBits changes one bit of the sealed file at a time: no byte of the
// chunk it is in, and none after it, is given.
func TestFlippedBits(t *testing.T) {
	const c = attach.MinChunk
	file := content(2*c + 10)
	d, s := seal(t, file)
	all := bytes.Join(s, nil)
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		at := random.IntN(len(all))
		all[at] ^= 1 << random.IntN(8)
		got, err := open(t, d, all)
		if whole := at / (c + attach.Overhead) * c; !errors.Is(err, attach.ErrDamaged) || !bytes.Equal(got, file[:whole]) {
			t.Fatalf("with byte %d changed: %d bytes, %v", at, len(got), err)
		}
		copy(all, bytes.Join(s, nil))
	}
}

// TestOtherDescriptor opens a file by a descriptor that differs in one field.
func TestOtherDescriptor(t *testing.T) {
	file := content(attach.MinChunk * 2)
	d, s := seal(t, file)
	all := bytes.Join(s, nil)
	for name, change := range map[string]func(*attach.Descriptor){
		"key":             func(d *attach.Descriptor) { d.Key[31] ^= 1 },
		"root":            func(d *attach.Descriptor) { d.Root[0] ^= 1 },
		"smaller":         func(d *attach.Descriptor) { d.Size-- },
		"a chunk smaller": func(d *attach.Descriptor) { d.Size -= attach.MinChunk },
		"larger":          func(d *attach.Descriptor) { d.Size++ },
		"chunk size":      func(d *attach.Descriptor) { d.Chunk *= 2 },
	} {
		changed := d
		change(&changed)
		if got, err := open(t, changed, all); !errors.Is(err, attach.ErrDamaged) || len(got) == len(file) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestChangedFile(t *testing.T) {
	file := content(attach.MinChunk * 3)
	s, err := attach.Prepare(bytes.NewReader(file), uint64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	before := chunks(t, s)
	file[attach.MinChunk+7] ^= 1
	if b, err := s.Chunk(1); !errors.Is(err, attach.ErrChanged) || b != nil {
		t.Errorf("a chunk that has changed is sealed again: %v", err)
	}
	if _, err := attach.Resume(bytes.NewReader(file), s.Descriptor()); !errors.Is(err, attach.ErrChanged) {
		t.Errorf("resuming with another file: %v", err)
	}
	if _, err := attach.Prepare(bytes.NewReader(file), uint64(len(file))+1); !errors.Is(err, attach.ErrChanged) {
		t.Errorf("a file shorter than said: %v", err)
	}
	file[attach.MinChunk+7] ^= 1
	again, err := attach.Resume(bytes.NewReader(file), s.Descriptor())
	if err != nil {
		t.Fatal(err)
	}
	for n, b := range chunks(t, again) {
		if !bytes.Equal(b, before[n]) {
			t.Errorf("chunk %d is sealed differently after a restart", n)
		}
	}
}

// TestGoOn cuts a download after every chunk and goes on from there.
func TestGoOn(t *testing.T) {
	const c = attach.MinChunk
	file := content(3*c + 9)
	d, s := seal(t, file)
	for cut := range 4 {
		lost := errors.New("lost")
		r, err := attach.NewReader(d, io.MultiReader(bytes.NewReader(bytes.Join(s[:cut], nil)), failing{lost}), nil)
		if err != nil {
			t.Fatal(err)
		}
		first, err := io.ReadAll(r)
		if !errors.Is(err, lost) || len(first) != cut*c {
			t.Fatalf("cut after %d: %d bytes, %v", cut, len(first), err)
		}
		verified := r.Digests()
		rest, err := readOn(d, s[cut:], verified)
		if err != nil || !bytes.Equal(append(first, rest...), file) {
			t.Errorf("going on after %d: %v", cut, err)
		}
		if cut > 0 {
			verified[0][0] ^= 1
			if _, err := readOn(d, s[cut:], verified); !errors.Is(err, attach.ErrDamaged) {
				t.Errorf("going on with another beginning: %v", err)
			}
		}
	}
}

func readOn(d attach.Descriptor, sealed [][]byte, verified []attach.Digest) ([]byte, error) {
	r, err := attach.NewReader(d, bytes.NewReader(bytes.Join(sealed, nil)), verified)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestVector holds the format: what is sealed today is opened by later versions.
func TestVector(t *testing.T) {
	d := attach.Descriptor{Layout: attach.Layout{Size: attach.MinChunk + 3, Chunk: attach.MinChunk}}
	for i := range d.Key {
		d.Key[i] = byte(i)
	}
	file := bytes.Repeat([]byte("abc"), attach.MinChunk/3+2)[:d.Size]
	c, err := attach.NewCipher(d.Key, d.Layout)
	if err != nil {
		t.Fatal(err)
	}
	last := c.TestOnlySeal(1, file[attach.MinChunk:])
	first := sha256.Sum256(c.TestOnlySeal(0, file[:attach.MinChunk]))
	root := attach.Root(d.Layout, []attach.Digest{first, sha256.Sum256(last)})
	got := fmt.Sprintf("%x %x %x", last, first, root)
	if got != vector {
		t.Errorf("got  %s\nwant %s", got, vector)
	}
}

func TestDescriptor(t *testing.T) {
	d, _ := seal(t, content(10))
	d.ID = [16]byte{1, 2, 3}
	b := d.Encode()
	got, err := attach.Decode(b)
	if err != nil || got != d || len(b) != attach.DescriptorSize {
		t.Errorf("a descriptor comes back as another: %v", err)
	}
	for _, at := range []int{1, 50, 61} { // version, size, chunk
		bad := bytes.Clone(b)
		bad[at] ^= 0xff
		if _, err := attach.Decode(bad); !errors.Is(err, attach.ErrDescriptor) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", d, d, d, d); strings.Contains(text, hex.EncodeToString(d.Key[:4])) || strings.Contains(text, fmt.Sprint(d.Key[0], d.Key[1])) {
		t.Error("printing a descriptor shows its key")
	}
}

func FuzzDescriptor(f *testing.F) {
	d := attach.Descriptor{Layout: attach.LayoutFor(100 << 20)}
	f.Add(d.Encode())
	f.Add([]byte{0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := attach.Decode(b)
		if err != nil {
			return
		}
		if !bytes.Equal(d.Encode(), b) {
			t.Error("a second encoding of one descriptor")
		}
		if n := d.Chunks(); n < 1 || n > attach.MaxChunks || d.ChunkSize(n-1) > int(d.Chunk) || d.ChunkSize(n-1) < 0 {
			t.Errorf("%d chunks, the last of %d bytes", n, d.ChunkSize(n-1))
		}
	})
}
