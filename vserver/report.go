package vserver

import (
	"strconv"
	"strings"

	"tandem/health/check"
	"tandem/status"
)

// Report tells how the virtual servers stand.
func (p *Pool) Report() []status.VirtualServer {
	counted := p.Engines.stats()
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []status.VirtualServer{}
	for i, v := range p.state.servers {
		one := status.VirtualServer{
			Name: v.Name, Engine: p.Engines.of(v.Server).String(), Quorum: v.quorum, Needed: v.Quorum, Hysteresis: v.Hysteresis, Weight: v.sum(), SorryServer: v.sorry,
		}
		for _, s := range v.Services {
			one.Services = append(one.Services, s.Key.String())
			one.Scheduler = s.Scheduler
			c := counted[s.Key]
			one.Connections += c.Connections
			one.InBytes += c.InBytes
			one.OutBytes += c.OutBytes
		}
		for j, r := range v.real {
			rs := p.reportReal(v, r.Real)
			rs.Up, rs.Weight = r.alive, int(inKernel(r.weight))
			rs.Since = p.began[v.Name+" "+r.Name]
			for k := range r.checks {
				rs.Checks = append(rs.Checks, reportCheck(p.checkers[Place{i, j, k}]))
			}
			one.RealServers = append(one.RealServers, rs)
		}
		if v.Sorry != nil {
			rs := p.reportReal(v, v.Sorry)
			rs.Sorry, rs.Up, rs.Weight = true, v.sorry, v.Sorry.Weight
			one.RealServers = append(one.RealServers, rs)
		}
		for n := range one.RealServers {
			count(&one.RealServers[n], v, counted)
		}
		list = append(list, one)
	}
	return list
}

func (p *Pool) reportReal(v *server, r *Real) status.RealServer {
	return status.RealServer{Name: r.Name, Address: r.Destination.Address, Method: r.Destination.Method.String(), Inhibit: r.Inhibit}
}

// count adds what the engines have counted of a real server, for all addresses of
// its virtual server.
func count(rs *status.RealServer, v *server, counted counts) {
	for _, s := range v.Services {
		for _, d := range counted[s.Key].Destinations {
			if d.Address.Addr() != rs.Address.Addr() || rs.Address.Port() != 0 && d.Address.Port() != rs.Address.Port() {
				continue
			}
			rs.In = true
			rs.Active += d.Active
			rs.Inactive += d.Inactive
			rs.Persistent += d.Persistent
			rs.Connections += d.Connections
			rs.InBytes += d.InBytes
			rs.OutBytes += d.OutBytes
		}
	}
}

func reportCheck(r *running) status.Checker {
	f := r.Last()
	c := status.Checker{
		Kind: r.check.Spec.Method.String(), About: about(r.check.Spec.Method), Up: r.Up(), Known: f.Ran, Since: f.Since, At: f.At, Took: f.Took.Seconds(), Reason: f.Reason, Weight: f.Weight,
	}
	if c.Reason == "" && !f.Ran {
		c.Reason = "not checked yet"
	}
	return c
}

// about is what of a method people want to know beside its kind.
func about(m check.Method) string {
	switch m := m.(type) {
	case *check.Web:
		if len(m.URLs) == 0 {
			return ""
		}
		more := ""
		if n := len(m.URLs) - 1; n > 0 {
			more = " and " + strconv.Itoa(n) + " more"
		}
		return m.URLs[0].Path + more
	case *check.Misc:
		return strings.Join(m.Command.Args, " ")
	case *check.DNS:
		return m.Name
	case *check.BFD:
		return m.Session
	}
	return ""
}
