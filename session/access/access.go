// Package access is nginx's access module: who may, by address.
//
//	allow ADDRESS | NETWORK | unix: | all;
//	deny ADDRESS | NETWORK | unix: | all;
package access

import (
	"fmt"
	"net/netip"

	"tandem/internal/cidr"
	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Module returns the access module. What it refuses is logged, unless quiet says
// that somebody else may yet allow the session; quiet may be nil.
func Module(quiet func(*session.Session) bool) func(session.Contexts) *session.Module {
	return func(in session.Contexts) *session.Module {
		return &session.Module{
			Name: "access",
			Commands: []nc.Command{
				{Name: "allow", In: in.Levels | in.Except, Arity: nc.Take1, Set: readRule},
				{Name: "deny", In: in.Levels | in.Except, Arity: nc.Take1, Set: readRule},
			},
			Init: func(r *session.Realm) error {
				if r.Any(func(l *session.Level) bool { return slot.Of(l).rules != nil }) {
					r.Handle(session.Access, func(s *session.Session) session.Code { return check(s, quiet) })
				}
				return nil
			},
		}
	}
}

type settings struct{ rules []rule }

// rule is one allow or deny. The first that the client's address fits decides.
type rule struct {
	deny    bool
	all     bool
	network netip.Prefix // the zero Prefix: unix sockets
}

// A level with rules of its own inherits none.
var slot = session.NewLevelSlot(func(c, p *settings) error {
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
	c := slot.Of(session.BlockOf(s).Level)
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

// forbidden is the status of what a rule refuses.
const forbidden session.Code = 403

func check(s *session.Session, quiet func(*session.Session) bool) session.Code {
	rules := slot.Of(s.Level()).rules
	if rules == nil {
		return session.Declined
	}
	addr := s.RemoteAddr().Addr().Unmap()
	for i := range rules {
		if !rules[i].fits(addr) {
			continue
		}
		if !rules[i].deny {
			return session.OK
		}
		if quiet == nil || !quiet(s) {
			s.Logf(errorlog.Error, "access forbidden by rule")
		}
		return forbidden
	}
	return session.Declined
}
