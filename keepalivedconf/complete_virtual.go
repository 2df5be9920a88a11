package keepalivedconf

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"

	"tandem/keepalivedconf/text"
	"tandem/vserver/table"
)

// schedulerDefault is lvs_sched's.
const schedulerDefault = "wlc"

// completeVirtualServers finds the groups of virtual servers, fills in what depends on several keywords, and checks what
// can be checked only then. The order is keepalived's.
func (b *builder) completeVirtualServers() {
	kept := b.cfg.VirtualServers[:0]
	for _, v := range b.cfg.VirtualServers {
		if b.findGroup(v) {
			kept = append(kept, v)
		}
	}
	b.cfg.VirtualServers = kept
	members := map[*VirtualServerGroup]int{}
	for _, v := range kept {
		if v.Group != nil {
			v.member = members[v.Group]
			members[v.Group]++
		}
	}
	for _, v := range kept {
		b.completeService(v)
		weights := b.completeServers(v)
		b.completeQuorum(v, weights)
		b.completePorts(v)
		for _, r := range v.RealServers {
			for _, c := range r.Checkers {
				c.complete(&b.cfg.Global)
			}
		}
	}
}

// maxGroupAddresses bounds the addresses of a group: each is a service of its own in the kernel.
const maxGroupAddresses = 131_072

// findGroup finds the group of a virtual server; without it there is none.
func (b *builder) findGroup(v *VirtualServer) bool {
	if v.groupName == "" {
		return true
	}
	var g *VirtualServerGroup
	for _, one := range b.cfg.VirtualServerGroups {
		if one.Name == v.groupName {
			g = one
			break
		}
	}
	own := FamilyUnset
	switch {
	case g == nil:
		b.say(text.KindNote, v.Pos, "Virtual server group %s specified but not configured - ignoring virtual server %s", v.groupName, v)
		return false
	case g.addresses() > maxGroupAddresses:
		b.say(text.KindGeneral, v.Pos, "virtual server group %s has more than %d addresses - ignoring virtual server %s", v.groupName, maxGroupAddresses, v)
		return false
	case g.ipv4 && g.ipv6 && v.Family != FamilyUnset:
		b.say(text.KindNote, v.Pos, "%s: virtual server group with IPv4 & IPv6 doesn't match virtual server %s - ignoring", v.groupName, v)
		return false
	case g.ipv4 && v.Family == IPv6, g.ipv6 && v.Family == IPv4:
		b.say(text.KindNote, v.Pos, "%s: address family doesn't match virtual server %s - ignoring", v.groupName, v)
		return false
	case g.ipv4 && !g.ipv6:
		own = IPv4
	case g.ipv6 && !g.ipv4:
		own = IPv6
	case v.Family == FamilyUnset && g.markSansFamily:
		b.say(text.KindNote, v.Pos, "%s: Virtual server %s address family cannot be determined, defaulting to IPv4", v.groupName, v)
	}
	if v.Family == FamilyUnset {
		v.Family = own
	}
	v.Group = g
	return true
}

// addresses counts the addresses of a group; beyond maxGroupAddresses it is only known that there are more.
func (g *VirtualServerGroup) addresses() uint64 {
	var n uint64
	for _, r := range g.Ranges {
		first, last := r.First.As16(), r.Last.As16()
		if !bytes.Equal(first[:8], last[:8]) {
			return math.MaxUint64
		}
		n += min(binary.BigEndian.Uint64(last[8:])-binary.BigEndian.Uint64(first[8:]), maxGroupAddresses) + 1
	}
	return n
}

// byAddress says whether any of the clients come to an address, and not only by a mark.
func (v *VirtualServer) byAddress() bool {
	return v.Group == nil && v.Mark == 0 || v.Group != nil && len(v.Group.Ranges) > 0
}

// byMark says whether any of the clients come by a mark.
func (v *VirtualServer) byMark() bool {
	return v.Group == nil && v.Mark != 0 || v.Group != nil && len(v.Group.Marks) > 0
}

