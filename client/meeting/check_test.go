package meeting

// checkTogether fails unless exactly these participants share one epoch, its
// roster and its keys.
func (s *sim) checkTogether(people ...*person) {
	s.t.Helper()
	first := people[0]
	for _, p := range people {
		if p.isOver() {
			s.t.Errorf("%s is over: failed %v, left %v", p.name, p.failed, p.left)
			continue
		}
		if len(p.roster.Members) != len(people) {
			s.t.Errorf("%s sees %d members in epoch %d, want %d: %v", p.name, len(p.roster.Members), p.roster.Epoch, len(people), p.roster.Members)
		}
		if p.keys.Epoch != first.keys.Epoch || p.keys.Epoch != p.roster.Epoch || p.keys.Epoch == 0 {
			s.t.Errorf("%s has keys of epoch %d and roster of %d, %s keys of %d", p.name, p.keys.Epoch, p.roster.Epoch, first.name, first.keys.Epoch)
		}
		if p.roster.Joining != 0 {
			s.t.Errorf("%s: %d still joining", p.name, p.roster.Joining)
		}
	}
	if s.t.Failed() {
		return
	}
	for _, p := range people {
		if want := 4; len(p.keys.Send) != want || len(p.keys.Receive) != want*(len(people)-1) {
			s.t.Errorf("%s has %d and %d keys", p.name, len(p.keys.Send), len(p.keys.Receive))
		}
		for _, q := range people {
			for _, k := range p.keys.Send {
				if q != p && !q.canOpen(k) {
					s.t.Errorf("%s cannot open context %d of %s", q.name, k.Context, p.name)
				}
			}
			if got := p.member(q.name); got.Device != q.self().Device || got.You != (p == q) {
				s.t.Errorf("%s sees %s as %+v", p.name, q.name, got)
			}
		}
	}
}

func (p *person) canOpen(k MediaKey) bool {
	for _, r := range p.keys.Receive {
		if r.KID == k.KID && r.Context == k.Context && r.Key.Equal(k.Key) && r.Salt.Equal(k.Salt) {
			return true
		}
	}
	return false
}

// checkOut fails if p ever had a key that is in use now.
func (s *sim) checkOut(p *person, in ...*person) {
	s.t.Helper()
	for _, q := range in {
		for _, k := range q.keys.Send {
			if p.allKeys[hashOf(k)] {
				s.t.Errorf("%s left and still has a key of %s", p.name, q.name)
			}
		}
		if q.member(p.name).Name != "" {
			s.t.Errorf("%s is still in the roster of %s", p.name, q.name)
		}
	}
}

func (p *person) member(name string) Member {
	for _, m := range p.roster.Members {
		if m.Name == name {
			return m
		}
	}
	return Member{}
}

func (p *person) self() Member { return p.member(p.name) }

func (p *person) hasAlarm(id AlarmID) bool {
	for _, a := range p.alarms {
		if a.ID == id {
			return true
		}
	}
	return false
}

func (p *person) texts() []string {
	var texts []string
	for _, c := range p.chats {
		texts = append(texts, c.Name+": "+c.Text)
	}
	return texts
}

func (p *person) say(text string) string {
	p.sim.t.Helper()
	var id string
	p.do(func() {
		var err error
		if id, err = p.m.SendChat(p.sim.now, text); err != nil {
			p.sim.t.Errorf("%s: SendChat(%q) = %v", p.name, text, err)
		}
	})
	return id
}

func (p *person) leave() {
	p.do(func() {
		if err := p.m.Leave(p.sim.now); err != nil {
			p.sim.t.Errorf("%s: Leave = %v", p.name, err)
		}
	})
}
