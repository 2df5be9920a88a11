package keepalivedconf

import (
	"strconv"
	"strings"

	"tandem/keepalivedconf/text"
)

// firstRulePriority is given to the first rule without a preference; each further one gets one less.
const firstRulePriority = 16384

// ipProtocols is the protocols that rules are written for; others are written as numbers.
var ipProtocols = map[string]int{
	"icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6": 41, "gre": 47, "esp": 50,
	"ah": 51, "ipv6-icmp": 58, "icmpv6": 58, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
}

// ruleLine is a rule while its line is read.
type ruleLine struct {
	Rule
	fromAny, toAny bool // default, any or all, of the family that the line turns out to be of
	hasPriority    bool
	hasProtocol    bool
	ofTable        bool // there is something that only a table can have
}

// The reports about a second action.
const (
	twoActions   = "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable for rule"
	otherActions = "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable/l3mdev for rule"
)

// ruleOptions are what may stand in a line of virtual_rules and static_rules, beside the actions.
var ruleOptions = options[ruleLine]{
	"inet6":      func(w *words, r *ruleLine) { w.family(&r.Family, IPv6, "inet6 specified for IPv4 rule") },
	"inet":       func(w *words, r *ruleLine) { w.family(&r.Family, IPv4, "inet specified for IPv6 rule") },
	"not":        func(w *words, r *ruleLine) { r.Invert = true },
	"from":       ruleFrom,
	"to":         ruleTo,
	"preference": rulePriority,
	"order":      rulePriority,
	"priority":   rulePriority,
	"tos":        func(w *words, r *ruleLine) { w.tos(&r.TOS) },
	"dsfield":    func(w *words, r *ruleLine) { w.tos(&r.TOS) },
	"fwmark":     ruleMark,
	"dev":        func(w *words, r *ruleLine) { r.Input = w.device(noRuleDevice) },
	"iif":        func(w *words, r *ruleLine) { r.Input = w.device(noRuleDevice) },
	"oif":        func(w *words, r *ruleLine) { r.Output = w.device(noRuleDevice) },
	"tunnel-id":  ruleTunnel,
	"uidrange":   ruleUsers,
	"ipproto":    ruleIPProtocol,
	"ip_proto":   ruleIPProtocol,
	"sport":      func(w *words, r *ruleLine) { r.SourcePort = w.ports() },
	"dport":      func(w *words, r *ruleLine) { r.DestPort = w.ports() },
	"table":      ruleTable,
	"lookup":     ruleTable,
	"l3mdev": func(w *words, r *ruleLine) {
		r.L3MDev = true
		r.act(w, RuleTable, "Cannot specify l3mdev with other action")
	},
	"realms":                ruleRealms,
	"suppress_prefixlength": ruleSuppressLength,
	"sup_pl":                ruleSuppressLength,
	"suppress_ifgroup":      ruleSuppressGroup,
	"sup_group":             ruleSuppressGroup,
	"protocol":              ruleProtocol,
	"no_track":              func(w *words, r *ruleLine) { r.NoTrack = true },
}

const (
	noRuleDevice = "WARNING - interface %s for rule doesn't exist"
	mixedRule    = "rule specification has mixed IPv4 and IPv6"
)

// act takes the rule's action, of which there is one.
func (r *ruleLine) act(w *words, a RuleAction, second string) {
	if r.Action != RuleNone {
		w.fail("%s", second)
		return
	}
	r.Action = a
}

func ruleFrom(w *words, r *ruleLine) {
	p, all, ok := w.network(w.next(), "Invalid rule from address %s")
	if !ok {
		return
	}
	if r.fromAny = all; !all && w.family(&r.Family, familyOf(p.Addr()), mixedRule) {
		r.From = p
	}
}

func ruleTo(w *words, r *ruleLine) {
	p, all, ok := w.network(w.next(), "Invalid rule to address %s")
	if !ok {
		return
	}
	if r.toAny = all; !all && w.family(&r.Family, familyOf(p.Addr()), mixedRule) {
		r.To = p
	}
}

func rulePriority(w *words, r *ruleLine) {
	option := w.word()
	word, ok := w.value()
	if !ok {
		return
	}
	if r.Priority, r.hasPriority = w.b.unsignedBase(w.s, word, 0, 0, maxUint32); !r.hasPriority {
		w.fail("Invalid rule preference %s specified", option)
	}
}

func ruleMark(w *words, r *ruleLine) {
	word := w.next()
	mark, mask, masked := strings.Cut(word, "/")
	m, ok := text.Number(mark, maxUint32)
	k := uint64(0)
	if ok && masked {
		k, ok = text.Number(mask, maxUint32)
	}
	if !ok {
		w.fail("Invalid rule fwmark %s specified", word)
	}
	r.FWMark, r.FWMask, r.FWMarkSet = uint32(m), uint32(k), true
}

func ruleTunnel(w *words, r *ruleLine) {
	option := w.word()
	word, ok := w.value()
	if !ok {
		return
	}
	v, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		w.b.say(text.KindNumber, w.s.Pos, "invalid number '%s'", word)
		w.fail("Invalid tunnel-id %s specified", option)
	}
	r.TunnelID = v
}

func ruleUsers(w *words, r *ruleLine) {
	option := w.word()
	low, high, isRange := strings.Cut(w.next(), "-")
	l, ok1 := text.Number(low, maxUint32)
	h, ok2 := text.Number(high, maxUint32)
	if !isRange || !ok1 || !ok2 {
		w.fail("Invalid uidrange %s specified", option)
	}
	r.UIDRange = &[2]uint32{uint32(l), uint32(h)}
}

