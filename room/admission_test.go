package room

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"testing"
	"time"

	"conclave/api"
)

// admissionKey returns a key that follows from a name, as of one link.
func admissionKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Two meetings, and the keys that admit to them.
var (
	meeting      = idOf(admissionKey("one"))
	otherMeeting = idOf(admissionKey("two"))
	keys         = map[string]ed25519.PrivateKey{
		meeting: admissionKey("one"), otherMeeting: admissionKey("two"),
	}
)

// idOf returns the id of the meeting that key admits to. It and sign spell out
// docs/protocol.md, Sections 1 and 6, on their own.
func idOf(key ed25519.PrivateKey) string {
	hash := sha256.Sum256(append([]byte("Conclave 1.0 meeting id"), key.Public().(ed25519.PublicKey)...))
	return strings.ToLower(base32.StdEncoding.EncodeToString(hash[:10]))
}

// sign admits an announcement to a meeting.
func sign(key ed25519.PrivateKey, meeting, announcement string) []byte {
	hash := sha256.Sum256([]byte(announcement))
	return ed25519.Sign(key, fmt.Appendf(nil, "Conclave 1.0 admission\x10%s%s", meeting, hash[:]))
}

// joinFrame is the Join of a device that holds the link and may make the meeting.
func joinFrame(meeting, announcement string) *api.Join {
	key := keys[meeting]
	return &api.Join{
		Meeting: meeting, Create: true, Protocol: 1, Announcement: []byte(announcement),
		AdmissionKey: key.Public().(ed25519.PublicKey), Admission: sign(key, meeting, announcement),
	}
}

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
		j.Admission = sign(keys[meeting], meeting, "another announcement")
	}},
	{"another announcement", func(j *api.Join) { j.Announcement = []byte("an attacker's") }},
	{"of another meeting", func(j *api.Join) {
		j.Admission = sign(keys[meeting], otherMeeting, string(j.Announcement))
	}},
	{"by another key", func(j *api.Join) {
		j.Admission = sign(admissionKey("an attacker's"), meeting, string(j.Announcement))
	}},
	{"by a key of its own", func(j *api.Join) {
		key := admissionKey("an attacker's")
		j.AdmissionKey, j.Admission = key.Public().(ed25519.PublicKey), sign(key, meeting, string(j.Announcement))
	}},
	{"by the key of another meeting", func(j *api.Join) {
		other := joinFrame(otherMeeting, string(j.Announcement))
		j.AdmissionKey, j.Admission = other.AdmissionKey, other.Admission
	}},
	{"key missing", func(j *api.Join) { j.AdmissionKey = nil }},
	{"key one bit off", func(j *api.Join) { j.AdmissionKey[10] ^= 1 }},
	{"key short", func(j *api.Join) { j.AdmissionKey = j.AdmissionKey[:31] }},
	{"key long", func(j *api.Join) { j.AdmissionKey = append(bytes.Clone(j.AdmissionKey), 0) }},
	{"key of zeros", func(j *api.Join) { clear(j.AdmissionKey) }},
	{"key very long", func(j *api.Join) { j.AdmissionKey = make([]byte, 100<<10) }},
	{"without the label", func(j *api.Join) {
		hash := sha256.Sum256(j.Announcement)
		j.Admission = ed25519.Sign(keys[meeting], append([]byte("\x10"+meeting), hash[:]...))
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

// An id cannot be taken by somebody who holds another link, however early, nor
// is a stranger told whether there is such a meeting.
func TestMeetingCannotBeTaken(t *testing.T) {
	for _, create := range []bool{true, false} {
		g := newRegistry(t, Config{})
		thief := joinFrame(otherMeeting, "a")
		thief.Meeting, thief.Create = meeting, create
		thief.Admission = sign(keys[otherMeeting], meeting, "a")
		for range 2 { // before there is the meeting, and after
			_, err := tryJoin(t, g, epoch0, thief)
			wantCode(t, err, api.ErrorCode_ERROR_CODE_NOT_ADMITTED)
			if got := join(t, g, epoch0); got.joined.GetLastEvent() == 0 {
				t.Error("the one who holds the link has no seat")
			}
		}
	}
}

// Who was given the link joins as well as who made it, also once the server has
// forgotten who that was.
func TestJoinWithoutCreate(t *testing.T) {
	g := newRegistry(t, Config{})
	a := join(t, g, epoch0)
	a.do(epoch0, &api.ClientFrame{Body: &api.ClientFrame_Leave{Leave: &api.Leave{}}})
	later := joinFrame(meeting, "b")
	later.Create = false
	if _, err := tryJoin(t, g, epoch0.Add(time.Hour), later); err != nil {
		t.Errorf("join without create: %v", err)
	}
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
