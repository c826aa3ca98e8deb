package main

func (p *program) export(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	v, err := m.group.Export(r.Label, r.Context, r.Length)
	if err != nil {
		return nil, err
	}
	return answer{"secret": v.Expose()}, nil
}

func (p *program) epochAuthenticator(r *request) (answer, error) {
	m, err := p.find(r)
	if err != nil {
		return nil, err
	}
	return answer{"value": m.group.EpochAuthenticator()}, nil
}
