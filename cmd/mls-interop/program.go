package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"conclave/core/mls"
	"conclave/core/secret"
	"conclave/core/suite"
)

var (
	errUnknownOp     = errors.New("no request of this name")
	errUnknownKind   = errors.New("no proposal of this kind")
	errUnknownGroup  = errors.New("no group of this name")
	errUnknownHandle = errors.New("no KeyPackage of this name")
)

// A program holds what the requests so far have made. Clients live as long as
// their group or KeyPackage; each has its own signing key.
type program struct {
	groups      map[string]*member
	keyPackages map[string]*keyPackage
	psks        map[string]secret.Value // by id
	names       int
}

// A member is a group and the client that is in it.
type member struct {
	*client
	group *mls.Group
	// saved is the snapshot that was taken last to be allowed to send.
	saved secret.Value
}

func newProgram() *program {
	return &program{
		groups:      make(map[string]*member),
		keyPackages: make(map[string]*keyPackage),
		psks:        make(map[string]secret.Value),
	}
}

// ops are the requests by name.
var ops = map[string]func(*program, *request) (answer, error){
	"suites":              (*program).suites,
	"key_package":         (*program).keyPackage,
	"create_group":        (*program).createGroup,
	"join_welcome":        (*program).joinWelcome,
	"external_join":       (*program).externalJoin,
	"propose":             (*program).propose,
	"commit":              (*program).commit,
	"merge":               (*program).merge,
	"discard":             (*program).discard,
	"handle":              (*program).handle,
	"protect":             (*program).protect,
	"group_info":          (*program).groupInfo,
	"ratchet_tree":        (*program).ratchetTree,
	"members":             (*program).members,
	"register_psk":        (*program).registerPSK,
	"export":              (*program).export,
	"epoch_authenticator": (*program).epochAuthenticator,
	"snapshot":            (*program).snapshot,
	"restore":             (*program).restore,
}

// answer carries a request out. problem is what was wrong with reading it.
func (p *program) answer(line []byte, problem error) answer {
	var r request
	a, err := p.run(line, problem, &r)
	if err != nil {
		a = answer{"error": nameOf(err), "message": err.Error()}
	}
	if len(r.ID) > 0 {
		a["id"] = r.ID
	}
	return a
}

func (p *program) run(line []byte, problem error, r *request) (answer, error) {
	if problem != nil {
		return nil, problem
	}
	if err := json.Unmarshal(line, r); err != nil {
		return nil, fmt.Errorf("%w: %v", errRequest, err)
	}
	op, ok := ops[r.Op]
	if !ok {
		return nil, fmt.Errorf("%w: %q", errUnknownOp, r.Op)
	}
	return op(p, r)
}

func (p *program) suites(*request) (answer, error) {
	return answer{"suites": suite.IDs()}, nil
}

// name hands out a name that was not used before.
func (p *program) name(prefix string) string {
	p.names++
	return fmt.Sprintf("%s%d", prefix, p.names)
}

// add hands out a name for a group.
func (p *program) add(c *client, g *mls.Group) string {
	name := p.name("g")
	p.groups[name] = &member{client: c, group: g}
	return name
}

// find returns the group that a request names.
func (p *program) find(r *request) (*member, error) {
	m, ok := p.groups[r.Group]
	if !ok {
		return nil, fmt.Errorf("%w: %q", errUnknownGroup, r.Group)
	}
	return m, nil
}