// completeService settles what the kernel is told of the virtual server itself.
func (b *builder) completeService(v *VirtualServer) {
	if v.HASuspend && v.byMark() {
		b.say(text.KindGeneral, v.at("ha_suspend"), "Virtual server %s: cannot use ha_suspend with fwmarks - clearing ha_suspend", v)
		v.HASuspend = false
	}
	if v.byAddress() {
		if v.Protocol == 0 {
			b.say(text.KindGeneral, v.Pos, "Virtual server %s: no protocol set - defaulting to UDP", v)
			b.hint("add `protocol TCP` if that is what its clients speak")
			v.Protocol = table.UDP
		}
		if v.Flags&table.OnePacket != 0 && v.Protocol != table.UDP {
			b.say(text.KindGeneral, v.at("ops"), "Virtual server %s: one packet scheduling requires UDP - resetting", v)
			v.Flags &^= table.OnePacket
		}
	}
	if v.PersistenceTimeout == 0 && v.anyPort() {
		b.say(text.KindGeneral, v.Pos, "Virtual server %s: zero port only valid for persistent services - setting", v)
		v.PersistenceTimeout = persistenceDefault
	}
	if v.Protocol != 0 && !v.byAddress() {
		b.say(text.KindGeneral, v.at("protocol"), "Warning: Virtual server %s: protocol specified for fwmark - protocol will be ignored", v)
		v.Protocol = 0
	}
	if v.Scheduler == "" {
		b.say(text.KindGeneral, v.Pos, "Virtual server %s: no scheduler set, setting default '%s'", v, schedulerDefault)
		v.Scheduler = schedulerDefault
	}
	v.SMTPAlert = or(v.smtpAlert, b.checkerAlerts(false))
}

// anyPort says whether some address is served on every port.
func (v *VirtualServer) anyPort() bool {
	if v.Group == nil {
		return v.Mark == 0 && v.Address.Port() == 0
	}
	for _, r := range v.Group.Ranges {
		if r.Port == 0 {
			return true
		}
	}
	return false
}

// checkerAlerts is what smtp_alert_checker or smtp_alert say, or by default.
func (b *builder) checkerAlerts(otherwise bool) bool {
	g := &b.cfg.Global
	return or(g.LVS.smtpAlert, or(g.smtpAlert, otherwise))
}

// at is where a keyword stands, or the block.
func (v *VirtualServer) at(keyword string) Pos {
	if p, ok := v.At[keyword]; ok {
		return p
	}
	return v.Pos
}

// completeServers settles the real servers and the sorry server, and returns the sum of the weights.
func (b *builder) completeServers(v *VirtualServer) uint64 {
	var weights uint64
	seen := map[netip.AddrPort]bool{}
	kept := v.RealServers[:0]
	for _, r := range v.RealServers {
		if seen[r.Address] {
			b.say(text.KindGeneral, r.Pos, "VS %s: real server %s is duplicated - removing second rs", v, r.Name())
			continue
		}
		seen[r.Address] = true
		kept = append(kept, r)
		b.settleMethod(v, r)
		r.Alpha = or(r.alpha, v.Alpha)
		r.Inhibit = or(r.inhibit, v.inhibit)
		r.Weight = or(r.weight, v.weight)
		r.SMTPAlert = or(r.smtpAlert, b.checkerAlerts(true))
		r.timing.inherit(v.timing)
		weights += uint64(r.Weight)
		if s := v.Sorry; s != nil && s.Address == r.Address {
			if s.Inhibit != r.Inhibit {
				doing := "clear"
				if r.Inhibit {
					doing = "sett"
				}
				b.say(text.KindGeneral, s.Pos, "Virtual server %s: real server %s matches sorry server, but inhibit setting differs, %sing on sorry server", v, r.Name(), doing)
				s.Inhibit = r.Inhibit
			}
			v.SorryIsReal = true
		}
	}
	v.RealServers = kept
	if v.Sorry != nil {
		b.settleMethod(v, v.Sorry)
	}
	return weights
}

