package keepalivedconf

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/keepalivedconf/text"
	"tandem/vserver/table"
)

const (
	persistenceDefault = 6 * time.Minute
	maxLVSTimeout      = 31 * 24 * 60 * 60 // seconds
	delayLoopDefault   = time.Minute
	maxWeight          = maxInt32
)

// schedulers are the words of lvs_sched.
var schedulers = []string{"rr", "wrr", "lc", "wlc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq", "twos"}

// virtualServerRows is what may stand in virtual_server.
var virtualServerRows = newRows(slices.Concat(
	timingRows("virtual server", func(v *VirtualServer) *timing { return &v.timing }),
	[]row[VirtualServer]{
		engineRow(func(v *VirtualServer) *Engine { return &v.Engine }),
		{name: "ip_family", min: 1, set: setIPFamily},
		{name: "inhibit_on_failure", set: func(b *builder, v *VirtualServer, s *Statement) { v.inhibit = true }},
		{name: "lb_algo", min: 1, set: setScheduler},
		{name: "lvs_sched", min: 1, set: setScheduler},
		schedulerFlag("hashed", 0),
		schedulerFlag("ops", table.OnePacket),
		schedulerFlag("flag-1", table.Sched1),
		schedulerFlag("flag-2", table.Sched2),
		schedulerFlag("flag-3", table.Sched3),
		schedulerFlag("sh-port", table.HashPort),
		schedulerFlag("sh-fallback", table.HashFallback),
		schedulerFlag("mh-port", table.HashPort),
		schedulerFlag("mh-fallback", table.HashFallback),
		{name: "lb_kind", min: 1, set: setForwarding},
		{name: "lvs_method", min: 1, set: setForwarding},
		{name: "persistence_engine", min: 1, set: func(b *builder, v *VirtualServer, s *Statement) {
			v.PersistenceEngine = s.Arg(1)
			if len(v.PersistenceEngine) > maxEngineName {
				b.err(s, "persistence_name too long, truncating - %s", s.Arg(1))
				v.PersistenceEngine = v.PersistenceEngine[:maxEngineName]
			}
		}},
		{name: "persistence_timeout", set: setPersistence},
		{name: "persistence_granularity", min: 1, set: setGranularity},
		{name: "protocol", min: 1, set: func(b *builder, v *VirtualServer, s *Statement) {
			switch strings.ToUpper(s.Arg(1)) {
			case "TCP":
				v.Protocol = table.TCP
			case "UDP":
				v.Protocol = table.UDP
			case "SCTP":
				v.Protocol = table.SCTP
			default:
				b.err(s, "Unknown protocol %s - ignoring", s.Arg(1))
			}
		}},
		{name: "ha_suspend", set: func(b *builder, v *VirtualServer, s *Statement) { v.HASuspend = true }},
		{name: "smtp_alert", set: func(b *builder, v *VirtualServer, s *Statement) {
			if on, ok := b.toggle(s, "Invalid virtual_server smtp_alert parameter %s"); ok {
				v.smtpAlert = &on
			}
		}},
		{name: "virtualhost", set: func(b *builder, v *VirtualServer, s *Statement) {
			if b.named(s, "virtual server virtualhost missing") {
				v.VirtualHost = s.Arg(1)
			}
		}},
		{name: "snmp_name", set: func(b *builder, v *VirtualServer, s *Statement) {
			if s.Args() != 1 {
				b.err(s, "virtual server snmp_name missing or extra parameters")
				return
			}
			v.SNMPName = s.Arg(1)
		}},
		{name: "alpha", set: func(b *builder, v *VirtualServer, s *Statement) { v.Alpha = true }},
		{name: "omega", set: func(b *builder, v *VirtualServer, s *Statement) { v.Omega = true }},
		quorumScript("quorum_up", func(v *VirtualServer) *Command { return &v.QuorumUp }),
		quorumScript("quorum_down", func(v *VirtualServer) *Command { return &v.QuorumDown }),
		{name: "quorum", min: 1, set: func(b *builder, v *VirtualServer, s *Statement) {
			var ok bool
			if v.Quorum, ok = b.number(s, s.Arg(1), 1, maxUint32); !ok {
				b.err(s, "Quorum %s must be in [1, %d]. Setting to 1.", s.Arg(1), uint32(maxUint32))
				v.Quorum = 1
			}
		}},
		{name: "hysteresis", min: 1, set: func(b *builder, v *VirtualServer, s *Statement) {
			if n, ok := b.number(s, s.Arg(1), 0, maxUint32); ok {
				v.Hysteresis = n
			} else {
				b.err(s, "Hysteresis %s must be in [0, %d] - ignoring", s.Arg(1), uint32(maxUint32))
			}
		}},
		{name: "weight", min: 1, set: func(b *builder, v *VirtualServer, s *Statement) {
			if n, ok := b.number(s, s.Arg(1), 1, maxWeight); ok {
				v.weight = n
			} else {
				b.err(s, "Virtual server weight %s is outside range 1-%d", s.Arg(1), maxWeight)
			}
		}},
		{name: "sorry_server", min: 1, set: setSorry},
		{name: "sorry_server_inhibit", set: func(b *builder, v *VirtualServer, s *Statement) {
			if v.Sorry == nil {
				b.err(s, "Ignoring sorry_server inhibit used before or without sorry_server")
				return
			}
			v.Sorry.Inhibit = true
		}},
		{name: "sorry_server_lvs_method", min: 1, set: func(b *builder, v *VirtualServer, s *Statement) {
			if v.Sorry == nil {
				b.err(s, "sorry_server forwarding used without sorry_server")
				return
			}
			b.forward(s, &v.Sorry.forwarding, "sorry")
		}},
		{name: "real_server", min: 1, block: text.Keywords, sub: realServerRows, set: addRealServer},
	})...)

