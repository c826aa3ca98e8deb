package identity

import (
	"errors"
	"fmt"

	"conclave/core/displayname"
)

// MaxName is the most bytes of a display name, of a person or a device.
const MaxName = displayname.Max

// CheckName returns ErrName unless s can be a display name as it is: the rules
// are those of names in meetings, [displayname.Check].
func CheckName(s string) error {
	err := displayname.Check(s)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, displayname.ErrHidden):
		return fmt.Errorf("%w: it holds a character that is not shown", ErrName)
	default:
		return ErrName
	}
}