// settleMethod gives a server the forwarding method of its virtual server if it has none of its own.
func (b *builder) settleMethod(v *VirtualServer, r *RealServer) {
	if !r.forwarding.set {
		if !v.forwarding.set {
			b.say(text.KindGeneral, v.Pos, "Virtual server %s: no forwarding method set, setting default NAT", v)
			v.forwarding = forwarding{set: true, method: table.Masquerading}
		}
		r.forwarding = v.forwarding
	}
	r.Method, r.Tunnel = r.forwarding.method, r.forwarding.tunnel
	if r.Method != table.Tunneling {
		r.Tunnel = table.Tunnel{}
	}
}

// completeQuorum keeps quorum and hysteresis within what the real servers can weigh.
func (b *builder) completeQuorum(v *VirtualServer, weights uint64) {
	if uint64(v.Quorum) > weights {
		b.say(text.KindGeneral, v.at("quorum"), "Warning - quorum %d for %s exceeds total weight of real servers %d, reducing quorum to %d", v.Quorum, v, weights, weights)
		v.Quorum = uint32(weights)
	}
	if v.Hysteresis >= v.Quorum {
		// With a quorum of 0, which weights of 0 alone come to, keepalived counts one down from it without a sign.
		b.say(text.KindGeneral, v.at("hysteresis"), "Virtual server %s: hysteresis %d >= quorum %d; setting hysteresis to %d", v, v.Hysteresis, v.Quorum, v.Quorum-1)
		v.Hysteresis = max(v.Quorum, 1) - 1
	}
}

// completePorts gives real servers that have none the port of the virtual server; those that do not get NAT have no other.
func (b *builder) completePorts(v *VirtualServer) {
	if v.Group != nil {
		b.checkGroupPorts(v)
		return
	}
	port := v.Address.Port()
	for _, r := range v.RealServers {
		own := r.Address.Port()
		switch {
		case own == 0 && v.Mark == 0:
			r.setPort(port)
		case r.Method == table.Masquerading:
		case v.Mark != 0 && own != 0:
			b.say(text.KindGeneral, r.Pos, "WARNING - fwmark virtual server %s, real server %s has port specified - clearing", v, r.Name())
			r.setPort(0)
		case v.Mark == 0 && own != port:
			b.say(text.KindGeneral, r.Pos, "WARNING - virtual server %s and real server %s ports don't match - resetting", v, r.Name())
			r.setPort(port)
		}
	}
	s := v.Sorry
	if s == nil || s.Method == table.Masquerading {
		return
	}
	switch own := s.Address.Port(); {
	case own == 0 && v.Mark == 0:
		s.setPort(port)
	case v.Mark != 0 && own != 0:
		b.say(text.KindGeneral, s.Pos, "WARNING - virtual server %s, sorry server has port specified - clearing", v)
		s.setPort(0)
	case v.Mark == 0 && own != port:
		b.say(text.KindGeneral, s.Pos, "WARNING - virtual server %s and sorry server ports don't match - resetting", v)
		s.setPort(port)
	}
}

func (r *RealServer) setPort(port uint16) { r.Address = netip.AddrPortFrom(r.Address.Addr(), port) }

// checkGroupPorts tells which ports of real servers are not looked at, because packets keep those of the group's addresses.
func (b *builder) checkGroupPorts(v *VirtualServer) {
	g, s := v.Group, v.Sorry
	kept := func(r *RealServer) bool { return r != nil && r.Method != table.Masquerading && r.Address.Port() != 0 }
	if len(g.Marks) > 0 {
		for _, r := range v.RealServers {
			if kept(r) {
				b.say(text.KindGeneral, r.Pos, "WARNING - fwmark virtual server %s, real server %s has port specified - port will be ignored", v, r.Name())
			}
		}
		if kept(s) {
			b.say(text.KindGeneral, s.Pos, "WARNING - fwmark virtual server %s, sorry server has port specified - port will be ignored", v)
		}
	}
	for _, a := range g.Ranges {
		for _, r := range v.RealServers {
			if kept(r) && r.Address.Port() != a.Port {
				b.say(text.KindGeneral, r.Pos, "virtual server %s:[%s] and real server %s ports don't match", v, a, r.Name())
			}
		}
		if kept(s) && s.Address.Port() != a.Port {
			b.say(text.KindGeneral, s.Pos, "WARNING - virtual server %s, sorry server has port specified - port will be ignored", v)
		}
	}
}
