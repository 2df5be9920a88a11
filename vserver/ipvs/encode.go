package ipvs

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"tandem/vserver/table"
)

// serviceAttr is a service as an attribute: its key, and if whole its options.
func serviceAttr(s table.Service, whole bool) *nl.RtAttr {
	a := nl.NewRtAttr(attrService, nil)
	family, address := uint16(unix.AF_INET), [16]byte{}
	if s.V6() {
		family = unix.AF_INET6
	}
	a.AddRtAttr(svcFamily, nl.Uint16Attr(family))
	if s.Mark != 0 {
		a.AddRtAttr(svcMark, nl.Uint32Attr(s.Mark))
	} else {
		copy(address[:], s.Address.Addr().AsSlice())
		a.AddRtAttr(svcProtocol, nl.Uint16Attr(uint16(s.Protocol)))
		a.AddRtAttr(svcAddress, address[:])
		a.AddRtAttr(svcPort, nl.BEUint16Attr(s.Address.Port()))
	}
	if !whole {
		return a
	}
	flags := uint32(s.Flags)
	if s.Persistence > 0 {
		flags |= flagPersistent
	}
	a.AddRtAttr(svcScheduler, nl.ZeroTerminated(s.Scheduler))
	if s.PersistenceEngine != "" {
		a.AddRtAttr(svcEngine, nl.ZeroTerminated(s.PersistenceEngine))
	}
	a.AddRtAttr(svcFlags, append(nl.Uint32Attr(flags), nl.Uint32Attr(^uint32(0))...))
	a.AddRtAttr(svcTimeout, nl.Uint32Attr(s.Seconds()))
	a.AddRtAttr(svcMask, wireMask(s))
	return a
}

// wireMask is the mask as the kernel has it: for IPv4 in network order.
func wireMask(s table.Service) []byte {
	if s.V6() {
		return nl.Uint32Attr(s.EffectiveMask())
	}
	return nl.BEUint32Attr(s.EffectiveMask())
}

// destAttr is a destination as an attribute: its address, and if whole the rest.
func destAttr(d table.Destination, whole bool) *nl.RtAttr {
	a := nl.NewRtAttr(attrDest, nil)
	family, address := uint16(unix.AF_INET), [16]byte{}
	if d.Address.Addr().Is6() {
		family = unix.AF_INET6
	}
	copy(address[:], d.Address.Addr().AsSlice())
	a.AddRtAttr(destAddress, address[:])
	a.AddRtAttr(destPort, nl.BEUint16Attr(d.Address.Port()))
	a.AddRtAttr(destFamily, nl.Uint16Attr(family))
	if !whole {
		return a
	}
	a.AddRtAttr(destMethod, nl.Uint32Attr(uint32(d.Method)))
	a.AddRtAttr(destWeight, nl.Uint32Attr(d.Weight))
	a.AddRtAttr(destUpper, nl.Uint32Attr(d.Upper))
	a.AddRtAttr(destLower, nl.Uint32Attr(d.Lower))
	if d.Method == table.Tunneling && d.Tunnel != (table.Tunnel{}) {
		a.AddRtAttr(destTunnelType, nl.Uint8Attr(uint8(d.Tunnel.Type)))
		a.AddRtAttr(destTunnelPort, nl.BEUint16Attr(d.Tunnel.Port))
		a.AddRtAttr(destTunnelFlags, nl.Uint16Attr(uint16(d.Tunnel.Checksum)))
	}
	return a
}

// daemonAttr is a daemon of one state as an attribute.
func daemonAttr(d Daemon, state uint32, whole bool) *nl.RtAttr {
	a := nl.NewRtAttr(attrDaemon, nil)
	a.AddRtAttr(daemonState, nl.Uint32Attr(state))
	if !whole {
		return a
	}
	a.AddRtAttr(daemonInterface, nl.ZeroTerminated(d.Interface))
	a.AddRtAttr(daemonID, nl.Uint32Attr(uint32(d.ID)))
	if d.MaxLen != 0 {
		a.AddRtAttr(daemonMaxLen, nl.Uint16Attr(d.MaxLen))
	}
	if d.Port != 0 {
		a.AddRtAttr(daemonPort, nl.Uint16Attr(d.Port))
	}
	if d.TTL != 0 {
		a.AddRtAttr(daemonTTL, nl.Uint8Attr(d.TTL))
	}
	switch {
	case d.Group.Is4():
		a.AddRtAttr(daemonGroup, d.Group.AsSlice())
	case d.Group.Is6():
		a.AddRtAttr(daemonGroup6, d.Group.AsSlice())
	}
	return a
}
