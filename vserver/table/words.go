package table

import "fmt"

// Protocol is a number of IP's.
type Protocol uint8

// The protocols that IPVS forwards.
const (
	TCP  Protocol = 6
	UDP  Protocol = 17
	SCTP Protocol = 132
)

// String returns the name as keepalived writes it.
func (p Protocol) String() string {
	switch p {
	case 0:
		return "none"
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case SCTP:
		return "SCTP"
	}
	return fmt.Sprintf("protocol %d", uint8(p))
}

// Flags of a service: one-packet scheduling, and three whose meaning is the
// scheduler's own. The bits are the kernel's (IP_VS_SVC_F_...).
type Flags uint32

const (
	// OnePacket schedules every datagram on its own (keepalived: ops).
	OnePacket Flags = 0x0004
	// Sched1, Sched2 and Sched3 are the scheduler's (keepalived: flag-1 ...).
	Sched1 Flags = 0x0008
	Sched2 Flags = 0x0010
	Sched3 Flags = 0x0020
	// HashFallback has sh and mh take another destination when the one that they
	// have chosen cannot be used (sh-fallback, mh-fallback).
	HashFallback = Sched1
	// HashPort has sh and mh look at the client's port as well (sh-port, mh-port).
	HashPort = Sched2
)

// names are ipvsadm's for the flags of scheduler.
func (f Flags) names(scheduler string) []string {
	words := [3]string{"flag-1", "flag-2", "flag-3"}
	if scheduler == "sh" || scheduler == "mh" {
		words[0], words[1] = scheduler+"-fallback", scheduler+"-port"
	}
	var out []string
	for i, bit := range []Flags{Sched1, Sched2, Sched3} {
		if f&bit != 0 {
			out = append(out, words[i])
		}
	}
	return out
}

// Method is how packets reach a destination. The numbers are the kernel's
// (IP_VS_CONN_F_FWD_MASK).
type Method uint8

const (
	// Masquerading is NAT: answers come back through the director.
	Masquerading Method = 0
	// Local is how the kernel shows a destination that is the machine itself.
	Local Method = 1
	// Tunneling wraps packets; the destination answers the client itself.
	Tunneling Method = 2
	// DirectRouting sends the frame to the destination's hardware address, which
	// answers the client itself.
	DirectRouting Method = 3
)

// String returns keepalived's name.
func (m Method) String() string {
	switch m {
	case Masquerading:
		return "NAT"
	case Local:
		return "LOCAL"
	case Tunneling:
		return "TUN"
	case DirectRouting:
		return "DR"
	}
	return fmt.Sprintf("method %d", uint8(m))
}

// option is ipvsadm's.
func (m Method) option() string {
	switch m {
	case Masquerading:
		return "-m"
	case Tunneling:
		return "-i"
	}
	return "-g"
}

// TunnelType is what packets are wrapped in. The numbers are the kernel's.
type TunnelType uint8

// The types of tunnels that IPVS has.
const (
	IPIP TunnelType = iota
	GUE
	GRE
)

// String returns keepalived's name.
func (t TunnelType) String() string {
	switch t {
	case IPIP:
		return "ipip"
	case GUE:
		return "gue"
	case GRE:
		return "gre"
	}
	return fmt.Sprintf("tunnel %d", uint8(t))
}

// Checksum of a tunnel. The numbers are the kernel's (IP_VS_TUNNEL_ENCAP_FLAG_...).
type Checksum uint8

// What a tunnel does about checksums.
const (
	NoChecksum     Checksum = 0
	WithChecksum   Checksum = 1
	RemoteChecksum Checksum = 2
)

// String returns keepalived's name.
func (c Checksum) String() string {
	switch c {
	case NoChecksum:
		return "nocsum"
	case WithChecksum:
		return "csum"
	case RemoteChecksum:
		return "remcsum"
	}
	return fmt.Sprintf("checksum %d", uint8(c))
}
