package main

func (p *program) groupInfo(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	info, err := m.group.GroupInfo(r.Tree)
	if err != nil {
		return nil, err
	}
	return answer{"group_info": info}, nil
}

func (p *program) ratchetTree(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	return answer{"ratchet_tree": m.group.RatchetTree()}, nil
}

func (p *program) members(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	list := []answer{}
	for _, member := range m.group.Members() {
		list = append(list, answer{
			"leaf":          member.Index,
			"identity":      string(member.Credential.Identity),
			"signature_key": member.SignatureKey,
		})
	}
	return answer{"members": list}, nil
}