// maxEngineName is the length of a persistence engine's name (IP_VS_PENAME_MAXLEN).
const maxEngineName = 16

// timingRows are the keywords of virtual and real servers that say when checkers run; of is what the reports call the block.
func timingRows[T any](of string, field func(*T) *timing) []row[T] {
	timer := func(name string, low, high uint64, into func(*timing) *time.Duration, format string) row[T] {
		return row[T]{name: name, min: 1, set: func(b *builder, t *T, s *Statement) {
			b.timer(s, low, high, into(field(t)), format)
		}}
	}
	return []row[T]{
		timer("delay_before_retry", 0, maxTimer, func(t *timing) *time.Duration { return &t.beforeRetry }, of+" delay before retry '%s' invalid - ignoring"),
		timer("warmup", 0, maxTimer, func(t *timing) *time.Duration { return &t.warmup }, of+" warmup '%s' invalid - ignoring"),
		timer("connect_timeout", 1, maxUint32, func(t *timing) *time.Duration { return &t.connect }, of+" connect_timeout %s invalid - ignoring"),
		timer("delay_loop", 1, maxTimer, func(t *timing) *time.Duration { return &t.loop }, delayLoopWords(of)),
		{name: "retry", min: 1, set: func(b *builder, t *T, s *Statement) {
			if n, ok := b.unsigned(s, s.Arg(1), 1, maxUint32); ok {
				field(t).retry = int64(n)
			} else {
				b.err(s, "retry value invalid - %s", s.Arg(1))
			}
		}},
	}
}

func delayLoopWords(of string) string {
	if of == "virtual server" {
		return "virtual server delay loop '%s' invalid - ignoring"
	}
	return of + " delay_loop '%s' invalid - ignoring"
}

// maxTimer is keepalived's limit in microseconds, and longest what a time.Duration holds.
const (
	maxTimer = math.MaxUint64 - 1
	longest  = math.MaxInt64 / 1000
)

// timer reads a time; low and high are in microseconds, format has one %s for the word.
func (b *builder) timer(s *Statement, low, high uint64, into *time.Duration, format string) {
	if v, ok := b.decimal(s, s.Arg(1), low, high, 6); ok {
		*into = time.Duration(min(v, longest)) * time.Microsecond
	} else {
		b.err(s, format, s.Arg(1))
	}
}

