package mls_test

import (
	"errors"
	"testing"

	"conclave/core/mls"
	"conclave/core/suite"
)

// TestOnlyMembersLetIn holds that nobody lets itself into a group whose members
// have not allowed it, RFC 9420, Sections 12.1.8 and 12.4.3.2, even if the
// authentication service knows them.
func TestOnlyMembersLetIn(t *testing.T) {
	p := newParty(t, suite.Default, 1, func(c *mls.Config) {
		c.AllowJoinRequests, c.AllowExternalCommits = false, false
	})
	group := p.members[0]
	before := group.Snapshot()
	info, err := group.GroupInfo(true)
	if err != nil {
		t.Fatal(err)
	}
	_, commit, err := p.client(t).JoinExternal(info, mls.ExternalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := group.Process(commit.Message); !errors.Is(err, mls.ErrNotAllowed) {
		t.Errorf("Process of an external commit = %v, want ErrNotAllowed", err)
	}
	request, err := p.keyPackage(t).ProposeJoin(group.GroupID(), group.Epoch())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := group.Process(request); !errors.Is(err, mls.ErrNotAllowed) {
		t.Errorf("Process of a request to join = %v, want ErrNotAllowed", err)
	}
	if !group.Snapshot().Equal(before) {
		t.Error("what was refused has changed the group")
	}
}
