package mls

import (
	"slices"

	"conclave/core/mlswire"
)

// compatible returns those of the waiting proposals that a commit of member self
// with the given proposals by value can take in, RFC 9420, Section 12.2: no
// Update or Remove of self, one Update or Remove for a leaf, of which a Remove
// goes before the last Update, the last GroupContextExtensions, and a ReInit only
// if there is nothing else. Other conflicts show when the list is checked.
func compatible(inline []mlswire.Proposal, waiting []*proposal, self LeafIndex) []*proposal {
	changed := map[uint32]bool{uint32(self): true} // leaves that have their proposal
	var replaced bool                              // the extensions
	for _, p := range inline {
		switch v := p.(type) {
		case *mlswire.Remove:
			changed[v.Removed] = true
		case *mlswire.GroupContextExtensions:
			replaced = true
		case *mlswire.ReInit:
			return nil
		}
	}
	chosen := make([]bool, len(waiting))
	for i, p := range waiting {
		switch v := p.Proposal.(type) {
		case *mlswire.Remove:
			chosen[i] = !changed[v.Removed]
			changed[v.Removed] = true
		case *mlswire.Add, *mlswire.PreSharedKey:
			chosen[i] = true
		}
	}
	reInit := -1
	for i, p := range slices.Backward(waiting) {
		switch p.Proposal.(type) {
		case *mlswire.Update:
			chosen[i] = !changed[p.Sender.Index]
			changed[p.Sender.Index] = true
		case *mlswire.GroupContextExtensions:
			chosen[i] = !replaced
			replaced = true
		case *mlswire.ReInit:
			reInit = max(reInit, i)
		}
	}
	if reInit >= 0 && len(inline) == 0 && !slices.Contains(chosen, true) {
		chosen[reInit] = true
	}
	var list []*proposal
	for i, p := range waiting {
		if chosen[i] {
			list = append(list, p)
		}
	}
	return list
}
