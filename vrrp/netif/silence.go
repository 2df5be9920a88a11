package netif

import "fmt"

// What Silence sets (Documentation/networking/ip-sysctl.rst).
const (
	announceBest = 2 // arp_announce: ask neighbours in the name of the address that is best for them
	ignoreOthers = 1 // arp_ignore: answer only for addresses of the interface that was asked on
)

// Silence keeps the machine from telling the neighbours on an interface about
// IPv4 addresses that are on another one, such as the loopback: ARP requests for
// them are not answered, and our own are not made in their name. IPv6 is like
// that anyway. undo puts back what was before; a process that dies without it
// leaves arp_announce 2 and arp_ignore 1 behind.
func (s *Stack) Silence(iface string) (undo func() error, err error) {
	fail := func(err error) error { return fmt.Errorf("ARP settings of %s: %w", iface, permission(err, NetAdmin)) }
	index, err := s.indexOf(iface)
	if err != nil {
		return nil, fail(err)
	}
	before, err := s.ipv4Conf(index, confARPAnnounce, confARPIgnore)
	if err != nil {
		return nil, fail(err)
	}
	err = s.setIPv4Conf(index, map[uint16]uint32{
		confARPAnnounce: max(before[confARPAnnounce], announceBest),
		confARPIgnore:   max(before[confARPIgnore], ignoreOthers),
	})
	if err != nil {
		return nil, fail(err)
	}
	return func() error {
		if err := s.setIPv4Conf(index, before); err != nil {
			return fail(err)
		}
		return nil
	}, nil
}
