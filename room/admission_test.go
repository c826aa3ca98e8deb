package room

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"conclave/api"
)

// admissionKey returns a key that follows from a name, as of one link.
func admissionKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// sign admits an announcement to a meeting. It spells out docs/protocol.md,
// Section 6, on its own.
func sign(key ed25519.PrivateKey, meeting, announcement string) []byte {
	hash := sha256.Sum256([]byte(announcement))
	return ed25519.Sign(key, fmt.Appendf(nil, "Conclave 1.0 admission\x10%s%s", meeting, hash[:]))
}

// joinFrame is the Join of a device that holds the link and may make the meeting.
func joinFrame(meeting, announcement string) *api.Join {
	key := admissionKey(meeting)
	return &api.Join{
		Meeting: meeting, Create: true, Protocol: 1, Announcement: []byte(announcement),
		AdmissionKey: key.Public().(ed25519.PublicKey), Admission: sign(key, meeting, announcement),
	}
}

const otherMeeting = "zzzzzzzzzzzzzzzz"

// badAdmissions are what somebody who knows no more than the meeting id can send,
// also if it has seen the Join of another device or meeting.
var badAdmissions = []struct {
	name string
	edit func(*api.Join)
}{
	{"missing", func(j *api.Join) { j.Admission = nil }},
	{"short", func(j *api.Join) { j.Admission = j.Admission[:63] }},
	{"long", func(j *api.Join) { j.Admission = append(bytes.Clone(j.Admission), 0) }},
	{"very long", func(j *api.Join) { j.Admission = make([]byte, 100<<10) }},
	{"one bit", func(j *api.Join) { j.Admission[10] ^= 1 }},
	{"zeros", func(j *api.Join) { clear(j.Admission) }},
	{"of another announcement", func(j *api.Join) {
		j.Admission = sign(admissionKey(meeting), meeting, "another announcement")
	}},
	{"another announcement", func(j *api.Join) { j.Announcement = []byte("an attacker's") }},
	{"of another meeting", func(j *api.Join) {
		j.Admission = sign(admissionKey(meeting), otherMeeting, string(j.Announcement))
	}},
	{"by another key", func(j *api.Join) {
		j.Admission = sign(admissionKey("an attacker's"), meeting, string(j.Announcement))
	}},
	{"without the label", func(j *api.Join) {
		hash := sha256.Sum256(j.Announcement)
		j.Admission = ed25519.Sign(admissionKey(meeting), append([]byte("\x10"+meeting), hash[:]...))
	}},
}

func TestAdmission(t *testing.T) {
	for _, tt := range badAdmissions {
		for _, create := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, create %v", tt.name, create), func(t *testing.T) {
				g := newRegistry(t, Config{})
				member := join(t, g, epoch0)
				j := joinFrame(meeting, "announcement")
				j.Create = create
				tt.edit(j)
				_, err := tryJoin(t, g, epoch0, j)
				wantCode(t, err, api.ErrorCode_ERROR_CODE_NOT_ADMITTED)
				if got := member.take(); len(got) != 0 || g.Stats().Seats.Load() != 1 {
					t.Errorf("the member was told %v; %d seats, want 1", got, g.Stats().Seats.Load())
				}
			})
		}
		t.Run(tt.name+", new meeting", func(t *testing.T) {
			g := newRegistry(t, Config{})
			j := joinFrame(meeting, "announcement")
			tt.edit(j)
			_, err := tryJoin(t, g, epoch0, j)
			wantCode(t, err, api.ErrorCode_ERROR_CODE_NOT_ADMITTED)
			if got := g.Stats().Meetings.Load(); got != 0 {
				t.Errorf("%d meetings were made", got)
			}
		})
	}
}

func TestAdmissionKeyIsChecked(t *testing.T) {
	for _, size := range []int{0, 31, 33, 64, 100 << 10} {
		g := newRegistry(t, Config{})
		for range 2 { // a new meeting, and one that is there
			j := joinFrame(meeting, "a")
			j.AdmissionKey = make([]byte, size)
			_, err := tryJoin(t, g, epoch0, j)
			wantCode(t, err, api.ErrorCode_ERROR_CODE_NOT_ADMITTED)
			join(t, g, epoch0)
		}
	}
}

