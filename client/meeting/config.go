package meeting

import (
	"errors"
	"io"

	"conclave/core/session"
)

// Class is what kind of program a participant is.
type Class string

// The classes of devices.
const (
	Native Class = "native"
	Web    Class = "web"
	Robot  Class = "robot"
)

// A Config says which meeting to join and as whom. URL, Name, Class and Rand
// are required.
type Config struct {
	URL    string // the invite link with its secret; never logged
	Create bool   // this device made the link and may begin the meeting
	Name   string // 1 to 64 bytes after trimming
	Class  Class
	Rand   io.Reader // crypto/rand.Reader
}

// Errors of New and of the commands.
var (
	// ErrLink means that the invite link is incomplete or changed ("link-wrong").
	ErrLink = errors.New("meeting: invite link is incomplete or changed")
	// ErrName means that the name is empty, too long or deceptive.
	ErrName = errors.New("meeting: name must have 1 to 64 bytes and nothing invisible")
	// ErrOver means that the meeting was left or has failed.
	ErrOver = errors.New("meeting: over")
	// ErrAway means that there is no seat or no connection now; what was asked
	// for is to be asked again after Joined or Reconnected.
	ErrAway = errors.New("meeting: not connected")
	// ErrTooLarge means that an argument is over its limit, or empty.
	ErrTooLarge = errors.New("meeting: too large or empty")
	// ErrOutboxFull means that too many messages wait to be sent.
	ErrOutboxFull = errors.New("meeting: too many messages wait to be sent")
	// ErrUnknownChat means that no message with this id has failed.
	ErrUnknownChat = errors.New("meeting: no such message has failed")
)

// validate returns the configuration with a cleaned name.
func (c Config) validate() (Config, error) {
	name, err := session.CleanName(c.Name)
	if err != nil {
		return c, ErrName
	}
	c.Name = name
	if !c.Class.session().IsValid() {
		return c, errors.New("meeting: Config.Class is missing or unknown")
	}
	if c.Rand == nil {
		return c, errors.New("meeting: Config.Rand is missing")
	}
	return c, nil
}

// session returns the class as core/session numbers it, or an invalid one.
func (c Class) session() session.Class {
	switch c {
	case Native:
		return session.Native
	case Web:
		return session.Web
	case Robot:
		return session.Robot
	default:
		return 0
	}
}

func classOf(c session.Class) Class {
	switch c {
	case session.Native:
		return Native
	case session.Web:
		return Web
	default:
		return Robot // an announcement with another class does not prove
	}
}
