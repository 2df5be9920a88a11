package keepalivedconf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"tandem/keepalivedconf/text"
)

// Rule is an entry of virtual_rules or static_rules, in the grammar of `ip rule add`.
type Rule struct {
	Pos        Pos
	Family     Family
	Invert     bool         // not
	From, To   netip.Prefix // invalid: not looked at
	Priority   uint32       // the rule's preference; chosen from 16384 downward if it was not given
	TOS        uint8
	FWMark     uint32
	FWMarkSet  bool
	FWMask     uint32 // 0: the whole mark
	Input      string // iif
	Output     string // oif
	TunnelID   uint64
	UIDRange   *[2]uint32
	IPProto    int // -1: not looked at
	SourcePort *[2]uint16
	DestPort   *[2]uint16

	Action               RuleAction
	Table                uint32 // of RuleTable
	L3MDev               bool
	Goto                 uint32 // of RuleGoto
	Realms               uint32
	SuppressPrefixLength int   // -1: nothing is suppressed
	SuppressGroup        int64 // -1: nothing is suppressed
	Protocol             uint8

	NoTrack    bool
	TrackGroup string // of a static rule
}

// RuleAction is what a rule does.
type RuleAction uint8

// The actions of rules.
const (
	RuleNone RuleAction = iota
	RuleTable
	RuleGoto
	RuleNop
	RuleBlackhole
	RuleUnreachable
	RuleProhibit
)

func (a RuleAction) String() string {
	switch a {
	case RuleNone:
		return "none"
	case RuleTable:
		return "table"
	case RuleGoto:
		return "goto"
	case RuleNop:
		return "nop"
	case RuleBlackhole:
		return "blackhole"
	case RuleUnreachable:
		return "unreachable"
	case RuleProhibit:
		return "prohibit"
	}
	panic("keepalivedconf: impossible rule action")
}

// firstRulePriority is given to the first rule without a preference; each further one gets one less.
const firstRulePriority = 16384

// ipProtocols is the protocols that rules are written for; others are written as numbers.
var ipProtocols = map[string]int{
	"icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6": 41, "gre": 47, "esp": 50,
	"ah": 51, "ipv6-icmp": 58, "icmpv6": 58, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
}

