package media

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"conclave/client/meeting"
	"conclave/core/sframe"
)

const (
	robot  meeting.Index    = 3
	other  meeting.Index    = 4
	camera meeting.StreamID = 11
	voice  meeting.StreamID = 12
)

// A bench is an opener without its goroutine, at a time of the test's own, and
// a sender for it.
type bench struct {
	t       *testing.T
	now     time.Time
	opener  *opener
	stats   stats
	got     []Frame
	gaps    int
	sealers map[uint64]*sframe.Sealer
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, now: time.Unix(1000, 0), sealers: make(map[uint64]*sframe.Sealer)}
	b.opener = newOpener(&b.stats, func(f Frame) { b.got = append(b.got, f) })
	b.opener.onGap = func(string) { b.gaps++ }
	return b
}

// announced makes the streams and slots of the robot known.
func (b *bench) announced() *bench {
	b.put(meeting.Streams{Streams: []meeting.Stream{
		{Stream: camera, Index: robot, StreamKind: meeting.Camera},
		{Stream: voice, Index: robot, StreamKind: meeting.Microphone},
		{Stream: 13, Index: other, StreamKind: meeting.Camera},
	}})
	b.put([]meeting.Slot{{Mid: "0", Stream: camera}, {Mid: "1", Stream: voice}})
	return b
}

func (b *bench) put(in openerInput) { b.opener.take(b.now, in) }

func (b *bench) keys(k meeting.Keys) { b.put(newKeys{k, b.opener.revoked.Load()}) }

// wait lets time pass as run does.
func (b *bench) wait(d time.Duration) {
	b.now = b.now.Add(d)
	b.opener.keys.expire(b.now)
	b.opener.retryAll(b.now)
}

// seal seals a frame as a member would.
func (b *bench) seal(epoch uint64, sender meeting.Index, c sframe.Context, text string) []byte {
	b.t.Helper()
	kid := sframe.NewKID(c, sframe.SenderIndex(sender), sframe.Epoch(epoch))
	id := uint64(kid) | epoch<<32
	if b.sealers[id] == nil {
		i := slices.IndexFunc(epochKeys(b.t, epoch).Receive, func(k meeting.MediaKey) bool { return k.KID == uint64(kid) })
		s, err := sframe.NewSealer(material(epochKeys(b.t, epoch).Receive[i]), 0, 1<<20)
		if err != nil {
			b.t.Fatal(err)
		}
		b.sealers[id] = s
	}
	out, err := b.sealers[id].SealFrame(nil, sframe.FrameHeader{Kind: c, Spatial: 1, Temporal: 2}, []byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) arrive(mid string, sealed []byte) {
	b.put(trackFrame{mid, mid == "0", sealedFrame{data: sealed, timestamp: 90, arrived: b.now, end: true}})
}

// texts returns what was handed out since the last call.
func (b *bench) texts() string {
	var out []string
	for _, f := range b.got {
		out = append(out, string(f.Data))
	}
	b.got = nil
	return fmt.Sprint(out)
}

func (b *bench) want(what, texts string, errors uint64) {
	b.t.Helper()
	if got := b.texts(); got != texts {
		b.t.Errorf("%s: handed out %s, want %s", what, got, texts)
	}
	if got := b.stats.snapshot().DecryptErrors(); got != errors {
		b.t.Errorf("%s: %d decrypt errors, want %d: %+v", what, got, errors, b.stats.snapshot())
	}
}

func TestOpen(t *testing.T) {
	b := newBench(t).announced()
	b.keys(epochKeys(t, 7))
	b.arrive("0", b.seal(7, robot, sframe.Camera, "a"))
	b.arrive("1", b.seal(7, robot, sframe.Microphone, "b"))
	if len(b.got) != 2 {
		t.Fatalf("%d frames handed out, want 2", len(b.got))
	}
	f := b.got[0]
	if f.Stream != camera || f.Sender != robot || f.Context != sframe.Camera || f.Spatial != 1 || f.Temporal != 2 || f.Broken || !f.End {
		t.Errorf("frame %+v", f)
	}
	b.want("both streams", "[a b]", 0)
	if got := b.stats.snapshot().Frames[FrameCount{robot, sframe.Camera, 1, 2}]; got != 1 {
		t.Errorf("counted %d camera frames of S1T2, want 1", got)
	}
}

func TestFramesAreRefused(t *testing.T) {
	tests := []struct {
		name  string
		mid   string
		frame func(*bench) []byte
		count func(Stats) uint64
	}{
		{"another sender's picture", "0", func(b *bench) []byte { return b.seal(7, other, sframe.Camera, "x") }, func(s Stats) uint64 { return s.WrongSender }},
		{"another stream of the sender", "0", func(b *bench) []byte { return b.seal(7, robot, sframe.Screen, "x") }, func(s Stats) uint64 { return s.WrongSender }},
		{"sound in the picture's slot", "0", func(b *bench) []byte { return b.seal(7, robot, sframe.Microphone, "x") }, func(s Stats) uint64 { return s.WrongSender }},
		{"m-line without a slot", "9", func(b *bench) []byte { return b.seal(7, robot, sframe.Camera, "x") }, func(s Stats) uint64 { return s.WrongSender }},
		{"in clear", "0", func(*bench) []byte { return []byte("\x82\x49\x83\x42 a key picture in clear") }, func(s Stats) uint64 { return s.Malformed + s.NoKey }},
		{"empty", "0", func(*bench) []byte { return nil }, func(s Stats) uint64 { return s.Malformed }},
		{"changed", "0", func(b *bench) []byte {
			f := b.seal(7, robot, sframe.Camera, "x")
			f[len(f)-1] ^= 1
			return f
		}, func(s Stats) uint64 { return s.Failed }},
		{"of an epoch that never comes", "0", func(b *bench) []byte { return b.seal(9, robot, sframe.Camera, "x") }, func(s Stats) uint64 { return s.NoKey }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t).announced()
			b.keys(epochKeys(t, 7))
			b.arrive(tt.mid, tt.frame(b))
			b.arrive("0", b.seal(7, robot, sframe.Camera, "next"))
			b.wait(holdFor)
			if got := tt.count(b.stats.snapshot()); got != 1 {
				t.Errorf("counted %d, want 1: %+v", got, b.stats.snapshot())
			}
			if tt.mid == "0" && (len(b.got) != 1 || !b.got[0].Broken || b.gaps == 0) {
				t.Errorf("the next frame is not marked as after a loss, or no key picture was asked for")
			}
			b.want(tt.name, "[next]", 1)
		})
	}
}