func setIPFamily(b *builder, v *VirtualServer, s *Statement) {
	var f Family
	switch s.Arg(1) {
	case "inet":
		f = IPv4
	case "inet6":
		f = IPv6
	default:
		b.err(s, "unknown address family %s", s.Arg(1))
		return
	}
	if v.Family != FamilyUnset && v.Family != f {
		b.err(s, "Virtual server specified family %s conflicts with server family", s.Arg(1))
		return
	}
	v.Family = f
}

func setScheduler(b *builder, v *VirtualServer, s *Statement) {
	if !slices.Contains(schedulers, s.Arg(1)) {
		b.err(s, "Invalid lvs_scheduler '%s' - ignoring", s.Arg(1))
		return
	}
	v.Scheduler = s.Arg(1)
}

// schedulerFlag is a flag for the scheduler; those of sh and mh are only taken after lvs_sched says so.
func schedulerFlag(name string, flag table.Flags) row[VirtualServer] {
	return row[VirtualServer]{name: name, set: func(b *builder, v *VirtualServer, s *Statement) {
		scheduler, _, both := strings.Cut(name, "-")
		switch of := both && scheduler != "flag"; {
		case name != "hashed" && !of, of && v.Scheduler == scheduler:
			v.Flags |= flag
		case v.Scheduler != "sh" && v.Scheduler != "mh":
			b.err(s, "%s only applies to sh scheduler - ignoring", name)
		}
	}}
}

func setForwarding(b *builder, v *VirtualServer, s *Statement) {
	b.forward(s, &v.forwarding, "virtual")
}

func setPersistence(b *builder, v *VirtualServer, s *Statement) {
	if s.Args() == 0 {
		v.PersistenceTimeout = persistenceDefault
		return
	}
	n, ok := b.unsigned(s, s.Arg(1), 1, maxLVSTimeout)
	if !ok {
		b.err(s, "persistence_timeout invalid")
		return
	}
	v.PersistenceTimeout = time.Duration(n) * time.Second
}

// setGranularity reads a network mask (IPv4) or the length of a prefix (IPv6).
func setGranularity(b *builder, v *VirtualServer, s *Statement) {
	word, family := s.Arg(1), v.Family
	if family == FamilyUnset {
		family = IPv6
		if strings.Contains(word, ".") {
			family = IPv4
		}
	}
	if family == IPv6 {
		n, ok := b.unsigned(s, word, 1, 128)
		if !ok {
			b.err(s, "Invalid IPv6 persistence_granularity specified - %s", word)
			return
		}
		v.PersistenceMask = n
	} else {
		a, ok := address(word)
		if !ok || !a.Is4() {
			b.err(s, "Invalid IPv4 persistence_granularity specified - %s", word)
			return
		}
		m := a.As4()
		v.PersistenceMask = uint32(m[0])<<24 | uint32(m[1])<<16 | uint32(m[2])<<8 | uint32(m[3])
	}
	v.Family = family
	if v.PersistenceTimeout == 0 {
		v.PersistenceTimeout = persistenceDefault
	}
}

func quorumScript(name string, field func(*VirtualServer) *Command) row[VirtualServer] {
	return row[VirtualServer]{name: name, quoted: true, min: 1, set: func(b *builder, v *VirtualServer, s *Statement) {
		if c := field(v); c.Set() {
			b.err(s, "(%s) %s script already specified - ignoring %s", v, name, s.Arg(1))
		} else {
			*c = b.notifyCommand(s)
		}
	}}
}

// portWord is the word of a port as it is looked at: zeros are as if there were none.
func portWord(word string) string {
	if strings.Trim(word, "0") == "" {
		return ""
	}
	return word
}