// parseRule reads one line of a block of rules; a rule that cannot be read is reported and dropped.
func (b *builder) parseRule(s *Statement, static bool) (Rule, bool) {
	r := Rule{Pos: s.Pos, IPProto: -1, SuppressPrefixLength: -1, SuppressGroup: -1}
	w := &words{b: b, s: s}
	const mixed = "rule specification has mixed IPv4 and IPv6"
	fromAny, toAny, priority, ofTable, protocol := false, false, false, false, false
	act := func(a RuleAction, text string) {
		if r.Action != RuleNone {
			w.fail("%s", text)
			return
		}
		r.Action = a
	}
	const twoActions = "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable for rule"
	for ; w.at < len(s.Words) && !w.broken; w.at++ {
		switch word := s.Words[w.at]; word {
		case "inet6":
			w.family(&r.Family, IPv6, "inet6 specified for IPv4 rule")
		case "inet":
			w.family(&r.Family, IPv4, "inet specified for IPv6 rule")
		case "from", "to":
			into, any := &r.From, &fromAny
			if word == "to" {
				into, any = &r.To, &toAny
			}
			p, all, ok := w.network(w.next(), "Invalid rule "+word+" address %s")
			if !ok {
				break
			}
			if *any = all; !all && w.family(&r.Family, familyOf(p.Addr()), mixed) {
				*into = p
			}
		case "table", "lookup":
			name := w.next()
			v, ok := b.find(tableNames, name)
			if !ok {
				w.fail("Routing table %s not found for rule", name)
			} else if v == 0 {
				w.fail("Table 0 is not valid")
			} else {
				r.Table = v
				act(RuleTable, twoActions)
			}
		case "not":
			r.Invert = true
		case "preference", "order", "priority":
			name := w.next()
			if w.broken {
				break
			}
			v, ok := b.unsignedBase(s, name, 0, 0, maxUint32)
			if !ok {
				w.fail("Invalid rule preference %s specified", word)
			}
			r.Priority, priority = v, ok
		case "tos", "dsfield":
			name := w.next()
			if v, ok := b.find(dsfieldNames, name); ok {
				r.TOS = uint8(v)
			} else {
				w.fail("TOS value %s is invalid", name)
			}
		case "fwmark":
			name := w.next()
			mark, mask, masked := strings.Cut(name, "/")
			m, ok1 := text.Number(mark, maxUint32)
			k, ok2 := uint64(0), true
			if masked {
				k, ok2 = text.Number(mask, maxUint32)
			}
			if !ok1 || !ok2 {
				w.fail("Invalid rule fwmark %s specified", name)
			}
			r.FWMark, r.FWMask, r.FWMarkSet = uint32(m), uint32(k), true
		case "realms":
			name := w.next()
			v, ok := b.realms(name)
			if !ok {
				w.fail("invalid realms %s for rule", name)
			} else if w.family(&r.Family, IPv4, "realms is only valid for IPv4") {
				r.Realms, ofTable = v, true
			}
		case "suppress_prefixlength", "sup_pl":
			var v uint32
			if w.number(&v, maxInt32, "Invalid suppress_prefixlength %s specified") {
				r.SuppressPrefixLength, ofTable = int(v), true
			}
		case "suppress_ifgroup", "sup_group":
			name := w.next()
			v, ok := b.find(groupNames, name)
			if !ok {
				w.fail("suppress_group %s is invalid", name)
			}
			r.SuppressGroup, ofTable = int64(v), true
		case "dev", "iif":
			r.Input = w.device("WARNING - interface %s for rule doesn't exist")
		case "oif":
			r.Output = w.device("WARNING - interface %s for rule doesn't exist")
		case "tunnel-id":
			name := w.next()
			v, err := strconv.ParseUint(name, 10, 64)
			if err != nil && !w.broken {
				b.say(text.KindNumber, s.Pos, "invalid number '%s'", name)
				w.fail("Invalid tunnel-id %s specified", word)
			}
			r.TunnelID = v
		case "uidrange":
			name := w.next()
			low, high, isRange := strings.Cut(name, "-")
			l, ok1 := text.Number(low, maxUint32)
			h, ok2 := text.Number(high, maxUint32)
			if !isRange || !ok1 || !ok2 {
				w.fail("Invalid uidrange %s specified", word)
			}
			r.UIDRange = &[2]uint32{uint32(l), uint32(h)}
		case "l3mdev":
			r.L3MDev = true
			act(RuleTable, "Cannot specify l3mdev with other action")
		case "protocol":
			name := w.next()
			if w.broken {
				break
			}
			if v, ok := b.unsigned(s, name, 0, 255); ok {
				r.Protocol, protocol = uint8(v), true
			} else {
				b.err(s, "Invalid protocol %s", name)
			}
		case "ipproto", "ip_proto":
			name := w.next()
			if v, ok := ipProtocols[strings.ToLower(name)]; ok {
				r.IPProto = v
			} else if v, ok := text.Number(name, 255); ok {
				r.IPProto = int(v)
			} else if !w.broken {
				b.err(s, "Invalid ipproto %s", name)
			}
		case "sport":
			r.SourcePort = w.ports("sport")
		case "dport":
			r.DestPort = w.ports("dport")
		case "no_track":
			r.NoTrack = true
		default:
			if static && word == "track_group" {
				if name := w.next(); !w.broken {
					b.trackGroup(s, &r.TrackGroup, name)
				}
				break
			}
			if word == "type" {
				word = w.next()
			}
			action, known := routeType(word)
			const again = "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable/l3mdev for rule"
			switch action {
			case "goto":
				if w.number(&r.Goto, maxUint32, "Invalid target %s specified") {
					act(RuleGoto, again)
				}
			case "nop":
				act(RuleNop, again)
			case "blackhole":
				act(RuleBlackhole, again)
			case "unreachable":
				act(RuleUnreachable, again)
			case "prohibit":
				act(RuleProhibit, again)
			default:
				if known {
					w.fail("Invalid rule action %s", word)
				} else {
					w.fail("Unknown rule option %s", word)
				}
			}
		}
	}
	switch {
	case w.broken:
	case r.Action == RuleGoto && !priority:
		w.fail("Invalid rule - goto target %d specified without preference", r.Goto)
	case r.Action == RuleGoto && r.Priority >= r.Goto:
		w.fail("Invalid rule - preference %d >= goto target %d", r.Priority, r.Goto)
	case r.Action == RuleNone:
		w.fail("No action specified for rule - ignoring")
	case r.Action != RuleTable && ofTable:
		w.fail("suppressor/realm specified for non table action - skipping")
	case r.Table != 0 && r.L3MDev:
		w.fail("table cannot be specified for l3mdev rules")
	}
	if w.broken {
		return r, false
	}
	if !r.NoTrack {
		if protocol && r.Protocol != protocolKeepalived {
			b.err(s, "Rule cannot be tracked if protocol is not RTPROT_KEEPALIVED(%d), resetting protocol", protocolKeepalived)
		}
		r.Protocol = protocolKeepalived
	}
	if r.TrackGroup != "" && r.Input == "" {
		b.err(s, "Static rule cannot have track_group if dev/iif not specified")
		r.TrackGroup = ""
	}
	if r.Family == FamilyUnset {
		r.Family = IPv4
	}
	if fromAny {
		r.From = anyOf(r.Family)
	}
	if toAny {
		r.To = anyOf(r.Family)
	}
	if !priority {
		next := &b.rulePriority[r.Family-IPv4]
		r.Priority = firstRulePriority - *next
		*next++
		b.err(s, "Rule has no preference specified - setting to %d. This is probably not what you want.", r.Priority)
	}
	return r, true
}

// ports reads "N" or "N-M". keepalived 2.2 and 2.4 take only the range.
func (w *words) ports(kind string) *[2]uint16 {
	name := w.next()
	low, high, isRange := strings.Cut(name, "-")
	if !isRange {
		high = low
	}
	l, ok1 := text.Number(low, 65535)
	h, ok2 := text.Number(high, 65535)
	if !ok1 || !ok2 {
		if !w.broken {
			w.b.err(w.s, "%s", fmt.Sprintf("invalid %s range %s", kind, name))
		}
		return nil
	}
	return &[2]uint16{uint16(l), uint16(h)}
}
