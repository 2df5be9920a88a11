package table

import (
	"fmt"
	"net/netip"
	"strings"
)

// String names the service as ipvsadm's options do: "-t 192.0.2.1:80", "-f 7 -6".
func (k Key) String() string {
	if k.Mark != 0 {
		if k.IPv6 {
			return fmt.Sprintf("-f %d -6", k.Mark)
		}
		return fmt.Sprintf("-f %d", k.Mark)
	}
	option := "-t"
	switch k.Protocol {
	case UDP:
		option = "-u"
	case SCTP:
		option = "--sctp-service"
	}
	return option + " " + k.Address.String()
}

// Rule returns the service as a line of "ipvsadm -Sn".
func (s Service) Rule() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-A %s -s %s", s.Key, s.Scheduler)
	if s.Persistence > 0 {
		fmt.Fprintf(&b, " -p %d", s.Seconds())
		if m := s.EffectiveMask(); m != s.wholeAddress() {
			if s.V6() {
				fmt.Fprintf(&b, " -M %d", m)
			} else {
				fmt.Fprintf(&b, " -M %s", netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}))
			}
		}
	}
	if s.PersistenceEngine != "" {
		fmt.Fprintf(&b, " --pe %s", s.PersistenceEngine)
	}
	if s.Flags&OnePacket != 0 {
		b.WriteString(" -o")
	}
	if names := s.Flags.names(s.Scheduler); len(names) > 0 {
		b.WriteString(" -b " + strings.Join(names, ","))
	}
	return b.String()
}

// Seconds is Persistence as the kernel has it.
func (s Service) Seconds() uint32 { return uint32((s.Persistence + 999_999_999) / 1e9) }

// EffectiveMask is Mask, or what makes every address a client.
func (s Service) EffectiveMask() uint32 {
	if s.Mask == 0 || s.Persistence == 0 {
		return s.wholeAddress()
	}
	return s.Mask
}

func (s Service) wholeAddress() uint32 {
	if s.V6() {
		return 128
	}
	return 0xffffffff
}

// Rule returns the destination of service k as a line of "ipvsadm -Sn", with
// the thresholds that ipvsadm leaves out.
func (d Destination) Rule(k Key) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-a %s -r %s %s -w %d", k, d.Address, d.Method.option(), d.Weight)
	if d.Method == Tunneling {
		fmt.Fprintf(&b, " --tun-type %s", d.Tunnel.Type)
		if d.Tunnel.Type == GUE {
			fmt.Fprintf(&b, " --tun-port %d", d.Tunnel.Port)
		}
		if d.Tunnel.Type != IPIP {
			b.WriteString(" --tun-" + d.Tunnel.Checksum.String())
		}
	}
	if d.Upper != 0 {
		fmt.Fprintf(&b, " -x %d", d.Upper)
	}
	if d.Lower != 0 {
		fmt.Fprintf(&b, " -y %d", d.Lower)
	}
	return b.String()
}
