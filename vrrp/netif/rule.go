package netif

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Rule is an entry of the routing policy with all that keepalived can say about one.
type Rule struct {
	IPv6     bool
	Priority uint32

	// What a packet has to have; Invert turns it around. What is zero, nil or "" is not looked at.
	Invert     bool
	From, To   netip.Prefix
	TOS        uint8
	Mark       *uint32
	Mask       uint32 // of Mark; 0 is the whole mark
	Input      string // the interfaces
	Output     string
	TunnelID   uint64
	UIDs       *[2]uint32 // of the sending process, first and last
	IPProtocol *uint8
	SourcePort *[2]uint16 // first and last
	DestPort   *[2]uint16

	// Action is an FR_ACT_ number of linux/fib_rules.h.
	Action uint8
	Table  uint32 // of FR_ACT_TO_TBL
	L3MDev bool   // the table is that of the packet's VRF
	Goto   uint32 // of FR_ACT_GOTO: the priority of the rule that is next

	Realms uint32 // from<<16 | to

	// Routes that the table has and that do not count: with a prefix no longer than this, and on interfaces of this group.
	SuppressPrefixLength *uint32
	SuppressGroup        *uint32

	Protocol uint8
}

// ruleActions are the names of FR_ACT_ numbers.
var ruleActions = map[uint8]string{
	unix.FR_ACT_NOP: "nop", unix.FR_ACT_BLACKHOLE: "blackhole", unix.FR_ACT_UNREACHABLE: "unreachable", unix.FR_ACT_PROHIBIT: "prohibit",
}

// String is the rule as the arguments of `ip rule add`.
func (r Rule) String() string {
	var w words
	w.when(r.IPv6, "inet6")
	w.when(r.Invert, "not")
	w.when(r.From.IsValid(), "from %v", r.From)
	w.when(r.To.IsValid(), "to %v", r.To)
	w.add("priority %d", r.Priority)
	w.when(r.TOS != 0, "tos %d", r.TOS)
	if r.Mark != nil {
		w.add("fwmark %#x/%#x", *r.Mark, r.Mask)
	}
	w.when(r.Input != "", "iif %s", r.Input)
	w.when(r.Output != "", "oif %s", r.Output)
	w.when(r.TunnelID != 0, "tunnel-id %d", r.TunnelID)
	if u := r.UIDs; u != nil {
		w.add("uidrange %d-%d", u[0], u[1])
	}
	if r.IPProtocol != nil {
		w.add("ipproto %d", *r.IPProtocol)
	}
	if p := r.SourcePort; p != nil {
		w.add("sport %d-%d", p[0], p[1])
	}
	if p := r.DestPort; p != nil {
		w.add("dport %d-%d", p[0], p[1])
	}
	switch {
	case r.L3MDev:
		w.add("l3mdev")
	case r.Action == unix.FR_ACT_TO_TBL:
		w.add("table %d", r.Table)
	case r.Action == unix.FR_ACT_GOTO:
		w.add("goto %d", r.Goto)
	default:
		w.add("%s", ruleActions[r.Action])
	}
	w.realms(r.Realms)
	if r.SuppressPrefixLength != nil {
		w.add("suppress_prefixlength %d", *r.SuppressPrefixLength)
	}
	if r.SuppressGroup != nil {
		w.add("suppress_ifgroup %d", *r.SuppressGroup)
	}
	w.add("protocol %d", r.Protocol)
	return w.String()
}
