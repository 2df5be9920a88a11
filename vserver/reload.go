package vserver

// Reload goes on with another configuration: what stays keeps its state, as in
// keepalived's clear_diff_services, and only what differs is told.
func (s *State) Reload(servers []*Server, o Options) []Event {
	before := s.servers
	s.options, s.servers = o, nil
	for _, conf := range servers {
		s.servers = append(s.servers, &server{Server: conf})
	}
	kept := map[string]*server{}
	for _, v := range s.servers {
		if kept[v.Name] == nil {
			kept[v.Name] = v
		}
	}
	for _, old := range before {
		if v := kept[old.Name]; v != nil && v.real == nil {
			s.goOn(old, v)
			continue
		}
		if old.Group != "" {
			s.logf("Removing Virtual Server Group [%s]", old.Group)
		} else {
			s.logf("Removing Virtual Server %s", old.Name)
		}
		for _, r := range old.real {
			s.clear(old, r, false)
		}
		s.end(old, false)
	}
	for _, v := range s.servers {
		for i, r := range v.real {
			if r == nil {
				v.real[i] = newReal(v.Real[i])
			}
		}
		if v.real == nil {
			for _, r := range v.Server.Real {
				v.real = append(v.real, newReal(r))
			}
		}
		s.begin(v)
	}
	return s.told()
}

// goOn takes over what stays of a virtual server. Real servers that are new stay
// nil.
func (s *State) goOn(old, v *server) {
	v.quorum = old.quorum
	v.real = make([]*real, len(v.Server.Real))
	byName := map[string]int{}
	for i, r := range v.Server.Real {
		byName[r.Name] = i
	}
	for _, r := range old.real {
		i, ok := byName[r.Name]
		if !ok || v.real[i] != nil {
			s.logf("service %s no longer exist", r.Name)
			s.clear(old, r, false)
			continue
		}
		v.real[i] = r.with(v.Server.Real[i])
	}
	s.end(old, false)
	v.quorum = old.quorum
	if old.sorry {
		if v.Sorry != nil && v.Sorry.Name == old.Sorry.Name {
			v.sorry = true
		} else {
			s.logf("Removing sorry server %s from VS %s", old.Sorry.Name, old.Name)
			if v.Sorry == nil {
				s.logf("Adding alive servers to the pool for VS %s", v.Name)
			}
		}
	}
	for _, r := range v.real {
		// Without a check that fails it has to be up.
		if r != nil && r.failed == 0 && !r.alive {
			s.turnPart(v, r)
		}
	}
}

// turnPart is turn while the virtual server is not whole yet: its quorum is seen to
// when it is.
func (s *State) turnPart(v *server, r *real) {
	s.logf("%sing service %s %s VS %s", either(r.Inhibit, "Enabl", "Add"), r.Name, either(r.Inhibit, "of", "to"), v.Name)
	r.alive = true
	s.tell(RealChange{Server: v.Server, Alive: v.alive(), Real: r.Real, Up: true})
}

// with goes on as another configuration says: keepalived's migrate_checkers.
func (r *real) with(conf *Real) *real {
	next := &real{Real: conf, alive: r.alive, weight: int64(conf.Weight)}
	any := false
	for _, c := range conf.Checks {
		one := checked{up: true}
		for i, old := range r.Checks {
			if old.Key == c.Key && r.checks[i].ran {
				one = r.checks[i]
				break
			}
		}
		any = any || one.ran
		if one.ran && !one.up {
			next.failed++
		}
		next.weight += int64(one.weight)
		next.checks = append(next.checks, one)
	}
	if next.failed > 0 || !r.alive && !any {
		for i, c := range conf.Checks {
			if one := &next.checks[i]; !one.ran && c.Spec.Alpha {
				one.up = false
				next.failed++
			}
		}
	}
	return next
}

// Places calls f for each check of the configuration in force.
func (s *State) Places(f func(at Place, v *Server, r *Real, c *Check)) {
	for i, v := range s.servers {
		for j, r := range v.real {
			for k, c := range r.Checks {
				f(Place{i, j, k}, v.Server, r.Real, c)
			}
		}
	}
}
