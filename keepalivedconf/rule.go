package keepalivedconf

import (
	"net/netip"
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
