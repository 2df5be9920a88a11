package access

import (
	"fmt"
	"net/netip"

	"tandem/internal/cidr"
	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/web"
)

const everywhere = nc.HTTP | nc.Server | nc.Location | nc.LimitExcept

// Rules is the access module:
//
//	allow ADDRESS | NETWORK | unix: | all;
//	deny ADDRESS | NETWORK | unix: | all;
var Rules = &web.Module{
	Name: "access",
	Commands: []nc.Command{
		{Name: "allow", In: everywhere, Arity: nc.Take1, Set: readRule},
		{Name: "deny", In: everywhere, Arity: nc.Take1, Set: readRule},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return ruleSlot.Of(l).rules != nil }) {
			h.Handle(web.Access, checkRules)
		}
		return nil
	},
}

type ruleSettings struct{ rules []rule }

// rule is one allow or deny. The first that the client's address fits decides.
type rule struct {
	deny    bool
	all     bool
	network netip.Prefix // the zero Prefix: unix sockets
}

// A level with rules of its own inherits none.
var ruleSlot = web.NewLocationSlot(func(c, p *ruleSettings) error {
	if c.rules == nil {
		c.rules = p.rules
	}
	return nil
})

func readRule(s *nc.Scope, d *nc.Directive) error {
	r := rule{deny: d.Name == "deny"}
	switch text := d.Args[0]; text {
	case "all":
		r.all = true
	case "unix:":
	default:
		network, exact, ok := cidr.Parse(text)
		if !ok {
			return fmt.Errorf("invalid parameter \"%s\"", text)
		}
		if !exact {
			s.Warnf(d, "low address bits of %s are meaningless", text)
		}
		r.network = network
	}
	c := ruleSlot.Of(web.BlockOf(s).Location)
	c.rules = append(c.rules, r)
	return nil
}

func (r *rule) fits(addr netip.Addr) bool {
	if r.all {
		return true
	}
	if !addr.IsValid() {
		return !r.network.IsValid()
	}
	return r.network.Contains(addr)
}

func checkRules(r *web.Request) web.Code {
	rules := ruleSlot.Of(r.Location).rules
	if rules == nil {
		return web.Declined
	}
	addr := r.RemoteAddr().Addr().Unmap()
	for i := range rules {
		if !rules[i].fits(addr) {
			continue
		}
		if !rules[i].deny {
			return web.OK
		}
		if r.Core.Satisfy.V == web.SatisfyAll {
			r.Logf(errorlog.Error, "access forbidden by rule")
		}
		return 403
	}
	return web.Declined
}
