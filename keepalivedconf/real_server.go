package keepalivedconf

import (
	"slices"

	"tandem/vserver/table"
)

// realServerRows is what may stand in real_server.
var realServerRows = newRows(slices.Concat(
	timingRows("real server", func(r *RealServer) *timing { return &r.timing }),
	[]row[RealServer]{
		{name: "weight", min: 1, set: func(b *builder, r *RealServer, s *Statement) {
			if n, ok := b.number(s, s.Arg(1), 0, maxWeight); ok {
				r.weight = &n
			} else {
				b.err(s, "Real server weight %s is outside range 0-%d", s.Arg(1), maxWeight)
			}
		}},
		{name: "lvs_method", min: 1, set: func(b *builder, r *RealServer, s *Statement) { b.forward(s, &r.forwarding, "real") }},
		threshold("uthreshold", func(r *RealServer) *uint32 { return &r.Upper }),
		threshold("lthreshold", func(r *RealServer) *uint32 { return &r.Lower }),
		realServerToggle("inhibit_on_failure", func(r *RealServer) **bool { return &r.inhibit }, "Invalid inhibit_on_failure parameter %s"),
		realServerToggle("alpha", func(r *RealServer) **bool { return &r.alpha }, "Invalid alpha parameter %s"),
		realServerToggle("smtp_alert", func(r *RealServer) **bool { return &r.smtpAlert }, "Invalid real_server smtp_alert parameter %s"),
		realServerScript("notify_up", func(r *RealServer) *Command { return &r.Up }),
		realServerScript("notify_down", func(r *RealServer) *Command { return &r.Down }),
		{name: "virtualhost", set: func(b *builder, r *RealServer, s *Statement) {
			if b.named(s, "real server virtualhost missing") {
				r.virtualHost = s.Arg(1)
			}
		}},
		{name: "snmp_name", set: func(b *builder, r *RealServer, s *Statement) {
			if s.Args() != 1 {
				b.err(s, "real server snmp_name missing or extra parameters")
				return
			}
			r.SNMPName = s.Arg(1)
		}},
	},
	checkerBlocks)...)

func threshold(name string, field func(*RealServer) *uint32) row[RealServer] {
	return row[RealServer]{name: name, min: 1, set: func(b *builder, r *RealServer, s *Statement) {
		if n, ok := b.number(s, s.Arg(1), 0, maxUint32); ok {
			*field(r) = n
		} else {
			b.err(s, "Invalid real_server "+name+" '%s' - ignoring", s.Arg(1))
		}
	}}
}

func realServerToggle(name string, field func(*RealServer) **bool, format string) row[RealServer] {
	return row[RealServer]{name: name, set: func(b *builder, r *RealServer, s *Statement) {
		if on, ok := b.toggle(s, format); ok {
			*field(r) = &on
		}
	}}
}

func realServerScript(name string, field func(*RealServer) *Command) row[RealServer] {
	return row[RealServer]{name: name, quoted: true, min: 1, set: func(b *builder, r *RealServer, s *Statement) {
		if c := field(r); c.Set() {
			b.err(s, "(%s) %s script already specified - ignoring %s", r.server, name, s.Arg(1))
		} else {
			*c = b.notifyCommand(s)
		}
	}}
}

// addRealServer reads a real_server block: real_server ADDRESS [PORT] { ... }
func addRealServer(b *builder, v *VirtualServer, s *Statement) {
	r := &RealServer{
		Pos: s.Pos, At: places(s), server: v, forwarding: v.forwarding, timing: newTiming(), bfd: map[string]bool{},
	}
	var ok bool
	if r.Address, ok = b.server(s, s.Arg(1), portWord(s.Arg(2))); !ok {
		port := s.Arg(2)
		if s.Args() < 2 {
			port = "(null)" // what C makes of it
		}
		b.err(s, "Invalid real server ip address/port %s/%s - skipping", s.Arg(1), port)
		return
	}
	realServerRows.walk(b, r, s.Body, nil)
	if r.forwarding.method != table.Tunneling {
		switch family := familyOf(r.Address.Addr()); v.Family {
		case FamilyUnset:
			v.Family = family
		case family:
		default:
			b.sayAtClose(s, "Address family of virtual server and real server %s don't match - skipping real server.", r.Address.Addr())
			return
		}
	}
	v.RealServers = append(v.RealServers, r)
}
