package room

import (
	"context"

	"conclave/api"
)

// Media moves the sealed media of one meeting. The room calls it without holding
// a lock; its methods may be called concurrently.
type Media interface {
	// Attach adds a participant. send queues a frame for the client and never
	// blocks; while the seat has no connection the frame is dropped, and
	// MediaSeat.Sync sends everything anew.
	Attach(seat SeatID, send func(*api.ServerFrame)) MediaSeat
	// Close ends all media of the meeting.
	Close()
}

// MediaSeat is the media side of one participant. Its methods may be called
// concurrently; they are the calls that the media frames of
// api/conclave.proto stand for.
type MediaSeat interface {
	// Publish answers the offer of the sending peer connection.
	Publish(ctx context.Context, sdp string, streams []*api.PublishedStream) (answer string, err error)
	// Answer takes the client's answer to the offer of a generation.
	Answer(generation uint64, sdp string) error
	View(items []*api.ViewItem)
	RequestKeyFrame(stream uint32)
	RestartSubscribe()
	// Sync sends the whole state of the media: after a join and after a resume.
	Sync()
	// Close stops sending to and receiving from the participant at once.
	Close()
}

// NoMedia is a Media that carries nothing, for a server without media.
type NoMedia struct{}

// Attach returns a seat that refuses to publish.
func (NoMedia) Attach(SeatID, func(*api.ServerFrame)) MediaSeat { return noMediaSeat{} }

// Close does nothing.
func (NoMedia) Close() {}

type noMediaSeat struct{}

func (noMediaSeat) Publish(context.Context, string, []*api.PublishedStream) (string, error) {
	return "", ErrNoMedia
}
func (noMediaSeat) Answer(uint64, string) error { return ErrNoMedia }
func (noMediaSeat) View([]*api.ViewItem)        {}
func (noMediaSeat) RequestKeyFrame(uint32)      {}
func (noMediaSeat) RestartSubscribe()           {}
func (noMediaSeat) Sync()                       {}
func (noMediaSeat) Close()                      {}
