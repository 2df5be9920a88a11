package netif

import (
	"encoding/binary"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// invertRule is FIB_RULE_INVERT of the kernel's linux/fib_rules.h.
const invertRule = 2

var errNoAction = errors.New("a rule must have an action")

// ruleMessage is the body of an RTM_NEWRULE or RTM_DELRULE, with what
// keepalived puts there.
func ruleMessage(r Rule) ([]nl.NetlinkRequestData, error) {
	// A struct fib_rule_hdr is laid out as a struct rtmsg is, and its action
	// where that has the type.
	header := &nl.RtMsg{}
	header.Family = familyNumber(r.IPv6)
	header.Tos = r.TOS
	header.Type = r.Action
	if r.Invert {
		header.Flags = invertRule
	}
	data := []nl.NetlinkRequestData{header}
	attribute := func(kind int, value []byte) { data = append(data, nl.NewRtAttr(kind, value)) }
	number := func(kind int, value uint32) { attribute(kind, nl.Uint32Attr(value)) }
	switch r.Action {
	case unix.FR_ACT_UNSPEC:
		return nil, errNoAction
	case unix.FR_ACT_TO_TBL:
		switch {
		case r.L3MDev: // the table is the device's
		case r.Table < 256:
			header.Table = uint8(r.Table)
		default:
			number(unix.FRA_TABLE, r.Table)
		}
	case unix.FR_ACT_GOTO:
		number(unix.FRA_GOTO, r.Goto)
	}
	if r.From.IsValid() {
		header.Src_len = uint8(r.From.Bits())
		attribute(unix.FRA_SRC, r.From.Addr().AsSlice())
	}
	if r.To.IsValid() {
		header.Dst_len = uint8(r.To.Bits())
		attribute(unix.FRA_DST, r.To.Addr().AsSlice())
	}
	number(unix.FRA_PRIORITY, r.Priority)
	if r.Mark != nil {
		number(unix.FRA_FWMARK, *r.Mark)
	}
	if r.Mask != 0 {
		number(unix.FRA_FWMASK, r.Mask)
	}
	if r.Realms != 0 {
		number(unix.FRA_FLOW, r.Realms)
	}
	if r.SuppressPrefixLength != nil {
		number(unix.FRA_SUPPRESS_PREFIXLEN, *r.SuppressPrefixLength)
	}
	if r.SuppressGroup != nil {
		number(unix.FRA_SUPPRESS_IFGROUP, *r.SuppressGroup)
	}
	if r.Input != "" {
		attribute(unix.FRA_IIFNAME, nl.ZeroTerminated(r.Input))
	}
	if r.Output != "" {
		attribute(unix.FRA_OIFNAME, nl.ZeroTerminated(r.Output))
	}
	if r.TunnelID != 0 {
		attribute(unix.FRA_TUN_ID, binary.BigEndian.AppendUint64(nil, r.TunnelID))
	}
	if u := r.UIDs; u != nil {
		attribute(unix.FRA_UID_RANGE, append(nl.Uint32Attr(u[0]), nl.Uint32Attr(u[1])...))
	}
	if r.L3MDev {
		attribute(unix.FRA_L3MDEV, []byte{1})
	}
	attribute(unix.FRA_PROTOCOL, []byte{r.Protocol})
	if r.IPProtocol != nil {
		attribute(unix.FRA_IP_PROTO, []byte{*r.IPProtocol})
	}
	if p := r.SourcePort; p != nil {
		attribute(unix.FRA_SPORT_RANGE, append(nl.Uint16Attr(p[0]), nl.Uint16Attr(p[1])...))
	}
	if p := r.DestPort; p != nil {
		attribute(unix.FRA_DPORT_RANGE, append(nl.Uint16Attr(p[0]), nl.Uint16Attr(p[1])...))
	}
	return data, nil
}
