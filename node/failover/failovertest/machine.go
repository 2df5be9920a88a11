// Package failovertest gives nodes machines in memory, so that a whole pair runs
// in one process and, in a synctest bubble, in no time.
package failovertest

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"tandem/node/failover"
	"tandem/vrrp/detour"
	"tandem/vrrp/handover"
	"tandem/vrrp/vrrptest"
)

// Machine returns a host of a LAN as a node's machine. New connections cannot be
// sent on to another host there: a planned switch ends those that there are.
func Machine(h *vrrptest.Host) *failover.Machine {
	return &failover.Machine{
		Kernel: h, Link: transport{h},
		Dial: func(ctx context.Context, _, address string) (net.Conn, error) { return h.Dial(ctx, address) },
		Redirect: func(detour.Config) (handover.Detour, error) {
			return nil, errors.New("no connections are sent on in memory")
		},
		Connections: func([]netip.Addr, []detour.Listener) (map[detour.Flow]bool, error) { return nil, nil },
	}
}