func ruleIPProtocol(w *words, r *ruleLine) {
	word, ok := w.value()
	if !ok {
		return
	}
	if v, ok := ipProtocols[strings.ToLower(word)]; ok {
		r.IPProto = v
	} else if v, ok := text.Number(word, 255); ok {
		r.IPProto = int(v)
	} else {
		w.b.err(w.s, "Invalid ipproto %s", word)
	}
}

// ports reads "N" or "N-M". keepalived 2.2 and 2.4 take only the range.
func (w *words) ports() *[2]uint16 {
	option := w.word()
	word, ok := w.value()
	if !ok {
		return nil
	}
	low, high, isRange := strings.Cut(word, "-")
	if !isRange {
		high = low
	}
	l, ok1 := text.Number(low, 65535)
	h, ok2 := text.Number(high, 65535)
	if !ok1 || !ok2 {
		w.b.err(w.s, "invalid %s range %s", option, word)
		return nil
	}
	return &[2]uint16{uint16(l), uint16(h)}
}

func ruleTable(w *words, r *ruleLine) {
	v, ok := w.named(tableNames, "Routing table %s not found for rule")
	if !ok {
		return
	}
	if v == 0 {
		w.fail("Table 0 is not valid")
		return
	}
	r.Table = v
	r.act(w, RuleTable, twoActions)
}

func ruleRealms(w *words, r *ruleLine) {
	if w.realms(&r.Realms, &r.Family, "invalid realms %s for rule", "realms is only valid for IPv4") {
		r.ofTable = true
	}
}

func ruleSuppressLength(w *words, r *ruleLine) {
	var v uint32
	if w.number(&v, maxInt32, "Invalid suppress_prefixlength "+w.word()+" specified%.0s") { // the option, as keepalived has it
		r.SuppressPrefixLength, r.ofTable = int(v), true
	}
}

func ruleSuppressGroup(w *words, r *ruleLine) {
	if v, ok := w.named(groupNames, "suppress_group %s is invalid"); ok {
		r.SuppressGroup, r.ofTable = int64(v), true
	}
}

func ruleProtocol(w *words, r *ruleLine) {
	word, ok := w.value()
	if !ok {
		return
	}
	if v, ok := w.b.unsigned(w.s, word, 0, 255); ok {
		r.Protocol, r.hasProtocol = uint8(v), true
	} else {
		w.b.err(w.s, "Invalid protocol %s", word)
	}
}

// ruleActions are the actions that stand alone or after `type`.
var ruleActions = map[string]RuleAction{
	"goto": RuleGoto, "nop": RuleNop, "blackhole": RuleBlackhole, "unreachable": RuleUnreachable, "prohibit": RuleProhibit,
}

// ruleOther takes what is no option: a track_group, or an action.
func ruleOther(w *words, r *ruleLine) {
	if w.trackGroup(&r.TrackGroup) {
		return
	}
	word := w.word()
	if word == "type" {
		word = w.next()
	}
	name, isType := routeType(word)
	action, ok := ruleActions[name]
	switch {
	case !ok && isType:
		w.fail("Invalid rule action %s", word)
	case !ok:
		w.fail("Unknown rule option %s", word)
	case action != RuleGoto || w.number(&r.Goto, maxUint32, "Invalid target %s specified"):
		r.act(w, action, otherActions)
	}
}

// parseRule reads one line of a block of rules; a rule that cannot be read is reported and dropped.
func (b *builder) parseRule(s *Statement, static bool) (Rule, bool) {
	r := ruleLine{Rule: Rule{Pos: s.Pos, IPProto: -1, SuppressPrefixLength: -1, SuppressGroup: -1}}
	w := &words{b: b, s: s, static: static}
	ruleOptions.read(w, &r, ruleOther)
	switch {
	case r.Action == RuleGoto && !r.hasPriority:
		w.fail("Invalid rule - goto target %d specified without preference", r.Goto)
	case r.Action == RuleGoto && r.Priority >= r.Goto:
		w.fail("Invalid rule - preference %d >= goto target %d", r.Priority, r.Goto)
	case r.Action == RuleNone:
		w.fail("No action specified for rule - ignoring")
	case r.Action != RuleTable && r.ofTable:
		w.fail("suppressor/realm specified for non table action - skipping")
	case r.Table != 0 && r.L3MDev:
		w.fail("table cannot be specified for l3mdev rules")
	}
	if w.broken {
		return r.Rule, false
	}
	w.tracked("Rule", r.NoTrack, r.hasProtocol, &r.Protocol)
	if r.TrackGroup != "" && r.Input == "" {
		b.err(s, "Static rule cannot have track_group if dev/iif not specified")
		r.TrackGroup = ""
	}
	if r.Family == FamilyUnset {
		r.Family = IPv4
	}
	if r.fromAny {
		r.From = anyOf(r.Family)
	}
	if r.toAny {
		r.To = anyOf(r.Family)
	}
	if !r.hasPriority {
		next := &b.rulePriority[r.Family-IPv4]
		r.Priority = firstRulePriority - *next
		*next++
		b.err(s, "Rule has no preference specified - setting to %d. This is probably not what you want.", r.Priority)
	}
	return r.Rule, true
}
