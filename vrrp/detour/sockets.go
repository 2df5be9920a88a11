package detour

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// States of TCP sockets, as bits of idiag_states (include/net/tcp_states.h).
const (
	stateEstablished = 1
	stateSynRecv     = 3
	stateFinWait1    = 4
	stateFinWait2    = 5
	stateCloseWait   = 8
	stateLastAck     = 9
	stateClosing     = 11

	// alive are the states in which this node has something to send, or may
	// get to have, or does not know yet that it was received.
	alive = 1<<stateEstablished | 1<<stateSynRecv | 1<<stateFinWait1 | 1<<stateCloseWait | 1<<stateLastAck | 1<<stateClosing
)

// diagRequest is struct inet_diag_req_v2.
type diagRequest struct {
	family uint8
	states uint32
}

const (
	diagRequestLen = 8 + diagIDLen
	diagIDLen      = 48 // struct inet_diag_sockid
	diagMessageLen = 4 + diagIDLen
)

func (r diagRequest) Len() int { return diagRequestLen }

func (r diagRequest) Serialize() []byte {
	b := make([]byte, diagRequestLen)
	b[0], b[1] = r.family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], r.states)
	return b
}

// dumpTries is how often a list is asked for that changes while it is given.
const dumpTries = 5

// flows returns the TCP connections of the calling thread's network namespace
// that are in one of the states and whose local end is one of the addresses and
// ports.
func flows(addresses []netip.Addr, ports map[uint16]bool, states uint32) (map[Flow]bool, error) {
	found := map[Flow]bool{}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, err := dump(diagRequest{family, states})
		if errors.Is(err, unix.ENOENT) && family == unix.AF_INET6 {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("list connections: %w", err)
		}
		for _, m := range list {
			if k, ok := parseDiag(m); ok && ports[k.Local.Port()] && slices.Contains(addresses, k.Local.Addr()) {
				found[k] = true
			}
		}
	}
	return found, nil
}

func dump(r diagRequest) ([][]byte, error) {
	for try := 1; ; try++ {
		request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
		request.AddData(r)
		list, err := request.Execute(unix.NETLINK_INET_DIAG, 0)
		if !errors.Is(err, netlink.ErrDumpInterrupted) || try == dumpTries {
			return list, err
		}
	}
}

// parseDiag reads the addresses of a struct inet_diag_msg. A connection of an
// IPv6 socket that takes IPv4 as well is one of IPv4.
func parseDiag(m []byte) (k Flow, ok bool) {
	if len(m) < diagMessageLen {
		return Flow{}, false
	}
	id := m[4:]
	addr := func(b []byte) netip.Addr {
		if m[0] == unix.AF_INET {
			return netip.AddrFrom4([4]byte(b))
		}
		return netip.AddrFrom16([16]byte(b)).Unmap()
	}
	k.Local = netip.AddrPortFrom(addr(id[4:]), binary.BigEndian.Uint16(id))
	k.Remote = netip.AddrPortFrom(addr(id[20:]), binary.BigEndian.Uint16(id[2:]))
	return k, true
}
