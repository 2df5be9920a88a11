package vserver

// Stop takes everything out: keepalived's clear_services. The table is empty after
// it.
func (s *State) Stop() []Event {
	for _, v := range s.servers {
		for _, r := range v.real {
			s.clear(v, r, true)
		}
		v.sorry = false
		s.end(v, true)
	}
	s.servers = nil
	return s.told()
}

// clear takes a real server out for good: at the end of the process, or because it
// is not configured any more.
func (s *State) clear(v *server, r *real, stopping bool) {
	in := r.alive && !v.sorry || r.Inhibit
	if in || stopping {
		s.logf("%s %sservice %s from VS %s", either(stopping, "Shutting down", "Removing"), either(r.Inhibit && !r.alive, "(inhibited) ", ""), r.Name, v.Name)
	}
	if !r.alive {
		return
	}
	r.alive = false
	quiet := stopping && !v.Omega
	s.tell(RealChange{Server: v.Server, Alive: v.alive(), Real: r.Real, Stopping: stopping, Quiet: quiet})
	if r.SMTPAlert && !quiet {
		s.tell(mailOfReal(v.Server, r.Real, false, either(stopping, "=> Shutting down <=", "=> Removing <=")))
	}
}

// end tells that a virtual server has no quorum any more, as keepalived's
// update_vs_notifies: without a sorry server.
func (s *State) end(v *server, stopping bool) {
	sum, threshold := v.sum(), int64(v.Quorum-v.Hysteresis)
	if !stopping && !(v.quorum && (sum == 0 || sum < threshold)) {
		return
	}
	v.quorum = false
	if !stopping {
		s.quorum(v, "Lost quorum", threshold, sum)
		return
	}
	s.tell(QuorumChange{Server: v.Server, Alive: v.alive(), Stopping: true, Quiet: !v.Omega})
	if v.SMTPAlert && v.Omega {
		s.tell(mailOfServer(v.Server, false, "=> Shutting down <="))
	}
}
