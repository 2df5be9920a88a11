package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Priorities of the rules that SwallowPort sets: the local table moves behind
// the rule that swallows.
const (
	swallowPriority = 5
	localPriority   = 10
)

// SwallowPort makes everything vanish that the host sends from a TCP port over
// IPv4, to itself as well: a program that listens there lives and hears, but
// nobody hears it. restore ends the fault.
func (h *Host) SwallowPort(port uint16) (restore func() error, err error) {
	swallow := netlink.NewRule()
	swallow.Family = netlink.FAMILY_V4
	swallow.Priority = swallowPriority
	swallow.IPProto = unix.IPPROTO_TCP
	swallow.Sport = netlink.NewRulePortRange(port, port)
	swallow.Type = unix.FR_ACT_BLACKHOLE
	local := func(priority int) *netlink.Rule {
		r := netlink.NewRule()
		r.Family, r.Priority, r.Table = netlink.FAMILY_V4, priority, unix.RT_TABLE_LOCAL
		return r
	}
	fail := func(err error) error {
		return fmt.Errorf("lab: host %s: swallow port %d: %w", h.Name, port, err)
	}
	if err := h.netlink.RuleAdd(local(localPriority)); err != nil {
		return nil, fail(err)
	}
	if err := h.netlink.RuleAdd(swallow); err != nil {
		return nil, fail(err)
	}
	if err := h.netlink.RuleDel(local(0)); err != nil {
		return nil, fail(err)
	}
	return func() error {
		for _, change := range []func() error{
			func() error { return h.netlink.RuleAdd(local(0)) },
			func() error { return h.netlink.RuleDel(swallow) },
			func() error { return h.netlink.RuleDel(local(localPriority)) },
		} {
			if err := change(); err != nil {
				return fail(err)
			}
		}
		return nil
	}, nil
}
