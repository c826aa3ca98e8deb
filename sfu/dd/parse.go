package dd

// Parse reads the descriptor b into d. structure is the last structure of the
// same source, or nil. If the packet carries a structure, it is read into
// attached, d.Attached is set, and the descriptor is resolved with it; attached
// must not be nil and should not be structure itself, because a packet that
// fails half-way leaves it undefined.
//
// The errors are ErrMalformed and ErrNoStructure.
func Parse(b []byte, structure, attached *Structure, d *Descriptor) error { return ErrMalformed }
