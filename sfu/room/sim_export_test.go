package room

import "conclave/sfu/bwe"

// Bandwidth returns the estimator of the receiver of a seat.
func (r *Room) Bandwidth(seat uint32) *bwe.Estimator {
	if s := r.seats[seat]; s != nil && s.receiver != nil {
		return s.receiver.estimator
	}
	return nil
}