// server reads the address and port of a server. port may be "".
func (b *builder) server(s *Statement, ip, port string) (netip.AddrPort, bool) {
	var n uint32
	if port != "" {
		var ok bool
		if n, ok = b.number(s, port, 1, 65535); !ok {
			return netip.AddrPort{}, false
		}
	}
	a, ok := endpoint(ip)
	// A colon anywhere, and be it behind the address, makes it one of IPv6.
	return netip.AddrPortFrom(a, uint16(n)), ok && a.Is6() == strings.Contains(ip, ":")
}

// noMark is said of the mark that every packet has which nobody marked, and which the kernel therefore refuses.
const noMark = "%s 0 is no mark - ignoring"

// addVirtualServer reads a virtual_server block:
//
//	virtual_server ADDRESS [PORT] | fwmark MARK | group NAME { ... }
func addVirtualServer(b *builder, c *Config, s *Statement) {
	v := &VirtualServer{
		Pos: s.Pos, At: places(s), Quorum: 1, weight: 1, timing: newTiming(), Engine: c.Global.LVS.Engine,
	}
	v.timing.connect, v.timing.loop = 5*time.Second, delayLoopDefault
	switch what := s.Arg(1); what {
	case "group", "fwmark":
		if s.Args() < 2 {
			b.missing(s, len(s.Words))
			return
		}
		if what == "group" {
			v.groupName = s.Arg(2)
			break
		}
		mark, ok := b.number(s, s.Arg(2), 0, maxUint32)
		if !ok {
			b.err(s, "virtual server fwmark '%s' must be in [0, %d] - ignoring", s.Arg(2), uint32(maxUint32))
			return
		}
		if mark == 0 {
			b.err(s, noMark, "virtual server fwmark")
			return
		}
		v.Mark = mark
	default:
		port := portWord(s.Arg(2))
		var ok bool
		if v.Address, ok = b.server(s, what, port); !ok {
			of := ""
			if port != "" {
				of, port = "/port", "/"+port
			}
			b.err(s, "Invalid virtual server IP address%s %s%s - skipping", of, what, port)
			return
		}
		v.Family = familyOf(v.Address.Addr())
	}
	virtualServerRows.walk(b, v, s.Body, nil)
	if len(v.RealServers) == 0 {
		b.say(text.KindGeneral, s.Close, "Virtual server %s has no real servers - ignoring", v)
		return
	}
	if r := v.Sorry; r != nil && r.forwarding.method != table.Tunneling {
		switch family := familyOf(r.Address.Addr()); v.Family {
		case FamilyUnset:
			v.Family = family
		case family:
		default:
			b.say(text.KindGeneral, s.Close, "Address family of virtual server and sorry server %s don't match - skipping sorry server.", r.Address.Addr())
			v.Sorry = nil
		}
	}
	if v.Family == FamilyUnset && v.groupName == "" {
		v.Family = v.familyOfServers()
	}
	c.VirtualServers = append(c.VirtualServers, v)
}

// familyOfServers is the family of a firewall mark whose servers are all reached through tunnels: theirs, or IPv4 if it is not one.
func (v *VirtualServer) familyOfServers() Family {
	all := v.RealServers
	if v.Sorry != nil {
		all = append(slices.Clone(all), v.Sorry)
	}
	for _, r := range all {
		if r.Address.Addr().Is4() {
			return IPv4
		}
	}
	return IPv6
}

// places is where each keyword of a block stands first.
func places(s *Statement) map[string]Pos {
	at := map[string]Pos{}
	for _, line := range s.Body {
		if _, seen := at[line.Name()]; !seen {
			at[line.Name()] = line.Pos
		}
	}
	return at
}

func setSorry(b *builder, v *VirtualServer, s *Statement) {
	r := &RealServer{Pos: s.Pos, Weight: 1, server: v, forwarding: v.forwarding}
	var ok bool
	if r.Address, ok = b.server(s, s.Arg(1), portWord(s.Arg(2))); !ok {
		b.err(s, "Invalid sorry server IP address %s - skipping", s.Arg(1))
		return
	}
	v.Sorry = r
}
