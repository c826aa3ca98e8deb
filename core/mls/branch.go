package mls

// Branch begins a group of some members of g, this one among them, with the
// parameters of g: RFC 9420, Section 11.3. An empty id makes a random one.
//
// keyPackages are fresh ones of the other members, who are told apart by
// [Config].MemberID. The group that is returned is in its first epoch with
// members; the Welcomes go to the others, who join with g as JoinOptions.From.
// g goes on as before. Of o only what concerns Welcomes counts.
//
// The error is [ErrBranchMembers] if a KeyPackage is of somebody else, or a rule
// that it breaks.
func (g *Group) Branch(id []byte, keyPackages [][]byte, o CommitOptions) (*Group, *Commit, error) {
	if err := g.active(); err != nil {
		return nil, nil, err
	}
	next, err := g.client.CreateGroup(id, g.current.context.Extensions)
	if err != nil {
		return nil, nil, err
	}
	return g.succeed(next, forBranch, keyPackages, o)
}
