package netif

import (
	"fmt"

	"tandem/internal/privilege"
)

// ARPSettings are an interface's arp_announce and arp_ignore
// (Documentation/networking/ip-sysctl.rst).
type ARPSettings struct {
	Announce uint32 `json:"announce"` // 2: ask neighbours in the name of the address that is best for them
	Ignore   uint32 `json:"ignore"`   // 1: answer only for addresses of the interface that was asked on
}

// Silent returns settings that keep the machine from telling the neighbours on
// an interface about IPv4 addresses that are on another one, such as the
// loopback: ARP requests for them are not answered, and our own are not made in
// their name. IPv6 is like that anyway.
func (a ARPSettings) Silent() ARPSettings {
	return ARPSettings{Announce: max(a.Announce, 2), Ignore: max(a.Ignore, 1)}
}

// ARPSettings returns an interface's settings. The error is ErrNoInterface,
// wrapped, if there is none.
func (s *Stack) ARPSettings(iface string) (ARPSettings, error) {
	index, err := s.indexOf(iface)
	if err != nil {
		return ARPSettings{}, fmt.Errorf("ARP settings of %s: %w", iface, err)
	}
	values, err := s.ipv4Conf(index, confARPAnnounce, confARPIgnore)
	if err != nil {
		return ARPSettings{}, fmt.Errorf("ARP settings of %s: %w", iface, err)
	}
	return ARPSettings{Announce: values[confARPAnnounce], Ignore: values[confARPIgnore]}, nil
}

// SetARPSettings changes an interface's settings, which outlive the process. The
// error is ErrNoInterface, wrapped, if there is none.
func (s *Stack) SetARPSettings(iface string, a ARPSettings) error {
	index, err := s.indexOf(iface)
	if err == nil {
		err = s.setIPv4Conf(index, map[uint16]uint32{confARPAnnounce: a.Announce, confARPIgnore: a.Ignore})
	}
	if err != nil {
		return fmt.Errorf("ARP settings of %s: %w", iface, privilege.Explain(err, privilege.NetAdmin))
	}
	return nil
}