func TestReplayIsDropped(t *testing.T) {
	b := newBench(t).announced()
	b.keys(epochKeys(t, 7))
	f := b.seal(7, robot, sframe.Camera, "a")
	b.arrive("0", f)
	b.arrive("0", f)
	b.want("the same frame twice", "[a]", 0)
	if got := b.stats.snapshot().Replays; got != 1 {
		t.Errorf("%d replays counted, want 1", got)
	}
}

// TestFrameWaitsForItsKey is a sender that has the key of a new epoch first.
func TestFrameWaitsForItsKey(t *testing.T) {
	b := newBench(t).announced()
	b.keys(epochKeys(t, 7))
	b.arrive("0", b.seal(8, robot, sframe.Camera, "a"))
	b.arrive("0", b.seal(7, robot, sframe.Camera, "late"))
	b.arrive("1", b.seal(7, robot, sframe.Microphone, "sound"))
	b.want("the picture waits, in order; sound does not", "[sound]", 0)
	b.wait(holdFor - time.Millisecond)
	b.keys(epochKeys(t, 8))
	b.want("the key came", "[a late]", 0)
	b.arrive("0", b.seal(9, robot, sframe.Camera, "b"))
	b.wait(holdFor)
	b.want("the key did not come", "[]", 1)
}

func TestPreviousEpochOpensForAWhile(t *testing.T) {
	b := newBench(t).announced()
	b.keys(epochKeys(t, 7))
	b.keys(epochKeys(t, 8))
	b.wait(10*time.Second - time.Millisecond)
	b.arrive("0", b.seal(7, robot, sframe.Camera, "a"))
	b.want("within 10 s", "[a]", 0)
	b.wait(time.Millisecond)
	b.arrive("0", b.seal(7, robot, sframe.Camera, "b"))
	b.wait(holdFor)
	b.want("after 10 s", "[]", 1)
	b.arrive("0", b.seal(8, robot, sframe.Camera, "c"))
	b.want("the current epoch", "[c]", 0+1)
}

