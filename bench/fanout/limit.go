package main

import (
	"context"
)

// measureLimit measures bin/limit.
func measureLimit(context.Context, *options, work, *measurement) error { return errMissing }