// Who makes a meeting decides on its key, and a second one who would make it has
// to bring the same.
func TestSecondCreate(t *testing.T) {
	g := newRegistry(t, Config{})
	a := join(t, g, epoch0)
	attacker := admissionKey("an attacker's")
	taken := joinFrame(meeting, "a")
	taken.AdmissionKey = attacker.Public().(ed25519.PublicKey)
	taken.Admission = sign(attacker, meeting, "a")
	for _, wait := range []time.Duration{0, time.Hour} {
		_, err := tryJoin(t, g, epoch0.Add(wait), taken)
		wantCode(t, err, api.ErrorCode_ERROR_CODE_NOT_ADMITTED)
		if wait == 0 { // the meeting is empty next, and its key still stands
			a.do(epoch0, &api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}})
		}
	}
	if got := join(t, g, epoch0.Add(time.Hour)); len(got.joined.GetSeats()) != 1 {
		t.Errorf("seats = %v, want only this one", got.joined.GetSeats())
	}
	// Without create the key that is sent counts for nothing.
	taken.Create = false
	_, err := tryJoin(t, g, epoch0.Add(time.Hour), taken)
	wantCode(t, err, api.ErrorCode_ERROR_CODE_NOT_ADMITTED)
	later := joinFrame(meeting, "b")
	later.Create, later.AdmissionKey = false, nil
	if _, err := tryJoin(t, g, epoch0.Add(time.Hour), later); err != nil {
		t.Errorf("join without create: %v", err)
	}
}

// The Registry keeps its own copy of the key.
func TestAdmissionKeyIsCopied(t *testing.T) {
	g := newRegistry(t, Config{})
	j := joinFrame(meeting, "a")
	if _, err := tryJoin(t, g, epoch0, j); err != nil {
		t.Fatal(err)
	}
	clear(j.AdmissionKey)
	join(t, g, epoch0)
}

// The answer to somebody without the link says no more than that.
func TestOutsiderIsToldNothing(t *testing.T) {
	g := newRegistry(t, Config{Limit: 1})
	join(t, g, epoch0)
	outsider := joinFrame(meeting, "a")
	outsider.Create, outsider.Admission = false, make([]byte, ed25519.SignatureSize)
	_, err := tryJoin(t, g, epoch0, outsider)
	if e := wantCode(t, err, api.ErrorCode_ERROR_CODE_NOT_ADMITTED); e.Limit != 0 {
		t.Errorf("limit = %d, want 0: whether the meeting is full is for those admitted", e.Limit)
	}
}

// What cannot be an admission is refused before anything is looked up.
func TestLengthsAreCheckedFirst(t *testing.T) {
	g := newRegistry(t, Config{})
	j := joinFrame(meeting, "a")
	j.Create, j.Admission = false, j.Admission[:63]
	_, err := tryJoin(t, g, epoch0, j)
	wantCode(t, err, api.ErrorCode_ERROR_CODE_NOT_ADMITTED)
}

// Any connected seat may make epoch 1, and the first commit wins.
func TestAnySeatMayMakeTheFirstEpoch(t *testing.T) {
	g := newRegistry(t, Config{})
	a, b := join(t, g, epoch0), join(t, g, epoch0)
	if frames, err := b.do(epoch0, commitFrame(1)); err != nil || code(frames) != 0 {
		t.Fatalf("first commit by the second seat: %v, %v", frames, err)
	}
	if frames, _ := a.do(epoch0, commitFrame(1)); code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
		t.Errorf("first commit by the first seat, too late: %v, want a conflict", frames)
	}
	if frames, _ := a.do(epoch0, commitFrame(2)); code(frames) != api.ErrorCode_ERROR_CODE_EPOCH_CONFLICT {
		t.Errorf("second commit by who has no key: %v, want a conflict", frames)
	}
	b.session.Lost(epoch0)
	g.Tick(epoch0.Add(time.Minute))
	if frames, _ := a.do(epoch0, commitFrame(1)); code(frames) != 0 {
		t.Errorf("first commit after the last with a key is gone: %v", frames)
	}
}