// TestManyEpochs goes round the sixteen epochs that a key id can tell apart.
func TestManyEpochs(t *testing.T) {
	b := newBench(t).announced()
	for epoch := uint64(1); epoch <= 40; epoch++ {
		b.keys(epochKeys(t, epoch))
		if epoch > 1 {
			b.arrive("0", b.seal(epoch-1, robot, sframe.Camera, "old"))
		}
		b.arrive("0", b.seal(epoch, robot, sframe.Camera, "new"))
		want := "[old new]"
		if epoch == 1 {
			want = "[new]"
		}
		b.want(fmt.Sprintf("epoch %d", epoch), want, 0)
		b.wait(time.Second)
	}
	if got := len(b.opener.keys.retired); got > maxRetired {
		t.Errorf("%d old epochs kept, want at most %d", got, maxRetired)
	}
}

func TestFramesFromBeforeJoining(t *testing.T) {
	b := newBench(t).announced()
	b.arrive("0", b.seal(6, robot, sframe.Camera, "x"))
	b.wait(holdFor)
	b.keys(epochKeys(t, 7))
	b.arrive("0", b.seal(6, robot, sframe.Camera, "y"))
	b.arrive("0", b.seal(7, robot, sframe.Camera, "z"))
	b.want("only our own epoch opens, and at once", "[z]", 0)
	if got := b.stats.snapshot().BeforeUs; got != 2 {
		t.Errorf("%d frames counted as before joining, want 2", got)
	}
}

func TestSlotChanges(t *testing.T) {
	b := newBench(t).announced()
	b.keys(epochKeys(t, 7))
	b.arrive("0", b.seal(7, other, sframe.Camera, "early"))
	b.want("its slot is not announced yet", "[]", 0)
	b.put([]meeting.Slot{{Mid: "0", Stream: 13}, {Mid: "1", Stream: voice}})
	b.want("now it is", "[early]", 0)
	b.arrive("0", b.seal(7, robot, sframe.Camera, "under way"))
	b.want("the stream before", "[under way]", 0)
	b.wait(slotGrace)
	b.arrive("0", b.seal(7, robot, sframe.Camera, "x"))
	b.wait(holdFor)
	b.want("the stream before, too late", "[]", 1)
	b.put(meeting.Streams{Streams: []meeting.Stream{{Stream: voice, Index: robot, StreamKind: meeting.Microphone}}})
	b.put([]meeting.Slot{{Mid: "1", Stream: voice}})
	b.arrive("0", b.seal(7, other, sframe.Camera, "last"))
	b.want("the last frame of a stream that ended", "[last]", 1)
}

func TestHeldFramesAreBounded(t *testing.T) {
	b := newBench(t).announced()
	b.keys(epochKeys(t, 7))
	f := b.seal(8, robot, sframe.Camera, "x")
	for range holdFrames + 10 {
		b.arrive("0", f)
	}
	if got := len(b.opener.tracks["0"].held); got != holdFrames {
		t.Errorf("%d frames held, want %d", got, holdFrames)
	}
	if got := b.stats.snapshot().Overflow; got != 10 {
		t.Errorf("%d frames counted as too many, want 10", got)
	}
}

// FuzzOpen hands the opener whatever a server can make up.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{0x80, 0x30}, []byte{0x98, 0x41, 0x37}, uint16(100))
	f.Add([]byte("\x82\x49\x83\x42 in clear"), []byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, a, c []byte, wait uint16) {
		b := newBench(t).announced()
		b.keys(epochKeys(t, 7))
		b.arrive("0", a)
		b.wait(time.Duration(wait) * time.Millisecond)
		b.arrive("0", c)
		b.wait(time.Second)
		if len(b.got) != 0 {
			t.Errorf("a frame that nobody sealed was handed out: %x %x", a, c)
		}
		if held := len(b.opener.tracks["0"].held); held != 0 {
			t.Errorf("%d frames are still held", held)
		}
	})
}
